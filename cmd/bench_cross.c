// SPDX-License-Identifier: GPL-2.0-only
/* From which block size on the path that does best without copying pays. */
#include "bench_cross.h"

#include "bench_rows.h"
#include "bench_show.h"

#define REPEATS 2

/* The same path and memory with blocks of every size. */
static void add_sizes(struct bench_rows *rows, const struct bench_row *like, uint64_t ring_bytes)
{
	static struct bench_row row; /* its samples are large */

	row.path = like->path;
	row.source = like->source;
	row.memory = like->memory;
	for (uint64_t size = BENCH_SWEEP_FIRST; size <= BENCH_SWEEP_LAST; size *= 4) {
		row.block_bytes = size;
		if (ring_bytes / size >= 2)
			bench_rows_add(rows, &row);
	}
}

void bench_cross(const struct bench_job *job, const struct bench_rows *rows,
		 struct bench_rows *crossing)
{
	const struct bench_row *best = bench_best_uncopied(rows);
	struct bench_job brief = *job;

	if (!best)
		return;
	if (brief.seconds > BENCH_LEAST_SECONDS)
		brief.seconds = BENCH_LEAST_SECONDS;
	add_sizes(crossing, best, job->ring_bytes);
	add_sizes(crossing, bench_plain(rows, best), job->ring_bytes);
	bench_rows_try(&brief, crossing);
	bench_rows_run(&brief, crossing, REPEATS);
}
