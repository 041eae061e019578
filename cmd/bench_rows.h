/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of a bench are run. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "bench.h"

/* Of a run, before it counts, and at least after that. */
#define BENCH_WARMUP_SECONDS 0.1
#define BENCH_LEAST_SECONDS  0.1

/* One more row, with what is in @row. */
void bench_rows_add(struct bench_rows *rows, const struct bench_row *row);

/* Which of them run at all? The first run of each is thrown away. Their number. */
unsigned bench_rows_try(const struct bench_job *job, struct bench_rows *rows);

/* How long a run may take where @good rows are to run @repeats times. */
double bench_rows_seconds(unsigned good, unsigned repeats);

/* Run them @repeats times, by turns, so that what the machine does besides hits them all alike. */
void bench_rows_run(const struct bench_job *job, struct bench_rows *rows, unsigned repeats);

#endif
