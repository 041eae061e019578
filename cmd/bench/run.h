/* SPDX-License-Identifier: GPL-2.0-only */
/* One run of a row, each of its streams in a process of its own. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/job.h"

/*
 * Run @row once, and put what came out into *@s. Where that is an error, .rc says so, and what was
 * measured before it is there. For @seconds, which the job's may be too long for.
 */
void bench_run(const struct bench_job *job, const struct bench_row *row, double seconds,
	       struct bench_sample *s);

#endif
