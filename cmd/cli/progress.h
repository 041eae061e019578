/* SPDX-License-Identifier: GPL-2.0-only */
/* Progress: a line on the terminal that is written over, one of its own for SIGUSR1, live.h and service.h. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/live.h"
#include "cli/service.h"

struct progress {
	const char *applet;
	bool shown; /* on a terminal */
	bool dirty; /* the cursor is in the line */
	unsigned stats_seen;
	uint64_t start_ns; /* of the data: what passes before its first byte does not count */
	uint64_t next_ns;
	uint64_t last_bytes, last_ns;
	struct live live;
	struct service service;
};

/* Return how many ms a wait may last so that the line stays up to date; -1 is without limit. */
int progress_timeout(const struct progress *p);

/*
 * Begin: @wanted on a terminal, unless the report is quiet or --interval prints lines. A terminal that cannot clear a
 * line (TERM=dumb, or unset) gets no line.
 */
void progress_begin(struct progress *p, struct report *r, const char *applet, bool wanted);

/* The same for a wait that has no figures: the line alone. */
void progress_begin_line(struct progress *p, const struct report *r, const char *applet,
			 bool wanted);

/* Start the clock anew: a sender has come, so that the wait for it is over. */
void progress_restart(struct progress *p);

/* Return true if progress_show() would do something: a line is due, or SIGUSR1 came. */
bool progress_due(const struct progress *p);
void progress_show(struct progress *p, const struct figures *now);

/* Print @part after @part in place of what progress_show() says, as many as fit; NULL is after the last. */
void progress_say(struct progress *p, const char *const part[]);

/* Clear the line. @now: what was done in the end, or NULL after progress_begin_line(). */
void progress_end(struct progress *p, const struct figures *now);

#endif
