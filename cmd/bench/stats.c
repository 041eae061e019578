// SPDX-License-Identifier: GPL-2.0-only
/* Medians, spreads, and a test whether two rows are distinct. */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel counts the whole system in ticks: fewer than these say nothing. */
#define SYSTEM_TICKS 5

/* The most error of the rank test. */
#define ERROR_CHANCE 0.1

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
	return s->cpu_seconds < 0 ? NAN : per_gb(s, s->cpu_seconds);
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
	return s->calls == ZCDMA_UNKNOWN ? NAN : per_gb(s, (double)s->calls);
}

double bench_copies(const struct bench_sample *s)
{
	if (s->unknown_bytes)
		return NAN;
	return per_byte(s, s->user_copied_bytes + s->kernel_copied_bytes);
}

double bench_fell_back(const struct bench_sample *s)
{
	if (s->unknown_bytes)
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

double bench_in_flight(const struct bench_sample *s)
{
	return (double)s->most_in_flight;
}

double bench_overruns(const struct bench_sample *s)
{
	return (double)s->overruns;
}

double bench_lost(const struct bench_sample *s)
{
	return s->offered_bytes ? (double)s->lost_bytes / (double)s->offered_bytes : NAN;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct bench_spread bench_spread_of(const double *values, unsigned count)
{
	struct bench_spread s = { .median = NAN, .low = NAN, .high = NAN };

	for (unsigned i = 0; i < count && s.count < BENCH_REPEATS_MAX; i++) {
		if (!isnan(values[i]))
			s.value[s.count++] = values[i];
	}
	if (!s.count)
		return s;
	qsort(s.value, s.count, sizeof(*s.value), compare);
	s.median = (s.value[(s.count - 1) / 2] + s.value[s.count / 2]) / 2;
	s.low = s.value[0];
	s.high = s.value[s.count - 1];
	return s;
}

struct bench_spread bench_spread(const struct bench_row *row, bench_figure *figure)
{
	double values[BENCH_REPEATS_MAX];

	for (unsigned i = 0; i < row->count; i++)
		values[i] = figure(&row->sample[i]);
	return bench_spread_of(values, row->count);
}

double bench_below(const struct bench_spread *a, const struct bench_spread *b)
{
	double sum = 0;

	for (unsigned i = 0; i < a->count; i++) {
		for (unsigned k = 0; k < b->count; k++)
			sum += (a->value[i] < b->value[k]) - (a->value[i] > b->value[k]);
	}
	return a->count && b->count ? sum / (double)(a->count * b->count) : 0;
}

double bench_chance(unsigned m, unsigned n, unsigned most)
{
	static double orders[BENCH_REPEATS_MAX * BENCH_REPEATS_MAX + 1];
	unsigned last = m * n;
	double all = 0, few = 0;

	memset(orders, 0, sizeof(orders));
	orders[0] = 1;
	for (unsigned i = 1; i <= m; i++) {
		for (unsigned q = last; q >= n + i; q--)
			orders[q] -= orders[q - n - i];
		for (unsigned q = i; q <= last; q++)
			orders[q] += orders[q - i];
	}
	for (unsigned q = 0; q <= last; q++) {
		all += orders[q];
		few += q <= most ? orders[q] : 0;
	}
	return few / all;
}

bool bench_distinct(const struct bench_spread *a, const struct bench_spread *b)
{
	double pairs = (double)a->count * b->count;
	/* Half an inversion for each tie, and rounded up: what is in doubt speaks against a difference. */
	double inversions = ceil((1 - fabs(bench_below(a, b))) * pairs / 2 - 1e-9);

	return a->count >= BENCH_LEAST_REPEATS && b->count >= BENCH_LEAST_REPEATS &&
	       2 * bench_chance(a->count, b->count, (unsigned)inversions) <= ERROR_CHANCE;
}
