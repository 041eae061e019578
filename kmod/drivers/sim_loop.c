// SPDX-License-Identifier: GPL-2.0-only
/* A simulated device that captures what is played to it: two devices, one for each side. */
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "compat.h"
#include "sim.h"

struct loop {
	struct zcdma_sim play;		/* its thread copies */
	struct zcdma_device *capture_zdev;
	struct zcdma_device *play_zdev;
	struct mutex lock;		/* .capture, and reports about it */
	struct zcdma_stream *capture;	/* NULL: it does not run, and what is played is dropped */
	spinlock_t armed_lock;		/* the next three */
	struct list_head armed;		/* blocks to capture into */
	struct task_struct *waiting;	/* the thread, for the memory of one of them, or NULL */
	bool stops;			/* .capture; set before that gets a signal */
	wait_queue_head_t wait;		/* for one of them, or the end */
};

static struct zcdma_block *pop_armed(struct loop *loop)
{
	struct zcdma_block *block;
	unsigned long flags;

	spin_lock_irqsave(&loop->armed_lock, flags);
	block = list_first_entry_or_null(&loop->armed, struct zcdma_block, node);
	if (block)
		list_del_init(&block->node);
	spin_unlock_irqrestore(&loop->armed_lock, flags);
	return block;
}

static void unpop_armed(struct loop *loop, struct zcdma_block *block)
{
	unsigned long flags;

	spin_lock_irqsave(&loop->armed_lock, flags);
	list_add(&block->node, &loop->armed);
	spin_unlock_irqrestore(&loop->armed_lock, flags);
}

/* Return whether either side is being stopped. */
static bool is_stopping(struct loop *loop, struct zcdma_stream *play)
{
	return READ_ONCE(loop->stops) || zcdma_sim_stops(play);
}

/* Note that @task waits, or NULL after that. Returns whether the capture is being stopped. */
static bool note_waiting(struct loop *loop, struct task_struct *task)
{
	unsigned long flags;
	bool stops;

	spin_lock_irqsave(&loop->armed_lock, flags);
	loop->waiting = task;
	stops = loop->stops;
	spin_unlock_irqrestore(&loop->armed_lock, flags);
	return stops;
}

/*
 * Memory of another driver may have a fence that is not signalled for long, or never: a stop of
 * either side ends the wait for it by a signal. That of the capture must not end the next wait. To
 * drop that of the other side with it does no harm, as zcdma_sim_stops() was true before it.
 */
static int begin_cpu_access(struct loop *loop, struct zcdma_block *to, struct zcdma_stream *play)
{
	int ret = -EINTR;

	if (!note_waiting(loop, current) && !zcdma_sim_stops(play))
		ret = zcdma_block_begin_cpu_access(loop->capture, to);
	if (note_waiting(loop, NULL))
		flush_signals(current);
	return ret;
}

static int copy_bytes(struct loop *loop, struct zcdma_block *to, struct zcdma_stream *play,
		      struct zcdma_block *from, size_t off, size_t bytes)
{
	size_t done, n, left;
	void *src, *dst;
	int ret;

	ret = begin_cpu_access(loop, to, play);
	if (ret)
		return ret;
	for (done = 0; done < bytes; done += n) {
		src = zcdma_block_vaddr(play, from, off + done, &n);
		dst = zcdma_block_vaddr(loop->capture, to, done, &left);
		n = min3(n, left, bytes - done);
		memcpy(dst, src, n);
		cond_resched();
	}
	return zcdma_block_end_cpu_access(loop->capture, to);
}

/*
 * Copy up to a block of what is played from @off on. Returns how many bytes; 0 where a stop ended
 * the wait for the memory.
 */
static size_t copy(struct loop *loop, struct zcdma_block *to, struct zcdma_stream *play,
		   struct zcdma_block *from, size_t off)
{
	size_t bytes = min_t(size_t, loop->capture->block_size, from->length - off);
	int ret;

	ret = copy_bytes(loop, to, play, from, off, bytes);
	if (ret && is_stopping(loop, play)) {
		unpop_armed(loop, to);
		return 0;
	}
	if (ret)
		zcdma_block_failed(loop->capture, to, ret);
	else
		zcdma_block_done(loop->capture, to, bytes);
	return bytes;
}

/* A device without a rate waits until there is a block to capture into. */
static void wait_for_room(struct loop *loop)
{
	wait_event_idle(loop->wait, !READ_ONCE(loop->capture) ||
			!list_empty_careful(&loop->armed) || kthread_should_stop());
}

/*
 * Pass on what is played from @off on, up to a block. Returns how many bytes, or 0 without a block
 * to capture into: one of both is being stopped, or the capture has just begun.
 */
static size_t pass_on(struct loop *loop, struct zcdma_stream *play, struct zcdma_block *from,
		      size_t off)
{
	size_t bytes = from->length - off;
	struct zcdma_block *to;

	if (!play->rate)
		wait_for_room(loop);
	mutex_lock(&loop->lock);
	if (loop->capture && !READ_ONCE(loop->stops)) {
		to = pop_armed(loop);
		if (!to && zcdma_block_wanted(loop->capture))
			to = pop_armed(loop);
		if (to)
			bytes = copy(loop, to, play, from, off);
		else if (play->rate)
			zcdma_stream_lost(loop->capture, bytes);
		else
			bytes = 0;
	}
	mutex_unlock(&loop->lock);
	return bytes;
}

static void loop_play(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct loop *loop = container_of(stream->priv, struct loop, play);
	size_t off = 0, bytes;
	int ret;

	ret = zcdma_block_begin_cpu_access(stream, block);
	while (!ret && off < block->length) {
		bytes = pass_on(loop, stream, block, off);
		off += bytes;
		if (!bytes && zcdma_sim_stops(stream))
			break;
	}
	ret = ret ?: zcdma_block_end_cpu_access(stream, block);
	/* Else the core takes it back. */
	if (ret && !zcdma_sim_stops(stream))
		zcdma_block_failed(stream, block, ret);
	else if (!ret && off == block->length)
		zcdma_block_done(stream, block, off);
}

static const struct zcdma_device_ops loop_play_ops = {
	.owner = THIS_MODULE,
	.name = "loop",
	.out = true,
	.paced = true,
	.dir = DMA_BIDIRECTIONAL,
	.start = zcdma_sim_start,
	.submit = zcdma_sim_submit,
	.abort = zcdma_sim_abort,
};

static int capture_start(struct zcdma_stream *stream)
{
	struct loop *loop = stream->priv;

	mutex_lock(&loop->lock);
	WRITE_ONCE(loop->stops, false);
	WRITE_ONCE(loop->capture, stream);
	mutex_unlock(&loop->lock);
	return 0;
}

static int capture_submit(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct loop *loop = stream->priv;
	unsigned long flags;

	spin_lock_irqsave(&loop->armed_lock, flags);
	list_add_tail(&block->node, &loop->armed);
	spin_unlock_irqrestore(&loop->armed_lock, flags);
	wake_up(&loop->wait);
	return 0;
}

/* What is played is passed on at once, so nothing waits here. */
static void capture_flush(struct zcdma_stream *stream)
{
}

/* The thread reports with the mutex held, so none of its reports is under way on return. */
static void capture_abort(struct zcdma_stream *stream)
{
	struct loop *loop = stream->priv;
	unsigned long flags;

	spin_lock_irqsave(&loop->armed_lock, flags);
	WRITE_ONCE(loop->stops, true);
	if (loop->waiting)
		send_sig(SIGKILL, loop->waiting, 1);
	spin_unlock_irqrestore(&loop->armed_lock, flags);
	mutex_lock(&loop->lock);
	WRITE_ONCE(loop->capture, NULL);
	mutex_unlock(&loop->lock);
	wake_up(&loop->wait);
}

static const struct zcdma_device_ops loop_capture_ops = {
	.owner = THIS_MODULE,
	.name = "loop",
	.dir = DMA_BIDIRECTIONAL,
	.start = capture_start,
	.submit = capture_submit,
	.flush = capture_flush,
	.abort = capture_abort,
};

static int add_sides(struct loop *loop, struct device *dev)
{
	loop->capture_zdev = zcdma_device_register(dev, dev, &loop_capture_ops, NULL, loop);
	if (IS_ERR(loop->capture_zdev))
		return PTR_ERR(loop->capture_zdev);
	loop->play_zdev = zcdma_device_register(dev, dev, &loop_play_ops, &zcdma_sim_play_limits,
						&loop->play);
	if (!IS_ERR(loop->play_zdev))
		return 0;
	zcdma_device_unregister(loop->capture_zdev);
	return PTR_ERR(loop->play_zdev);
}

static int loop_probe(struct platform_device *pdev)
{
	struct loop *loop;
	int ret;

	loop = devm_kzalloc(&pdev->dev, sizeof(*loop), GFP_KERNEL);
	if (!loop)
		return -ENOMEM;
	loop->play.dev = &pdev->dev;
	loop->play.out = true;
	loop->play.serve = loop_play;
	mutex_init(&loop->lock);
	spin_lock_init(&loop->armed_lock);
	INIT_LIST_HEAD(&loop->armed);
	init_waitqueue_head(&loop->wait);
	ret = zcdma_sim_set_dma(&pdev->dev);
	if (ret)
		return ret;
	ret = add_sides(loop, &pdev->dev);
	if (ret)
		return ret;
	platform_set_drvdata(pdev, loop);
	return 0;
}

static void loop_unbind(struct platform_device *pdev)
{
	struct loop *loop = platform_get_drvdata(pdev);

	zcdma_device_unregister(loop->play_zdev);
	zcdma_device_unregister(loop->capture_zdev);
}

ZCDMA_PLATFORM_REMOVE(loop_remove, loop_unbind)

static int __maybe_unused loop_suspend(struct device *dev)
{
	struct loop *loop = dev_get_drvdata(dev);

	zcdma_device_suspend(loop->play_zdev);
	zcdma_device_suspend(loop->capture_zdev);
	return 0;
}

static int __maybe_unused loop_resume(struct device *dev)
{
	struct loop *loop = dev_get_drvdata(dev);

	zcdma_device_resume(loop->capture_zdev);
	zcdma_device_resume(loop->play_zdev);
	return 0;
}

static SIMPLE_DEV_PM_OPS(loop_pm_ops, loop_suspend, loop_resume);

static void loop_shutdown(struct platform_device *pdev)
{
	loop_suspend(&pdev->dev);
}

struct platform_driver zcdma_loop_driver = {
	.driver = { .name = "zcdma-loop", .pm = &loop_pm_ops },
	.probe = loop_probe,
	.remove = loop_remove,
	.shutdown = loop_shutdown,
};
