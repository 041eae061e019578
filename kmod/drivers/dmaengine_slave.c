// SPDX-License-Identifier: GPL-2.0-only
/* A channel with a device at its other end, which has the data: DMA_DEV_TO_MEM. */
#include "dmaengine.h"

#define FLAGS (DMA_PREP_INTERRUPT | DMA_CTRL_ACK)

/* The pieces of a block, as the channel sees them. The CPU's side of the list stays empty. */
static int list_pieces(struct zcdma_stream *stream, struct zcdma_transfer *t)
{
	size_t size = stream->block_size, off, bytes;
	unsigned int pieces = 0, i;
	struct scatterlist *sg;
	int ret;

	for (off = 0; off < size; off += bytes, pieces++) {
		zcdma_block_dma(stream, t->block, off, &bytes);
		cond_resched();
	}
	ret = sg_alloc_table(&t->sgt, pieces, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	off = 0;
	for_each_sgtable_dma_sg(&t->sgt, sg, i) {
		sg_dma_address(sg) = zcdma_block_dma(stream, t->block, off, &bytes);
		sg_dma_len(sg) = bytes;
		/* Drivers that look at the CPU's side look for this alone. */
		sg->length = bytes;
		off += bytes;
		cond_resched();
	}
	return 0;
}

static void slave_stop(struct zcdma_capture *c)
{
	unsigned int i;

	for (i = 0; i < c->stream->blocks; i++)
		sg_free_table(&c->transfer[i].sgt);
}

static int slave_start(struct zcdma_capture *c)
{
	unsigned int i;
	int ret;

	ret = dmaengine_slave_config(c->engine->chan, &c->engine->config);
	/* One that has nothing to be configured has no such operation. */
	if (ret && ret != -ENOSYS)
		return ret;
	for (i = 0; i < c->stream->blocks; i++) {
		ret = list_pieces(c->stream, &c->transfer[i]);
		if (ret)
			goto err_stop;
	}
	return 0;

err_stop:
	slave_stop(c);
	return ret;
}

static int slave_queue(struct zcdma_transfer *t)
{
	struct dma_chan *chan = t->capture->engine->chan;
	struct scatterlist *sgl = t->sgt.sgl;
	struct dma_async_tx_descriptor *tx;

	if (t->sgt.nents == 1)
		tx = dmaengine_prep_slave_single(chan, sg_dma_address(sgl), sg_dma_len(sgl),
						 DMA_DEV_TO_MEM, FLAGS);
	else
		tx = dmaengine_prep_slave_sg(chan, sgl, t->sgt.nents, DMA_DEV_TO_MEM, FLAGS);
	return zcdma_transfer_submit(t, tx);
}

const struct zcdma_engine_ops zcdma_engine_slave = {
	.ahead = 32,
	.loses = true,
	.start = slave_start,
	.stop = slave_stop,
	.queue = slave_queue,
};
