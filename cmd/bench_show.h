/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of a bench, and what it means in words. */
#ifndef BENCH_SHOW_H
#define BENCH_SHOW_H

#include "bench_stats.h"

/*
 * The table of what ran, and one of what did not, each row with every repeat in the JSON document; the rows
 * of @crossing are there alone.
 */
void bench_show(struct report *r, const struct bench_rows *rows, const struct bench_rows *crossing,
		bool sweep);

/* Which path to take here, and why. */
void bench_verdict(struct report *r, const struct bench_rows *rows, const char *net);

/* From which block size on each path pays of which there are rows with several. */
void bench_verdict_crossings(struct report *r, const struct bench_rows *rows);

/* What everything is compared to: a path that copies, from the same memory with blocks of the same size. */
const struct bench_row *bench_plain(const struct bench_rows *rows, const struct bench_row *like);

/* The one to take of those that can be compared to it, or NULL. */
const struct bench_row *bench_best_uncopied(const struct bench_rows *rows);

/*
 * What a row costs, in CPU seconds per GB, by a measure that all @rows have; and whose time that is: "at both
 * ends".
 */
double bench_cost(const struct bench_rows *rows, const struct bench_row *row);
const char *bench_cost_whose(const struct bench_rows *rows);

/* Is row @i, which ran and sends, the first one of its path and memory? Theirs follow each other. */
bool bench_begins_line(const struct bench_rows *rows, unsigned i);

/*
 * From which block size on does @like's path cost less than copying from the same memory? 0:
 * never, or it copies itself.
 */
uint64_t bench_crossing(const struct bench_rows *rows, const struct bench_row *like);

/* Does it send anything? A path that needs nothing measures the harness. */
bool bench_sends(const struct bench_row *row);

#endif
