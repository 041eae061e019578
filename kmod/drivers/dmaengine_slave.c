// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel with a device at its other end, which has the data, or gets it: DMA_DEV_TO_MEM and
 * DMA_MEM_TO_DEV.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>

#include "compat.h"
#include "dmaengine.h"

#define FLAGS (DMA_PREP_INTERRUPT | DMA_CTRL_ACK)

static unsigned int count_pieces(struct zcdma_stream *stream, const struct zcdma_block *block)
{
	size_t size = stream->block_size, off, bytes;
	unsigned int pieces = 0;

	for (off = 0; off < size; off += bytes, pieces++) {
		zcdma_block_dma(stream, block, off, &bytes);
		cond_resched();
	}
	return pieces;
}

/*
 * Return the most pieces that a block to be played has. They cannot be counted, as pages of others
 * may be in its place now, and its own memory later.
 */
static unsigned int most_pieces(const struct zcdma_engine_run *r)
{
	size_t least = dma_get_max_seg_size(zcdma_dma_device(r->engine->chan));

	/* A piece ends where a page does, and at a power of two: zcdma_mem_dma(). */
	least = min_t(size_t, rounddown_pow_of_two(least), PAGE_SIZE);
	return max_t(size_t, DIV_ROUND_UP(r->stream->block_size, least), ZCDMA_ENGINE_FRAGS);
}

/*
 * List the pieces of a block, as the channel sees them. The CPU's side of the list stays empty.
 * Returns 0, or -EMSGSIZE if there are more than there is room for.
 */
static int list_pieces(struct zcdma_stream *stream, struct zcdma_transfer *t)
{
	size_t size = zcdma_transfer_bytes(t), off, bytes;
	struct scatterlist *sg = t->sgt.sgl;

	t->pieces = 0;
	for (off = 0; off < size; off += bytes, sg = sg_next(sg)) {
		if (!sg)
			return -EMSGSIZE;
		sg_dma_address(sg) = zcdma_block_dma(stream, t->block, off, &bytes);
		bytes = min(bytes, size - off);
		sg_dma_len(sg) = bytes;
		/* Drivers that look at the CPU's side look for this alone. */
		sg->length = bytes;
		t->pieces++;
	}
	return 0;
}

static void slave_stop(struct zcdma_engine_run *r)
{
	unsigned int i;

	for (i = 0; i < r->stream->blocks; i++)
		sg_free_table(&r->transfer[i].sgt);
}

/* Make room for the pieces of a block; those that are always the same are listed at once. */
static int prepare(struct zcdma_engine_run *r, struct zcdma_transfer *t)
{
	bool out = zcdma_engine_plays(r->engine);
	unsigned int pieces = out ? most_pieces(r) : count_pieces(r->stream, t->block);
	int ret;

	ret = sg_alloc_table(&t->sgt, pieces, GFP_KERNEL_ACCOUNT);
	return ret || out ? ret : list_pieces(r->stream, t);
}

static int slave_start(struct zcdma_engine_run *r)
{
	unsigned int i;
	int ret;

	ret = dmaengine_slave_config(r->engine->chan, &r->engine->config);
	/* One that has nothing to be configured has no such operation. */
	if (ret && ret != -ENOSYS)
		return ret;
	for (i = 0; i < r->stream->blocks; i++) {
		ret = prepare(r, &r->transfer[i]);
		if (ret)
			goto err_stop;
		cond_resched();
	}
	return 0;

err_stop:
	slave_stop(r);
	return ret;
}

static int slave_queue(struct zcdma_transfer *t)
{
	struct zcdma_engine *e = t->run->engine;
	struct scatterlist *sgl = t->sgt.sgl;
	struct dma_async_tx_descriptor *tx;
	int ret;

	ret = zcdma_engine_plays(e) ? list_pieces(t->run->stream, t) : 0;
	if (ret)
		return ret;
	if (t->pieces == 1)
		tx = dmaengine_prep_slave_single(e->chan, sg_dma_address(sgl), sg_dma_len(sgl),
						 e->config.direction, FLAGS);
	else
		tx = dmaengine_prep_slave_sg(e->chan, sgl, t->pieces, e->config.direction, FLAGS);
	return zcdma_transfer_submit(t, tx);
}

const struct zcdma_engine_ops zcdma_engine_slave = {
	.ahead = 32,
	.loses = true,
	.start = slave_start,
	.stop = slave_stop,
	.queue = slave_queue,
};
