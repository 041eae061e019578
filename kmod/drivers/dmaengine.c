// SPDX-License-Identifier: GPL-2.0-only
/* Blocks on their way through a channel, in order, several at a time. */
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dmaengine.h"

static struct zcdma_transfer *pop_done(struct zcdma_capture *c)
{
	struct zcdma_transfer *t;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	t = list_first_entry_or_null(&c->queued, struct zcdma_transfer, node);
	if (t && t->left)
		t = NULL;
	if (t) {
		list_del(&t->node);
		c->count--;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return t;
}

static void report(struct zcdma_transfer *t)
{
	struct zcdma_stream *stream = t->capture->stream;
	size_t bytes = stream->block_size;

	bytes -= min(bytes, t->residue);
	/* A transfer that moved no bytes has failed. */
	if (t->error || !bytes)
		zcdma_block_failed(stream, t->block, t->error ?: -EIO);
	else
		zcdma_block_done(stream, t->block, bytes);
}

static struct zcdma_transfer *next_armed(struct zcdma_capture *c)
{
	struct zcdma_transfer *t = NULL;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	if (!c->stopping && c->count < c->engine->ops->ahead)
		t = list_first_entry_or_null(&c->armed, struct zcdma_transfer, node);
	if (t) {
		list_move_tail(&t->node, &c->queued);
		t->gap = c->begun && !c->count && c->engine->ops->loses;
		c->begun = true;
		c->count++;
		t->offset = c->offset;
		/* Hold a count of our own until queue() has submitted all descriptors. */
		t->left = 1;
		t->residue = 0;
		t->error = 0;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return t;
}

/*
 * Submit @t. Returns false if memory is short now, but other transfers are with the channel: the
 * end of one of them starts the next attempt.
 */
static bool queue(struct zcdma_capture *c, struct zcdma_transfer *t)
{
	unsigned long flags;
	bool later;
	int ret;

	if (t->gap)
		zcdma_stream_gap(c->stream);
	ret = c->engine->ops->queue(t);

	spin_lock_irqsave(&c->lock, flags);
	later = ret == -ENOMEM && t->left == 1 && c->count > 1;
	if (later) {
		list_move(&t->node, &c->armed);
		c->count--;
	} else {
		if (ret)
			t->error = ret;
		if (!--t->left)
			c->news = true;
		c->offset += c->stream->block_size;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return !later;
}

/*
 * Report the transfers that are done, and queue those that are armed. Some drivers run callbacks
 * on several processors at once, or below dma_async_issue_pending(): so one call at a time does
 * this, and a call that comes meanwhile has it start over.
 */
static void run(struct zcdma_capture *c)
{
	struct zcdma_transfer *t;
	unsigned long flags;
	bool mine, queued;

	spin_lock_irqsave(&c->lock, flags);
	c->news = true;
	mine = !c->running;
	c->running = true;
	while (mine && c->news) {
		c->news = false;
		spin_unlock_irqrestore(&c->lock, flags);
		while ((t = pop_done(c)))
			report(t);
		for (queued = false; (t = next_armed(c)) && queue(c, t);)
			queued = true;
		if (queued)
			dma_async_issue_pending(c->engine->chan);
		spin_lock_irqsave(&c->lock, flags);
	}
	if (mine)
		c->running = false;
	spin_unlock_irqrestore(&c->lock, flags);
}

static void run_work(struct work_struct *work)
{
	run(container_of(work, struct zcdma_capture, work));
}

static void kick(struct zcdma_capture *c)
{
	if (c->engine->ops->sleeps)
		queue_work(system_long_wq, &c->work);
	else
		run(c);
}

static void descriptor_result(void *data, const struct dmaengine_result *result)
{
	struct zcdma_transfer *t = data;
	struct zcdma_capture *c = t->capture;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	t->left--;
	t->residue += result->residue;
	if (result->result != DMA_TRANS_NOERROR)
		t->error = -EIO;
	spin_unlock_irqrestore(&c->lock, flags);
	kick(c);
}

static void descriptor_done(void *data)
{
	static const struct dmaengine_result fine = { .result = DMA_TRANS_NOERROR };

	descriptor_result(data, &fine);
}

int zcdma_transfer_submit(struct zcdma_transfer *t, struct dma_async_tx_descriptor *tx)
{
	struct zcdma_capture *c = t->capture;
	unsigned long flags;

	if (!tx)
		return -ENOMEM;
	/* Set both: a descriptor that is used again may have the callbacks of another user. */
	tx->callback = c->engine->silent ? descriptor_done : NULL;
	tx->callback_result = c->engine->silent ? NULL : descriptor_result;
	tx->callback_param = t;
	spin_lock_irqsave(&c->lock, flags);
	t->left++;
	spin_unlock_irqrestore(&c->lock, flags);
	if (!dma_submit_error(dmaengine_submit(tx)))
		return 0;
	spin_lock_irqsave(&c->lock, flags);
	t->left--;
	spin_unlock_irqrestore(&c->lock, flags);
	return -EIO;
}

static struct zcdma_capture *capture_alloc(struct zcdma_stream *stream)
{
	struct zcdma_capture *c;
	unsigned int i;

	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return NULL;
	c->transfer = kvcalloc(stream->blocks, sizeof(*c->transfer), GFP_KERNEL_ACCOUNT);
	if (!c->transfer) {
		kfree(c);
		return NULL;
	}
	for (i = 0; i < stream->blocks; i++) {
		c->transfer[i].capture = c;
		c->transfer[i].block = zcdma_stream_block(stream, i);
	}
	c->stream = stream;
	c->engine = stream->priv;
	c->offset = zcdma_stream_offset(stream);
	INIT_WORK(&c->work, run_work);
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->armed);
	INIT_LIST_HEAD(&c->queued);
	return c;
}

static void capture_free(struct zcdma_capture *c)
{
	kvfree(c->transfer);
	kfree(c);
}

static int engine_start(struct zcdma_stream *stream)
{
	struct zcdma_capture *c;
	int ret;

	c = capture_alloc(stream);
	if (!c)
		return -ENOMEM;
	ret = c->engine->ops->start(c);
	if (ret) {
		capture_free(c);
		return ret;
	}
	stream->context = c;
	return 0;
}

static int engine_submit(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct zcdma_capture *c = stream->context;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	list_add_tail(&c->transfer[block->index].node, &c->armed);
	spin_unlock_irqrestore(&c->lock, flags);
	kick(c);
	return 0;
}

static void engine_abort(struct zcdma_stream *stream)
{
	struct zcdma_capture *c = stream->context;
	int ret;

	spin_lock_irq(&c->lock);
	c->stopping = true;
	spin_unlock_irq(&c->lock);
	/* A call of run() that is under way may still queue a block. */
	while (READ_ONCE(c->running))
		usleep_range(10, 50);
	ret = dmaengine_terminate_async(c->engine->chan);
	if (ret)
		dev_err(c->engine->chan->device->dev, "%s does not stop: %d\n",
			dma_chan_name(c->engine->chan), ret);
	/* Do so after an error too, where dmaengine_terminate_sync() leaves callbacks to come. */
	dmaengine_synchronize(c->engine->chan);
	/*
	 * Not every driver can synchronize: PL330's tasklet may be on its way to a callback. RCU
	 * waits for softirqs.
	 */
	synchronize_rcu();
	cancel_work_sync(&c->work);
	c->engine->ops->stop(c);
	stream->context = NULL;
	capture_free(c);
}

const struct zcdma_device_ops zcdma_dmaengine_ops = {
	.owner = THIS_MODULE,
	.name = "dmaengine",
	.dir = DMA_FROM_DEVICE,
	.start = engine_start,
	.submit = engine_submit,
	.abort = engine_abort,
};
