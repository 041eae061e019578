/* SPDX-License-Identifier: GPL-2.0-only */
/* Medians, and what can be told apart. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include "bench.h"

struct bench_spread {
	double median, low, high;
	unsigned count;
};

/* A figure of one run, for example bytes per second. */
typedef double bench_figure(const struct bench_sample *s);

bench_figure bench_rate;	   /* bytes per second */
bench_figure bench_sender_cpu;	   /* CPU seconds per GB (1e9 bytes), below too */
bench_figure bench_receiver_cpu;   /* NAN where it is not known */
bench_figure bench_both_cpu;	   /* the same */
bench_figure bench_system_cpu;	   /* NAN where the run was too short to tell */
bench_figure bench_calls;	   /* system calls per GB */
bench_figure bench_copies;	   /* of each byte, on the sender's side; NAN: not told */
bench_figure bench_fell_back;	   /* share of the bytes */
bench_figure bench_p50, bench_p99; /* seconds */
bench_figure bench_waiting, bench_overruns;

/* Of @count values, which are sorted by it. None: all NAN. */
struct bench_spread bench_spread_of(double *values, unsigned count);

/* The spread of a figure over the runs of a row. */
struct bench_spread bench_spread(const struct bench_row *row, bench_figure *figure);

/* Is no value of one within the range of the other? Then the medians' order is no accident. */
bool bench_distinct(const struct bench_spread *a, const struct bench_spread *b);

#endif
