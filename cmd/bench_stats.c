// SPDX-License-Identifier: GPL-2.0-only
/* Medians, and what can be told apart. */
#include "bench_stats.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* The kernel counts the whole system in ticks: fewer than these tell nothing. */
#define SYSTEM_TICKS 5

static double per_gb(const struct bench_sample *s, double value)
{
	return s->bytes ? value / ((double)s->bytes / 1e9) : NAN;
}

static double per_byte(const struct bench_sample *s, uint64_t bytes)
{
	return s->bytes ? (double)bytes / (double)s->bytes : NAN;
}

double bench_rate(const struct bench_sample *s)
{
	return s->seconds > 0 ? (double)s->bytes / s->seconds : NAN;
}

double bench_sender_cpu(const struct bench_sample *s)
{
	return per_gb(s, s->cpu_seconds);
}

double bench_receiver_cpu(const struct bench_sample *s)
{
	/* ns for a byte are s for a GB. */
	return s->receiver_cpu_ns < 0 ? NAN : s->receiver_cpu_ns;
}

double bench_both_cpu(const struct bench_sample *s)
{
	return bench_sender_cpu(s) + bench_receiver_cpu(s);
}

double bench_system_cpu(const struct bench_sample *s)
{
	if (s->system_seconds * (double)sysconf(_SC_CLK_TCK) < SYSTEM_TICKS)
		return NAN;
	return per_gb(s, s->system_seconds);
}

double bench_calls(const struct bench_sample *s)
{
	return per_gb(s, (double)s->calls);
}

double bench_copies(const struct bench_sample *s)
{
	if (s->untold_bytes)
		return NAN;
	return per_byte(s, s->user_copied_bytes + s->kernel_copied_bytes);
}

double bench_fell_back(const struct bench_sample *s)
{
	if (s->untold_bytes)
		return NAN;
	/* Completions of what was sent before may come in the time that is measured. */
	return per_byte(s, s->fell_back_bytes < s->bytes ? s->fell_back_bytes : s->bytes);
}

double bench_p50(const struct bench_sample *s)
{
	return (double)s->p50_ns / 1e9;
}

double bench_p99(const struct bench_sample *s)
{
	return (double)s->p99_ns / 1e9;
}

double bench_waiting(const struct bench_sample *s)
{
	return (double)s->most_waiting;
}

double bench_overruns(const struct bench_sample *s)
{
	return (double)s->overruns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct bench_spread bench_spread_of(double *values, unsigned count)
{
	unsigned known = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!isnan(values[i]))
			values[known++] = values[i];
	}
	if (!known)
		return (struct bench_spread){ .median = NAN, .low = NAN, .high = NAN };
	qsort(values, known, sizeof(*values), compare);
	return (struct bench_spread){
		.median = (values[(known - 1) / 2] + values[known / 2]) / 2,
		.low = values[0],
		.high = values[known - 1],
		.count = known,
	};
}

struct bench_spread bench_spread(const struct bench_row *row, bench_figure *figure)
{
	double values[BENCH_REPEATS_MAX];

	for (unsigned i = 0; i < row->count; i++)
		values[i] = figure(&row->sample[i]);
	return bench_spread_of(values, row->count);
}

bool bench_distinct(const struct bench_spread *a, const struct bench_spread *b)
{
	return a->count && b->count && (a->low > b->high || b->low > a->high);
}
