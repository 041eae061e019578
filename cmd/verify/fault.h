/* SPDX-License-Identifier: GPL-2.0-only */
/* Words for the faults of a stream, whether it was received or captured. */
#ifndef VERIFY_FAULT_H
#define VERIFY_FAULT_H

#include "cli/report.h"
#include "verify/outcome.h"
#include "verify/stream.h"

/* Describe @f in @buf of @len bytes, as the end of an error message. */
void fault_describe(const struct zcdma_fault *f, char *buf, size_t len);

/*
 * Judge data that has a fault: wrong, with the likely reason as the hint. @expect is what the user
 * asked for.
 */
void fault_judge(const struct zcdma_check_result *res, const struct expectation *expect,
		 struct verdict *v);

/* Judge datagrams that do not contain their place in the stream: incomplete if there are any. */
void fault_judge_unplaced(const struct zcdma_check_result *res, struct verdict *v);

/* Report how many faults of each kind there are, in lines, and the first one, in JSON only. */
void fault_report(struct report *r, const struct zcdma_check_result *res);

/* Append @count @faults to the JSON @array. */
void fault_list(json_t *array, const struct zcdma_fault *faults, unsigned count);

#endif
