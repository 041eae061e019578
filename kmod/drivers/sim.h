/* SPDX-License-Identifier: GPL-2.0-only */
/* What simulated devices do. Their zcdma_stream.priv is a struct zcdma_sim. */
#ifndef ZCDMA_SIM_H
#define ZCDMA_SIM_H

#include <linux/zcdma_device.h>

#include "pattern.h"

struct attribute_group;
struct platform_driver;

struct zcdma_sim {
	struct device *dev;
	bool out;			/* blocks may be of any length */
	/* Fill or play a block, and report it. Called by a thread. */
	void (*serve)(struct zcdma_stream *stream, struct zcdma_block *block);

	/* What a sink found in the stream, from its first block on. */
	struct zcdma_pattern_found found;
};

/* The drvdata of a platform device. */
struct zcdma_sim_card {
	unsigned int channels;
	struct zcdma_device *zdev[];
};

extern const struct zcdma_device_ops zcdma_sim_ops;
extern const struct zcdma_device_ops zcdma_sink_ops;
extern const struct attribute_group *zcdma_sink_groups[];
extern struct platform_driver zcdma_loop_driver;

/* The limits of those that play, by the module's parameters. */
extern struct zcdma_limits zcdma_sim_play_limits;

/* Let a device reach all memory, in pieces of any size. Returns 0, or a negative errno. */
int zcdma_sim_set_dma(struct device *dev);

void zcdma_sim_fill(struct zcdma_stream *stream, struct zcdma_block *block);
void zcdma_sink_play(struct zcdma_stream *stream, struct zcdma_block *block);

/*
 * Return whether a stream is being stopped. Then a block that failed may have failed by that, and
 * is not reported: the core takes it back.
 */
bool zcdma_sim_stops(const struct zcdma_stream *stream);

/* The operations that all simulated devices share. */
int zcdma_sim_start(struct zcdma_stream *stream);
int zcdma_sim_submit(struct zcdma_stream *stream, struct zcdma_block *block);
void zcdma_sim_abort(struct zcdma_stream *stream);

#endif /* ZCDMA_SIM_H */
