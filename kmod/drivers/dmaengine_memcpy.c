// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel that copies memory, as a stand-in where no device has data: each block is copied from a
 * buffer with the pattern that belongs there.
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "compat.h"
#include "dmaengine.h"
#include "pattern.h"

/* One is copied while the next is written. */
#define BUFFERS 2

struct buffers {
	struct device *dev;
	void *data[BUFFERS];
	dma_addr_t dma[BUFFERS];
	unsigned int next;
};

static void memcpy_stop(struct zcdma_engine_run *r)
{
	struct buffers *b = r->priv;
	unsigned int i;

	for (i = 0; i < BUFFERS; i++) {
		if (b->data[i])
			dma_free_coherent(b->dev, r->stream->block_size, b->data[i], b->dma[i]);
	}
	kfree(b);
}

static int memcpy_start(struct zcdma_engine_run *r)
{
	struct buffers *b;
	unsigned int i;

	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	b->dev = zcdma_dma_device(r->engine->chan);
	r->priv = b;
	for (i = 0; i < BUFFERS; i++) {
		b->data[i] = dma_alloc_coherent(b->dev, r->stream->block_size, &b->dma[i],
						GFP_KERNEL | __GFP_NOWARN);
		if (!b->data[i]) {
			memcpy_stop(r);
			return -ENOMEM;
		}
	}
	return 0;
}

static int memcpy_queue(struct zcdma_transfer *t)
{
	struct zcdma_engine_run *r = t->run;
	struct zcdma_stream *stream = r->stream;
	struct dma_async_tx_descriptor *tx;
	struct buffers *b = r->priv;
	size_t off, bytes;
	dma_addr_t to;
	int ret = 0;

	zcdma_pattern_fill(b->data[b->next], stream->block_size, t->offset, stream->seed);
	for (off = 0; off < stream->block_size; off += bytes) {
		to = zcdma_block_dma(stream, t->block, off, &bytes);
		tx = dmaengine_prep_dma_memcpy(r->engine->chan, to, b->dma[b->next] + off, bytes,
					       DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
		ret = zcdma_transfer_submit(t, tx);
		if (ret)
			break;
	}
	/*
	 * No more blocks are with the channel at a time than there are buffers, and they come back
	 * in order. One of which nothing was taken comes again.
	 */
	if (off)
		b->next = (b->next + 1) % BUFFERS;
	return ret;
}

const struct zcdma_engine_ops zcdma_engine_memcpy = {
	.ahead = BUFFERS,
	.sleeps = true,
	.start = memcpy_start,
	.stop = memcpy_stop,
	.queue = memcpy_queue,
};
