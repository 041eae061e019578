/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways to receive, and one run of a row that does. */
#ifndef BENCH_RECEIVE_H
#define BENCH_RECEIVE_H

#include "bench/job.h"

/* Return the @i-th way, or NULL after the last. Those of streams come first. */
const struct bench_way *bench_way_at(unsigned i);

/* Run a row of .way once, as bench_run() does, in this process. */
void bench_receive(const struct bench_job *job, const struct bench_row *row, double seconds,
		   struct bench_sample *s);

#endif
