/* SPDX-License-Identifier: GPL-2.0-only */
/* What the options of bench mean, and which of them go together. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench/job.h"
#include "bench/net.h"

/* The options as they were given; NULL, or 0, where one was not. */
struct bench_options {
	const char *direction, *mode, *memory, *net, *to, *serve, *block, *ring, *repeat, *seconds,
		*streams;
	const char *cpu, *congestion, *sweep, *plot, *compare;
	int check, list;
};

/* Most block sizes that bench_options_blocks() yields. */
#define BENCH_BLOCKS_MOST 16

/* Parse the block sizes to measure. Returns their number, or 0 after a usage error. */
unsigned bench_options_blocks(const struct bench_options *o, struct report *r, uint64_t *block);

/* Parse what the options ask for into @job. Returns false after a usage error. */
bool bench_options_job(const struct bench_options *o, struct report *r, uint64_t largest_block,
		       struct bench_job *job);

/* Return the network that was chosen, or NULL after a usage error. */
const struct bench_net *bench_options_net(const struct bench_options *o, struct report *r);

/* Check the other end before anything is measured. Returns 0, or an exit status after a reported error. */
int bench_options_check_to(const struct bench_options *o, struct report *r, struct zcdma_ctx *ctx,
			   const struct bench_net *net, const struct bench_job *job);

/* Check the options with --serve, and parse its address into @addr. Returns likewise. */
int bench_options_check_serve(const struct bench_options *o, struct report *r,
			      struct zcdma_ctx *ctx, struct zcdma_addr *addr);

#endif
