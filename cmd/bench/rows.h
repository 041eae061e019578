/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the rows of a bench, in the time that there is, and shows how far it is. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "bench/job.h"
#include "cli/progress.h"

/* How far a bench is, and how long it takes. */
struct bench_pace {
	struct progress progress;
	uint64_t begin_ns; /* of a round of runs, before which ... */
	unsigned before;   /* ... this many were done */
	uint64_t
		deadline_ns; /* begin no run that ends after it, or 0: each row runs as often as asked for */
	unsigned later;		/* how many runs follow this round, before the deadline */
	unsigned done, planned; /* runs, of all rounds up to now */
	unsigned timed;		/* runs whose time was taken ... */
	double extra_seconds;	/* ... with all that belongs to them but what is measured */
};

/* Add a row with what is in @row. */
void bench_rows_add(struct bench_rows *rows, const struct bench_row *row);

/*
 * Where the user chose neither how often nor how long rows run, let all of them end within 20 seconds, or in as much
 * more as @rows are more than 50.
 */
void bench_rows_limit(const struct bench_job *job, struct bench_pace *pace, unsigned rows);

/*
 * Run each row once, to see whether it can run. Before a deadline these runs count, but for the very first, which warms
 * up and is done again; without one they are short, and their figures are thrown away. Returns the number of those that
 * can. Stops at a signal, at the deadline, and, if no row has run yet, at one whose receiver cannot be reached.
 */
unsigned bench_rows_try(const struct bench_job *job, struct bench_rows *rows,
			struct bench_pace *pace);

/*
 * Choose how often and how long rows run, where the user did not (0 in @job): with neither chosen such that all end
 * before the deadline, else within a minute, if that can be. @good rows ran once, @more did not. Returns how many
 * seconds they take at least.
 */
double bench_rows_schedule(struct bench_job *job, struct bench_pace *pace, unsigned good,
			   unsigned more);

/* Return true if more runs of the row may change what the rows say. It has run once at least, or cannot. */
typedef bool bench_in_doubt(const struct bench_rows *rows, const struct bench_row *row);

/*
 * If the time is too short for three runs of all rows, settle those that are the least @in_doubt, and the slowest of
 * them: first for the sake of what comes later, then for that of the others. A few go on in any case.
 */
void bench_rows_cut(const struct bench_job *job, struct bench_rows *rows, struct bench_pace *pace,
		    bench_in_doubt *in_doubt);

/*
 * Run them by turns, so that what else the machine does hits them alike, as often as @job says. If @pace has a
 * deadline, three times, and then those that are @in_doubt, until none is, or the time is up. Stops at a signal.
 */
void bench_rows_run(const struct bench_job *job, struct bench_rows *rows, struct bench_pace *pace,
		    bench_in_doubt *in_doubt);

#endif
