/* SPDX-License-Identifier: GPL-2.0-only */
/* Progress: a line on the terminal that is written over, and a line of its own for SIGUSR1. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "report.h"

struct progress {
	const char *applet;
	bool shown; /* on a terminal */
	bool dirty; /* the cursor is in the line */
	unsigned stats_seen;
	uint64_t start_ns, next_ns;
	uint64_t last_bytes, last_ns;
};

/* What there is to say. */
struct progress_now {
	uint64_t bytes;
	bool sends;   /* the rest is known too */
	uint64_t seq; /* of the last block */
	uint64_t overruns;
	uint64_t in_flight; /* blocks */
};

/* How long a wait may last, in ms, so that the line stays up to date; -1: for ever. */
int progress_timeout(const struct progress *p);

/* Begin: @wanted on a terminal, unless the report is quiet. */
void progress_begin(struct progress *p, const struct report *r, const char *applet, bool wanted);

/* True where progress_show() would print something: the line is due, or SIGUSR1 came. */
bool progress_due(const struct progress *p);
void progress_show(struct progress *p, const struct progress_now *now);

/* Clear the line. */
void progress_end(struct progress *p);

#endif
