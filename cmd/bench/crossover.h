/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the block size from which on a path costs less than copying. */
#ifndef BENCH_CROSSOVER_H
#define BENCH_CROSSOVER_H

#include "bench/stats.h"

/* What rows of one path and memory with several block sizes say, each compared to its plain row. */
struct bench_crossing {
	const struct bench_row *row;  /* one of the path's; NULL: there is nothing to compare */
	const struct bench_row *than; /* one of those that it is compared to */
	uint64_t first, last;	      /* sizes that could be compared */
	uint64_t from;		      /* it costs less from here on; 0: at no size */
	uint64_t surely_from;	      /* the first of these at which the two are distinct, or 0 */
	uint64_t surely_less;	      /* the last size below it at which they are distinct, or 0 */
	uint64_t but_not; /* the last size from there on at which it distinctly costs more, or 0 */
	bool is_known;	  /* the two are distinct at some size: else .from is 0 */
};

/*
 * Judge the rows of @like's path and memory among @rows by @cost. The size is where a step fits best: each size votes
 * with bench_below(), so that a noisy one moves the answer by a step at most, and does not undo it.
 */
struct bench_crossing bench_crossing(const struct bench_rows *rows, const struct bench_row *like,
				     bench_figure *cost);

/* Return the row that copies from the same memory with blocks of the same size, or NULL. */
const struct bench_row *bench_plain(const struct bench_rows *rows, const struct bench_row *like);

/*
 * Add rows to @crossing for @like's path and for copying from its memory, with blocks of every size of a sweep that
 * fits a ring of @ring_bytes. Those that @rows has are taken from there, samples and all.
 */
void bench_cross_plan(const struct bench_rows *rows, const struct bench_row *like,
		      uint64_t ring_bytes, struct bench_rows *crossing);

#endif
