/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables of a bench, and what they mean in words. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench/crossover.h"

/* What a verdict is made from. */
struct bench_outcome {
	const struct bench_rows *rows;
	const struct bench_rows *crossing; /* other block sizes, or with a sweep @rows themselves */
	bool sweep;
	const char *net;
	bool interrupted;	/* by a signal, ... */
	unsigned done, planned; /* ... after .done of .planned runs */
};

/*
 * Show the table of what ran, that of the block sizes, and one of what did not run; each row with every repeat in the
 * JSON document.
 */
void bench_show(struct report *r, const struct bench_outcome *o);

/* Say which path to take here, in one line above all others. */
void bench_headline(struct report *r, const struct bench_outcome *o);

/* Say which path to take here, why, and how sure that is. */
void bench_verdict(struct report *r, const struct bench_outcome *o);

/* Say the same of ways to receive: one verdict for streams, and one for datagrams. */
void bench_verdict_in(struct report *r, const struct bench_outcome *o);

/* Return the row to take, or NULL if none ran. It is the first of those that are as good as the best. */
const struct bench_row *bench_best(const struct bench_rows *rows);

/* Return true if the row is as good as the best, as far as rows are distinct; one must have run. */
bool bench_is_best(const struct bench_rows *rows, const struct bench_row *row);

/* Print how the throughput and the CPU time of @best compare to those of @plain, which the line calls @name. */
void bench_say_ratios(struct report *r, const struct bench_rows *rows, const struct bench_row *best,
		      const struct bench_row *plain, const char *name);

/* Say how many rows ran too few times to be distinct, if any did. */
void bench_say_few(struct report *r, const struct bench_rows *rows);

/* Return the row to take of those that can be compared to copying from the same memory, or NULL. */
const struct bench_row *bench_best_uncopied(const struct bench_rows *rows);

/* Return true if more runs of the row may change a verdict. */
bool bench_may_be_best(const struct bench_rows *rows, const struct bench_row *row);

/* Return true if it is not clear yet which costs less: the row, or the other one with blocks of its size. */
bool bench_cross_in_doubt(const struct bench_rows *crossing, const struct bench_row *row);

/* By what rows are compared: CPU seconds per GB, of as many ends as all of them know. */
struct bench_cost {
	bench_figure *of;
	const char *whose; /* "of both ends" */
	const char *key;   /* "both_ends" */
};

const struct bench_cost *bench_cost(const struct bench_rows *rows);

/* Return true if row @i ran, moves data, and is the first one of its path and memory. Those follow each other. */
bool bench_begins_line(const struct bench_rows *rows, unsigned i);

#endif
