/* SPDX-License-Identifier: GPL-2.0-only */
/* From which block size on the path that does best without copying pays. */
#ifndef BENCH_CROSS_H
#define BENCH_CROSS_H

#include "bench.h"

/*
 * Run that path, of @rows which ran, and copying from the same memory, with blocks of every size; a
 * short while each. @crossing gets the rows, or none where nothing but copying ran. The caller frees
 * them.
 */
void bench_cross(const struct bench_job *job, const struct bench_rows *rows,
		 struct bench_rows *crossing);

#endif
