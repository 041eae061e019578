/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the rows of a bench, in the time that there is, and shows how far it is. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "bench/job.h"
#include "cli/progress.h"

/* How far a bench is, and how long it takes. */
struct bench_pace {
	struct progress progress;
	uint64_t begin_ns;	/* of a round of runs, before which ... */
	unsigned before;	/* ... this many were done */
	uint64_t deadline_ns;	/* begin no further repeat that ends after it, or 0 */
	unsigned later;		/* how many runs follow this round, before the deadline */
	unsigned done, planned; /* runs, of all rounds up to now */
	double each_seconds; /* of a run with all that belongs to it, as measured by bench_rows_try() */
};

/* Add a row with what is in @row. */
void bench_rows_add(struct bench_rows *rows, const struct bench_row *row);

/*
 * Run each row once, shortly, to see whether it can run; the figures are thrown away. Returns the number of those that
 * can. Stops at a signal; and, if no row has run yet, at one whose receiver cannot be reached.
 */
unsigned bench_rows_try(const struct bench_job *job, struct bench_rows *rows,
			struct bench_pace *pace);

/*
 * Choose how often and how long @rows rows run, where the user did not (0 in @job): with neither chosen such that all end
 * within 20 seconds, else within a minute, if that can be. Returns how many seconds they take at least.
 */
double bench_rows_schedule(struct bench_job *job, struct bench_pace *pace, unsigned rows);

/* Return true if more runs of the row may change what the rows say. Each has run three times, or cannot. */
typedef bool bench_in_doubt(const struct bench_rows *rows, const struct bench_row *row);

/*
 * Run them by turns, so that what else the machine does hits them alike, as often as @job says. If @pace has a
 * deadline, three times, and then those that are @in_doubt, until none is, or the time is up. Stops at a signal.
 */
void bench_rows_run(const struct bench_job *job, struct bench_rows *rows, struct bench_pace *pace,
		    bench_in_doubt *in_doubt);

#endif
