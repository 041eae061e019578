/* SPDX-License-Identifier: GPL-2.0-only */
/* What a bench plays to a device, and by which paths. */
#ifndef BENCH_PLAY_H
#define BENCH_PLAY_H

#include "bench/job.h"

#define BENCH_FEED_PATHS 2

/* What is played to a device. */
struct bench_feed {
	const char *name;
	const char *kind; /* of source */
	const char *summary;
	const char *paths[BENCH_FEED_PATHS]; /* that take it to a device */
	bool is_sent; /* by a process of its own, to where the source listens */
	/* Open its source. Returns 0, or a negative errno with the error message set, in @s or in @ctx. */
	int (*open)(struct zcdma_ctx *ctx, const struct bench_job *job, const struct bench_row *row,
		    struct bench_sample *s, struct zcdma_source **src);
};

/* Return the @i-th feed, or NULL after the last. */
const struct bench_feed *bench_feed_at(unsigned i);

/* Return true if the path of that @name takes what the feed has. */
bool bench_feed_takes(const struct bench_feed *feed, const char *name);

/*
 * Open the source of a row that plays, and its path to the device. Returns 0, or a negative errno with the error message
 * set, in @s or in @ctx.
 */
int bench_play_open(struct zcdma_ctx *ctx, const struct bench_job *job, const struct bench_row *row,
		    struct bench_sample *s, struct zcdma_source **src, struct zcdma_path **path);

#endif
