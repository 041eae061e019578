// SPDX-License-Identifier: GPL-2.0-only
/* Simulated devices: a thread stands in for the hardware. One that captures writes the pattern. */
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "sim.h"
#include "sim_fault.h"

struct sim {
	struct zcdma_stream *stream;
	struct task_struct *thread;
	bool stops;			/* set before the thread gets a signal */
	spinlock_t lock;		/* .armed */
	struct list_head armed;
	wait_queue_head_t wait;
	bool hurry;			/* to hand over what has come of a block */
	size_t bytes;			/* of the block that is served */
	u64 begun;			/* when its first byte came, as ktime_get_ns() counts */
	u64 carry;			/* what .begun was rounded down by, in ns / .rate */
	u64 period;			/* ns of a whole block, rounded down */
};

static struct zcdma_block *sim_pop(struct sim *sim)
{
	struct zcdma_block *block;
	unsigned long flags;

	spin_lock_irqsave(&sim->lock, flags);
	block = list_first_entry_or_null(&sim->armed, struct zcdma_block, node);
	if (block)
		list_del_init(&block->node);
	spin_unlock_irqrestore(&sim->lock, flags);
	return block;
}

bool zcdma_sim_stops(const struct zcdma_stream *stream)
{
	const struct sim *sim = stream->context;

	return READ_ONCE(sim->stops);
}

static int write_pattern(struct zcdma_stream *stream, struct zcdma_block *block, size_t size)
{
	size_t off, bytes;
	void *data;
	int ret;

	ret = zcdma_block_begin_cpu_access(stream, block);
	if (ret)
		return ret;
	for (off = 0; off < size; off += bytes) {
		data = zcdma_block_vaddr(stream, block, off, &bytes);
		bytes = min(bytes, size - off);
		zcdma_pattern_fill(data, bytes, zcdma_stream_offset(stream) + off, stream->seed);
		cond_resched();
	}
	return zcdma_block_end_cpu_access(stream, block);
}

/*
 * The CPU writes what a device would. So the memory is the CPU's meanwhile, and goes back to the
 * device before it is reported as done: with bounce buffers the data takes the way of real DMA.
 */
void zcdma_sim_fill(struct zcdma_stream *stream, struct zcdma_block *block)
{
	const struct sim *sim = stream->context;
	size_t size = sim->bytes;
	int ret;

	ret = write_pattern(stream, block, size);
	block->device_time = sim->begun;
	if (zcdma_sim_mutant("gap") && block->index == 1)
		zcdma_stream_gap(stream);
	if (zcdma_sim_mutant("fail") && block->index == 1)
		ret = -EIO;
	/* Else the core takes it back. */
	if (ret && !zcdma_sim_stops(stream))
		zcdma_block_failed(stream, block, ret);
	else if (!ret)
		zcdma_block_done(stream, block, size + (zcdma_sim_mutant("long") ? PAGE_SIZE : 0));
}

static void serve(struct sim *sim, struct zcdma_block *block)
{
	const struct zcdma_sim *device = sim->stream->priv;

	device->serve(sim->stream, block);
}

/* Return when the thread has something to do: the block is full, or its first word is there. */
static u64 sim_due(const struct sim *sim)
{
	u64 word = div64_u64(sizeof(__le64) * NSEC_PER_SEC, sim->stream->rate) + 1;

	return sim->begun + (READ_ONCE(sim->hurry) ? min(word, sim->period) : sim->period);
}

static void sim_sleep_until_due(struct sim *sim)
{
	ktime_t due;

	/* Before .hurry is read, which is set before the thread is woken up. */
	set_current_state(TASK_IDLE);
	due = ns_to_ktime(sim_due(sim));
	if (!kthread_should_stop() && ktime_before(ktime_get(), due))
		schedule_hrtimeout_range(&due, 0, HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);
}

/* Return how many bytes of a block have come by now, in whole words. */
static size_t sim_come(const struct sim *sim)
{
	u64 ns = ktime_get_ns() - sim->begun;

	/* That is less than a block, which is at most 1 GiB: no overflow. */
	if (ns >= sim->period)
		return sim->stream->block_size;
	return round_down(div_u64(ns * sim->stream->rate, NSEC_PER_SEC), sizeof(__le64));
}

/* Go on to what comes after @bytes. */
static void sim_advance(struct sim *sim, size_t bytes)
{
	u64 rate = sim->stream->rate, rest;

	sim->begun += div64_u64_rem((u64)bytes * NSEC_PER_SEC, rate, &rest);
	sim->carry += rest;
	if (sim->carry >= rate) {
		sim->carry -= rate;
		sim->begun++;
	}
}

/*
 * One block's time, or less of it: data comes, or is needed, whether or not there is a block for
 * it. It is lost by whole blocks.
 */
static void sim_paced(struct sim *sim)
{
	size_t whole = sim->stream->block_size;
	const struct zcdma_sim *device = sim->stream->priv;
	struct zcdma_block *block;

	do {
		sim_sleep_until_due(sim);
		if (kthread_should_stop())
			return;
		sim->bytes = sim_come(sim);
	} while (sim->bytes < whole && !(sim->bytes && READ_ONCE(sim->hurry)));
	WRITE_ONCE(sim->hurry, false);

	block = sim_pop(sim);
	if (!block && zcdma_block_wanted(sim->stream))
		block = sim_pop(sim);
	if (!block && sim->bytes < whole)
		return;
	if (block && device->out)
		sim->bytes = block->length;
	if (block)
		serve(sim, block);
	else
		zcdma_stream_lost(sim->stream, whole);
	sim_advance(sim, sim->bytes);
}

/* As fast as blocks come: nothing is ever lost. */
static void sim_unpaced(struct sim *sim)
{
	struct zcdma_block *block;

	wait_event_idle(sim->wait, !list_empty_careful(&sim->armed) || kthread_should_stop());
	block = sim_pop(sim);
	if (!block)
		return;
	/* The first byte of all came as the device was started. */
	if (sim->bytes)
		sim->begun = ktime_get_ns();
	sim->bytes = sim->stream->block_size;
	serve(sim, block);
}

/*
 * Memory of another driver may have a fence that is not signalled for long, or never, and the wait
 * for it ends with a signal. One that comes before it is allowed is lost, but then .stops is set.
 */
static int sim_thread(void *data)
{
	struct sim *sim = data;

	allow_kernel_signal(SIGKILL);
	while (!READ_ONCE(sim->stops)) {
		if (sim->stream->rate)
			sim_paced(sim);
		else
			sim_unpaced(sim);
		cond_resched();
	}
	return 0;
}

/* Make what is to run. */
static int prepare(struct zcdma_stream *stream)
{
	const struct zcdma_sim *device = stream->priv;
	struct sim *sim;
	int ret;

	sim = kzalloc(sizeof(*sim), GFP_KERNEL);
	if (!sim)
		return -ENOMEM;
	sim->stream = stream;
	spin_lock_init(&sim->lock);
	INIT_LIST_HEAD(&sim->armed);
	init_waitqueue_head(&sim->wait);
	/* A block is at most 1 GiB: no overflow. */
	if (stream->rate)
		sim->period = div64_u64((u64)stream->block_size * NSEC_PER_SEC, stream->rate);

	sim->thread = kthread_create(sim_thread, sim, "%s", dev_name(device->dev));
	if (IS_ERR(sim->thread)) {
		ret = PTR_ERR(sim->thread);
		kfree(sim);
		return ret;
	}
	/* It may end before kthread_stop(). */
	get_task_struct(sim->thread);
	stream->context = sim;
	return 0;
}

static void run(struct zcdma_stream *stream, u64 now)
{
	struct sim *sim = stream->context;

	sim->begun = now;
	wake_up_process(sim->thread);
}

int zcdma_sim_start(struct zcdma_stream *stream)
{
	int ret;

	if (zcdma_sim_stall("refuse"))
		return -ETIME;
	ret = prepare(stream);
	if (!ret)
		run(stream, ktime_get_ns());
	return ret;
}

static int sim_start_group(struct zcdma_stream *const *streams, unsigned int count,
			   u64 *device_time)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < count; i++)
		ret = prepare(streams[i]);
	if (ret) {
		/* The last one is not. */
		for (i--; i; i--)
			zcdma_sim_abort(streams[i - 1]);
		return ret;
	}
	*device_time = ktime_get_ns();
	for (i = 0; i < count; i++)
		run(streams[i], *device_time);
	return 0;
}

int zcdma_sim_submit(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct sim *sim = stream->context;
	unsigned long flags;

	spin_lock_irqsave(&sim->lock, flags);
	list_add_tail(&block->node, &sim->armed);
	spin_unlock_irqrestore(&sim->lock, flags);
	/* A paced device looks when it is time. */
	if (!stream->rate)
		wake_up(&sim->wait);
	return 0;
}

/* Without a rate data comes by whole blocks. */
static void sim_flush(struct zcdma_stream *stream)
{
	struct sim *sim = stream->context;

	if (!stream->rate)
		return;
	WRITE_ONCE(sim->hurry, true);
	wake_up_process(sim->thread);
}

void zcdma_sim_abort(struct zcdma_stream *stream)
{
	struct sim *sim = stream->context;

	zcdma_sim_stall("stall");
	WRITE_ONCE(sim->stops, true);
	send_sig(SIGKILL, sim->thread, 1);
	kthread_stop(sim->thread);
	put_task_struct(sim->thread);
	/* Armed blocks are the core's again, which must not find them on a list that is gone. */
	while (sim_pop(sim))
		;
	stream->context = NULL;
	kfree(sim);
}

const struct zcdma_device_ops zcdma_sim_ops = {
	.owner = THIS_MODULE,
	.name = "sim",
	.paced = true,
	.clock = ZCDMA_DEV_CLOCK_MONOTONIC,
	.clock_hz = NSEC_PER_SEC,
	/* Both ways, as it is the CPU that hands the data to the device: see zcdma_sim_fill(). */
	.dir = DMA_BIDIRECTIONAL,
	.start = zcdma_sim_start,
	.start_group = sim_start_group,
	.submit = zcdma_sim_submit,
	.flush = sim_flush,
	.abort = zcdma_sim_abort,
};
