/* SPDX-License-Identifier: GPL-2.0-only */
/* A channel of a DMA controller that fills the blocks, or fetches them. */
#ifndef ZCDMA_DMAENGINE_H
#define ZCDMA_DMAENGINE_H

#include <linux/dmaengine.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/zcdma_device.h>

struct zcdma_engine_run;
struct zcdma_transfer;

/* The most pieces of a block that a channel fetches from pages that are not the ring's. */
#define ZCDMA_ENGINE_FRAGS 64U

/* How a channel gets at its data. */
struct zcdma_engine_ops {
	unsigned int ahead;	/* blocks that are with the channel at a time, at most */
	bool sleeps;		/* .queue may */
	bool loses;		/* the device goes on whether or not the channel has a block */
	/* What a run needs, into run->priv. May sleep; so may .stop, which undoes it. */
	int (*start)(struct zcdma_engine_run *run);
	void (*stop)(struct zcdma_engine_run *run);
	/* Fill or fetch the block, by zcdma_transfer_submit(). Returns 0, or a negative errno. */
	int (*queue)(struct zcdma_transfer *t);
};

/* A channel, from when it is bound to a device until it is not. */
struct zcdma_engine {
	struct dma_chan *chan;
	const struct zcdma_engine_ops *ops;
	struct dma_slave_config config;	/* of a slave; else not used */
	bool silent;			/* the channel reports no results */
	struct zcdma_device *zdev;
};

/* A block on its way through the channel. */
struct zcdma_transfer {
	struct list_head node;
	struct zcdma_engine_run *run;
	struct zcdma_block *block;
	struct sg_table sgt;		/* .ops' own, */
	unsigned int pieces;		/* ... of which this many are used */
	u64 offset;			/* in the stream, if all blocks before it are whole */
	unsigned int left;		/* descriptors that have not come back */
	size_t residue;			/* bytes that they did not transfer */
	int error;
	bool gap;			/* the channel had nothing to do before it */
};

/* The channel, from start to abort. */
struct zcdma_engine_run {
	struct zcdma_stream *stream;
	struct zcdma_engine *engine;
	struct zcdma_transfer *transfer;	/* one for each block */
	void *priv;				/* of .ops */
	struct work_struct work;

	spinlock_t lock;		/* what follows, and what changes in a transfer */
	struct list_head armed;
	struct list_head queued;	/* with the channel, in this order */
	unsigned int count;		/* of .queued */
	u64 offset;			/* in the stream, of the next to be queued */
	bool running;			/* a call of advance(r) is under way, */
	bool news;			/* ... and must look again */
	bool begun;			/* the channel had a block */
	bool stopping;
};

extern const struct zcdma_device_ops zcdma_dmaengine_ops;
extern const struct zcdma_device_ops zcdma_dmaengine_ops_out;
extern const struct zcdma_engine_ops zcdma_engine_slave;
extern const struct zcdma_engine_ops zcdma_engine_memcpy;

/* Return whether the channel fetches the blocks. */
static inline bool zcdma_engine_plays(const struct zcdma_engine *e)
{
	return e->config.direction == DMA_MEM_TO_DEV;
}

/* Return how many bytes of the block the channel fills, or fetches. */
static inline size_t zcdma_transfer_bytes(const struct zcdma_transfer *t)
{
	return zcdma_engine_plays(t->run->engine) ? t->block->length : t->run->stream->block_size;
}

/*
 * Hand @tx to the channel. Returns 0, -ENOMEM if @tx is NULL, or -EIO if the channel does not
 * take it.
 */
int zcdma_transfer_submit(struct zcdma_transfer *t, struct dma_async_tx_descriptor *tx);

#endif /* ZCDMA_DMAENGINE_H */
