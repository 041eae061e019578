// SPDX-License-Identifier: GPL-2.0-only
/* The rows of a bench are run. */
#include "bench_rows.h"

#include <stdlib.h>

#include "bench_run.h"
#include "must.h"
#include "signals.h"

/* A run to see whether a row runs at all, which also warms up what every later one shares. */
#define TRY_SECONDS 0.02

/* All runs together take so long, unless told how long one takes: an answer within a minute. */
#define TOTAL_SECONDS 32
#define MOST_SECONDS  2.0

void bench_rows_add(struct bench_rows *rows, const struct bench_row *row)
{
	rows->row = must(reallocarray(rows->row, rows->count + 1, sizeof(*row)));
	rows->row[rows->count++] = *row;
}

static void fail_row(struct bench_row *row, const struct bench_sample *s)
{
	row->failed = *s;
	row->count = 0;
}

unsigned bench_rows_try(const struct bench_job *job, struct bench_rows *rows)
{
	unsigned good = 0;

	for (unsigned i = 0; i < rows->count && !signals_stop(); i++) {
		struct bench_sample s;

		bench_run(job, &rows->row[i], TRY_SECONDS, &s);
		if (s.rc)
			fail_row(&rows->row[i], &s);
		else
			good++;
	}
	return good;
}

double bench_rows_seconds(unsigned good, unsigned repeats)
{
	double each = good ? TOTAL_SECONDS / (double)(good * repeats) - BENCH_WARMUP_SECONDS : 0;

	return each < BENCH_LEAST_SECONDS ? BENCH_LEAST_SECONDS
	       : each > MOST_SECONDS	  ? MOST_SECONDS
					  : each;
}

void bench_rows_run(const struct bench_job *job, struct bench_rows *rows, unsigned repeats)
{
	for (unsigned repeat = 0; repeat < repeats; repeat++) {
		for (unsigned i = 0; i < rows->count; i++) {
			struct bench_row *row = &rows->row[i];
			struct bench_sample *s = &row->sample[row->count];

			if (row->failed.rc)
				continue;
			bench_run(job, row, job->seconds, s);
			if (signals_stop())
				return;
			if (s->rc)
				fail_row(row, s);
			else
				row->count++;
		}
	}
}
