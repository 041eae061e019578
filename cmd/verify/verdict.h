/* SPDX-License-Identifier: GPL-2.0-only */
/* What verify says of the streams that it has checked. */
#ifndef VERIFY_VERDICT_H
#define VERIFY_VERDICT_H

#include "verify/outcome.h"
#include "cli/report.h"
#include "verify/stream.h"

/* Report the worst that is wrong with the streams as an error, with -v every place. Returns the exit status. */
int verdict(struct report *r, const struct stream *streams, unsigned count);

/* The report's lines on one stream. */
void verdict_report(struct report *r, const struct stream *s);

/* A fault as a sentence's end, into @buf. */
void verdict_describe_fault(const struct zcdma_fault *f, char *buf, size_t len);

/*
 * Judge the data of @res, which has a fault: wrong, and what may be the reason. @expect is what the user asked
 * for.
 */
void verdict_judge_fault(const struct zcdma_check_result *res, const struct expectation *expect,
			 struct verdict *v);

/* Judge datagrams of @res that say nothing of their place: incomplete, where there are any. */
void verdict_judge_unplaced(const struct zcdma_check_result *res, struct verdict *v);

/* A table of @count streams, of which @wanted should have come. */
void verdict_report_all(struct report *r, const struct stream *streams, unsigned count,
			unsigned wanted);

#endif
