/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rows there are: paths x memories x block sizes, ways to receive, or what is played. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "bench/job.h"

/*
 * Make rows for the paths in @modes and the memories in @memories (each "all", or names with commas), with
 * each of the @count block sizes. Returns 0, or an exit status after a reported usage error. The caller frees
 * .row.
 */
int bench_plan(struct report *r, const char *modes, const char *memories,
	       const uint64_t *block_bytes, unsigned count, struct bench_rows *rows);

/* Make rows for the ways to receive in @modes. Returns and leaves the same. */
int bench_plan_in(struct report *r, const char *modes, struct bench_rows *rows);

/*
 * Make rows for what is played to a device, of those in @names, by the paths in @modes, with each of the @count block
 * sizes. Returns and leaves the same.
 */
int bench_plan_play(struct report *r, const char *modes, const char *names,
		    const uint64_t *block_bytes, unsigned count, struct bench_rows *rows);

/* List the modes, ways, memories, feeds and networks as tables of the report. */
void bench_list(struct report *r);

#endif
