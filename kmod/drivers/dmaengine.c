// SPDX-License-Identifier: GPL-2.0-only
/* Blocks on their way through a channel, in order, several at a time. */
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dmaengine.h"

static struct zcdma_transfer *pop_done(struct zcdma_engine_run *r)
{
	struct zcdma_transfer *t;
	unsigned long flags;

	spin_lock_irqsave(&r->lock, flags);
	t = list_first_entry_or_null(&r->queued, struct zcdma_transfer, node);
	if (t && t->left)
		t = NULL;
	if (t) {
		list_del(&t->node);
		r->count--;
	}
	spin_unlock_irqrestore(&r->lock, flags);
	return t;
}

static void report(struct zcdma_transfer *t)
{
	struct zcdma_stream *stream = t->run->stream;
	size_t bytes = zcdma_transfer_bytes(t);
	bool failed = t->residue >= bytes;

	/* A transfer that moved no bytes has failed, and so has what was not played whole. */
	if (zcdma_engine_plays(t->run->engine))
		failed = t->residue;
	bytes -= min(bytes, t->residue);
	if (t->error || failed)
		zcdma_block_failed(stream, t->block, t->error ?: -EIO);
	else
		zcdma_block_done(stream, t->block, bytes);
}

static struct zcdma_transfer *next_armed(struct zcdma_engine_run *r)
{
	struct zcdma_transfer *t = NULL;
	unsigned long flags;

	spin_lock_irqsave(&r->lock, flags);
	if (!r->stopping && r->count < r->engine->ops->ahead)
		t = list_first_entry_or_null(&r->armed, struct zcdma_transfer, node);
	if (t) {
		list_move_tail(&t->node, &r->queued);
		t->gap = r->begun && !r->count && r->engine->ops->loses;
		r->begun = true;
		r->count++;
		t->offset = r->offset;
		/* Hold a count of our own until queue() has submitted all descriptors. */
		t->left = 1;
		t->residue = 0;
		t->error = 0;
	}
	spin_unlock_irqrestore(&r->lock, flags);
	return t;
}

/*
 * Submit @t. Returns false if memory is short now, but other transfers are with the channel: the
 * end of one of them starts the next attempt.
 */
static bool queue(struct zcdma_engine_run *r, struct zcdma_transfer *t)
{
	unsigned long flags;
	bool later;
	int ret;

	if (t->gap)
		zcdma_stream_gap(r->stream);
	ret = r->engine->ops->queue(t);

	spin_lock_irqsave(&r->lock, flags);
	later = ret == -ENOMEM && t->left == 1 && r->count > 1;
	if (later) {
		list_move(&t->node, &r->armed);
		r->count--;
	} else {
		if (ret)
			t->error = ret;
		if (!--t->left)
			r->news = true;
		r->offset += r->stream->block_size;
	}
	spin_unlock_irqrestore(&r->lock, flags);
	return !later;
}

/*
 * Report the transfers that are done, and queue those that are armed. Some drivers run callbacks
 * on several processors at once, or below dma_async_issue_pending(): so one call at a time does
 * this, and a call that comes meanwhile has it start over.
 */
static void advance(struct zcdma_engine_run *r)
{
	struct zcdma_transfer *t;
	unsigned long flags;
	bool mine, queued;

	spin_lock_irqsave(&r->lock, flags);
	r->news = true;
	mine = !r->running;
	r->running = true;
	while (mine && r->news) {
		r->news = false;
		spin_unlock_irqrestore(&r->lock, flags);
		while ((t = pop_done(r)))
			report(t);
		for (queued = false; (t = next_armed(r)) && queue(r, t);)
			queued = true;
		if (queued)
			dma_async_issue_pending(r->engine->chan);
		spin_lock_irqsave(&r->lock, flags);
	}
	if (mine)
		r->running = false;
	spin_unlock_irqrestore(&r->lock, flags);
}

static void advance_work(struct work_struct *work)
{
	advance(container_of(work, struct zcdma_engine_run, work));
}

static void kick(struct zcdma_engine_run *r)
{
	if (r->engine->ops->sleeps)
		queue_work(system_long_wq, &r->work);
	else
		advance(r);
}

static void descriptor_result(void *data, const struct dmaengine_result *result)
{
	struct zcdma_transfer *t = data;
	struct zcdma_engine_run *r = t->run;
	unsigned long flags;

	spin_lock_irqsave(&r->lock, flags);
	t->left--;
	t->residue += result->residue;
	if (result->result != DMA_TRANS_NOERROR)
		t->error = -EIO;
	spin_unlock_irqrestore(&r->lock, flags);
	kick(r);
}

static void descriptor_done(void *data)
{
	static const struct dmaengine_result fine = { .result = DMA_TRANS_NOERROR };

	descriptor_result(data, &fine);
}

int zcdma_transfer_submit(struct zcdma_transfer *t, struct dma_async_tx_descriptor *tx)
{
	struct zcdma_engine_run *r = t->run;
	unsigned long flags;

	if (!tx)
		return -ENOMEM;
	/* Set both: a descriptor that is used again may have the callbacks of another user. */
	tx->callback = r->engine->silent ? descriptor_done : NULL;
	tx->callback_result = r->engine->silent ? NULL : descriptor_result;
	tx->callback_param = t;
	spin_lock_irqsave(&r->lock, flags);
	t->left++;
	spin_unlock_irqrestore(&r->lock, flags);
	if (!dma_submit_error(dmaengine_submit(tx)))
		return 0;
	spin_lock_irqsave(&r->lock, flags);
	t->left--;
	spin_unlock_irqrestore(&r->lock, flags);
	return -EIO;
}

static struct zcdma_engine_run *run_alloc(struct zcdma_stream *stream)
{
	struct zcdma_engine_run *r;
	unsigned int i;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return NULL;
	r->transfer = kvcalloc(stream->blocks, sizeof(*r->transfer), GFP_KERNEL_ACCOUNT);
	if (!r->transfer) {
		kfree(r);
		return NULL;
	}
	for (i = 0; i < stream->blocks; i++) {
		r->transfer[i].run = r;
		r->transfer[i].block = zcdma_stream_block(stream, i);
	}
	r->stream = stream;
	r->engine = stream->priv;
	r->offset = zcdma_stream_offset(stream);
	INIT_WORK(&r->work, advance_work);
	spin_lock_init(&r->lock);
	INIT_LIST_HEAD(&r->armed);
	INIT_LIST_HEAD(&r->queued);
	return r;
}

static void run_free(struct zcdma_engine_run *r)
{
	kvfree(r->transfer);
	kfree(r);
}

static int engine_start(struct zcdma_stream *stream)
{
	struct zcdma_engine_run *r;
	int ret;

	r = run_alloc(stream);
	if (!r)
		return -ENOMEM;
	ret = r->engine->ops->start(r);
	if (ret) {
		run_free(r);
		return ret;
	}
	stream->context = r;
	return 0;
}

static int engine_submit(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct zcdma_engine_run *r = stream->context;
	unsigned long flags;

	spin_lock_irqsave(&r->lock, flags);
	list_add_tail(&r->transfer[block->index].node, &r->armed);
	spin_unlock_irqrestore(&r->lock, flags);
	kick(r);
	return 0;
}

static void engine_abort(struct zcdma_stream *stream)
{
	struct zcdma_engine_run *r = stream->context;
	int ret;

	spin_lock_irq(&r->lock);
	r->stopping = true;
	spin_unlock_irq(&r->lock);
	/* A call of advance(r) that is under way may still queue a block. */
	while (READ_ONCE(r->running))
		usleep_range(10, 50);
	ret = dmaengine_terminate_async(r->engine->chan);
	if (ret)
		dev_err(r->engine->chan->device->dev, "%s does not stop: %d\n",
			dma_chan_name(r->engine->chan), ret);
	/* Do so after an error too, where dmaengine_terminate_sync() leaves callbacks to come. */
	dmaengine_synchronize(r->engine->chan);
	/*
	 * Not every driver can synchronize: PL330's tasklet may be on its way to a callback. RCU
	 * waits for softirqs.
	 */
	synchronize_rcu();
	cancel_work_sync(&r->work);
	r->engine->ops->stop(r);
	stream->context = NULL;
	run_free(r);
}

const struct zcdma_device_ops zcdma_dmaengine_ops = {
	.owner = THIS_MODULE,
	.name = "dmaengine",
	.dir = DMA_FROM_DEVICE,
	.start = engine_start,
	.submit = engine_submit,
	.abort = engine_abort,
};

const struct zcdma_device_ops zcdma_dmaengine_ops_out = {
	.owner = THIS_MODULE,
	.name = "dmaengine",
	.out = true,
	.dir = DMA_TO_DEVICE,
	.start = engine_start,
	.submit = engine_submit,
	.abort = engine_abort,
};
