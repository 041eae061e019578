/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures of a run while it goes on, at intervals: a line each, and a file of metrics. */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include <popt.h>

#include "cli/figures.h"
#include "cli/report.h"

struct live {
	struct report *report;
	const char *applet;
	uint64_t every_ns; /* 0: neither lines nor a file */
	uint64_t start_ns, next_ns, last_ns;
	double last_cpu;
	uint64_t last_bytes;
	struct tcp_state last_tcp;
	/* In the file of metrics, where a counter must not fall: the most bytes, and segments of earlier connections. */
	uint64_t most_bytes, earlier_retransmitted;
	struct tcp_state metrics_tcp;
	struct zcdma_hist *last_latency;
	bool failed;	/* the file of metrics: said once */
	bool announced; /* it says that the run goes on */
};

/* --interval and --metrics, an included table for popt: see live_parse(). */
extern struct poptOption live_options[];

/* Returns the name of the file of metrics, or NULL. */
const char *live_file(void);

/* Check the values of the options. Returns false after a reported usage error. */
bool live_parse(struct report *r);

/*
 * Check that the file can be written, before the run, whose end is too late to learn that it cannot; a run that is refused
 * leaves the file as it is. Returns false after a reported error, with @hint, or what is known to help if that is NULL.
 */
bool live_check(struct report *r, const char *hint);

/* Begin, where the options ask for it. */
void live_begin(struct live *live, struct report *r, const char *applet);

/* Start the clock anew. */
void live_restart(struct live *live);

/* Returns how many ms a wait may last so that the next line is in time; -1 is without limit. */
int live_timeout(const struct live *live);

/* Returns whether lines are asked for, so that nothing else need show how far it is. */
bool live_has_lines(void);

/* Print the line of the interval that is over, and write the file. */
void live_show(struct live *live, const struct figures *now);

/* The run is over: write the file once more, which says so. */
void live_end(struct live *live, const struct figures *now);

#endif
