/* SPDX-License-Identifier: GPL-2.0-only */
/* Medians, spreads, and a test whether two rows are distinct. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include "bench/job.h"

/* With fewer values on either side, any order of them may be chance. */
#define BENCH_LEAST_REPEATS 3

struct bench_spread {
	double median, low, high;
	unsigned count;
	double value[BENCH_REPEATS_MAX]; /* in ascending order */
};

/* A figure of one run, for example bytes per second. */
typedef double bench_figure(const struct bench_sample *s);

bench_figure bench_rate;	   /* bytes per second */
bench_figure bench_sender_cpu;	   /* CPU seconds per GB (1e9 bytes), below too; NAN: unknown */
bench_figure bench_receiver_cpu;   /* NAN where it is not known */
bench_figure bench_both_cpu;	   /* the same */
bench_figure bench_system_cpu;	   /* NAN if the run was too short to measure it */
bench_figure bench_calls;	   /* system calls per GB; NAN: unknown */
bench_figure bench_copies;	   /* of each byte, at the measured end; NAN: unknown */
bench_figure bench_fell_back;	   /* share of the bytes */
bench_figure bench_p50, bench_p99; /* seconds */
bench_figure bench_in_flight, bench_overruns;
bench_figure bench_lost; /* share of the bytes of all datagrams that were sent; NAN of a stream */

/* Return the spread of @count values, of which those that are NAN do not count. */
struct bench_spread bench_spread_of(const double *values, unsigned count);

/* Return the spread of a figure over the runs of a row. */
struct bench_spread bench_spread(const struct bench_row *row, bench_figure *figure);

/*
 * Return how often a value of @a is below one of @b, less how often it is above: 1 if all are below, -1 if all are
 * above, 0 if it is even or a side has no values. This is Cliff's delta, on which a single wild value has little hold.
 */
double bench_below(const struct bench_spread *a, const struct bench_spread *b);

/*
 * Return the chance of at most @most inversions where @m and @n values come in any order. Their numbers are the
 * coefficients of the Gaussian binomial, the product of (1 - q^(n+i)) / (1 - q^i) over i = 1 to m.
 */
double bench_chance(unsigned m, unsigned n, unsigned most);

/*
 * Return true if two rows are distinct by the rank test of Mann and Whitney: two-sided, exact, with at most 10 % chance
 * for rows that are the same. Returns false for fewer than BENCH_LEAST_REPEATS values.
 */
bool bench_distinct(const struct bench_spread *a, const struct bench_spread *b);

#endif
