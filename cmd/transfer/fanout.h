/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several receivers of one transfer, or several outputs of a capture: each gets every block, and the end of one is not that
 * of the others.
 */
#ifndef TRANSFER_FANOUT_H
#define TRANSFER_FANOUT_H

#include <popt.h>

#include "transfer/transfer.h"

#define FANOUT_MOST 64u

/* --drop-slow: an included table for popt. */
extern struct poptOption fanout_options[];

struct fanout {
	struct transfer_several several; /* first: fanout.c finds the rest by it */
	const char *what;		 /* each is called: "receiver" or "output" */
	unsigned count, left;		 /* receivers, and those that go on */
	unsigned failed;		 /* of those that ended: a signal does not explain it */
	bool sending;			 /* a block, which some have, and others do not yet */
	uint64_t drop_slow;		 /* blocks more than the fastest that one may hold, or 0 */
	struct fanout_receiver {
		struct zcdma_path *path;
		char to[256];
		bool ended;
		char why[256];
		uint64_t acknowledged; /* bytes, or ZCDMA_UNKNOWN */
	} receiver[FANOUT_MOST];
};

/* Parse --drop-slow, for @count receivers, each of which is called @what. Returns 0, or an exit status after a reported error. */
int fanout_parse(struct fanout *f, struct report *r, unsigned count, const char *what);

/* Check it against the ring of @t, once that is made. Returns likewise. */
int fanout_check_ring(const struct fanout *f, const struct transfer *t, struct report *r);

/* Let @t send to several receivers. */
void fanout_begin(struct fanout *f, struct transfer *t);

/* Add the receiver @to, which the path of @t sends to. */
void fanout_add(struct fanout *f, struct transfer *t, const char *to);

/*
 * End the @i-th receiver for the reason @why of the error @rc, if it goes on. Returns 0 if others do, or @rc.
 */
int fanout_fail(struct fanout *f, struct transfer *t, unsigned i, int rc, const char *why);

/* Report a table with what each receiver got. */
void fanout_report(const struct transfer *t, struct report *r);

/*
 * Returns @status, or STATUS_INCOMPLETE after a reported error if one of the receivers did not get everything; one that went
 * away after a signal has that signal's.
 */
int fanout_check(const struct fanout *f, struct report *r, int status);

void fanout_close(struct fanout *f);

#endif
