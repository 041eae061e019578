/* SPDX-License-Identifier: GPL-2.0-only */
/* Several receivers of one transfer: each gets every block, and the end of one is not that of the others. */
#ifndef TRANSFER_FANOUT_H
#define TRANSFER_FANOUT_H

#include "transfer/transfer.h"

#define FANOUT_MOST 64u

struct fanout {
	struct transfer_several several; /* first: fanout.c finds the rest by it */
	unsigned count, left;		 /* receivers, and those that go on */
	uint64_t drop_slow;		 /* blocks more than the fastest that one may hold, or 0 */
	struct fanout_receiver {
		struct zcdma_path *path;
		char to[128];
		bool ended;
		char why[256];
		uint64_t acknowledged; /* bytes, or ZCDMA_UNKNOWN */
	} receiver[FANOUT_MOST];
};

/* Let @t send to several receivers, and wait for the slowest if @drop_slow is 0. */
void fanout_begin(struct fanout *f, struct transfer *t, uint64_t drop_slow);

/* Add the receiver @to, which the path of @t sends to. */
void fanout_add(struct fanout *f, struct transfer *t, const char *to);

/* Report a table with what each receiver got. */
void fanout_report(const struct transfer *t, struct report *r);

/* Returns @status, or STATUS_INCOMPLETE after a reported error if one of the receivers did not get everything. */
int fanout_check(const struct fanout *f, struct report *r, int status);

void fanout_close(struct fanout *f);

#endif
