/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a recording is cut: --split. */
#ifndef RECORD_SPLIT_H
#define RECORD_SPLIT_H

#include "cli/report.h"

/* One of the two is 0; both are where nothing is cut. */
struct split {
	uint64_t bytes; /* that a file has at most */
	uint64_t ns;	/* after which a new file begins */
};

/* Parse the value @text of --split, "4G" or "60s". Returns false after a reported usage error. */
bool split_parse(struct report *r, const char *text, struct split *split);

/* Parse the value @text of @option, "2s"; NULL leaves *@ns alone. Returns false after a reported usage error. */
bool time_parse(struct report *r, const char *option, const char *text, uint64_t *ns);

#endif
