// SPDX-License-Identifier: GPL-2.0-only
/* The source sim: a thread that stands in for the device and writes the pattern. */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "fault_inject.h"
#include "pattern.h"
#include "types.h"
#include "sim.h"

struct sim {
	struct zcdma_ring *ring;
	struct task_struct *thread;
	spinlock_t lock;		/* .armed */
	struct list_head armed;
	wait_queue_head_t wait;
	u64 due;			/* when the next block is full, as ktime_get_ns() counts */
	u64 period;			/* ns from one to the next, rounded down */
	u64 rest;			/* of the division by .rate */
	u64 carry;			/* sum of the rests, below .rate */
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

/*
 * The CPU writes what a device would. So the memory is the CPU's meanwhile, and goes back to the
 * device before it is reported as done: with bounce buffers the data takes the way of real DMA.
 */
static void sim_fill(struct sim *sim, struct zcdma_block *block)
{
	struct zcdma_ring *ring = sim->ring;
	struct zcdma_buf *buf = zcdma_ring_buf(ring, block);
	struct zcdma_mem *mem = &ring->mem;
	size_t off, bytes;

	mem->ops->sync_for_cpu(mem, buf, mem->block_size);
	for (off = 0; off < mem->block_size; off += bytes) {
		bytes = min_t(size_t, mem->block_size - off, PAGE_SIZE);
		/* Only this thread moves the offset. */
		zcdma_pattern_fill(mem->ops->vaddr(buf, off), bytes, ring->offset + off,
				   ring->seed);
		cond_resched();
	}
	mem->ops->sync_for_device(mem, buf);
	if (zcdma_mutant("gap") && block->index == 1)
		zcdma_block_gap(ring);
	if (zcdma_mutant("fail") && block->index == 1)
		zcdma_block_failed(ring, block, -EIO);
	else
		zcdma_block_done(ring, block, mem->block_size +
				 (zcdma_mutant("long") ? PAGE_SIZE : 0));
}

static void sim_sleep_until_due(struct sim *sim)
{
	ktime_t due = ns_to_ktime(sim->due);

	set_current_state(TASK_IDLE);
	if (!kthread_should_stop() && ktime_get_ns() < sim->due)
		schedule_hrtimeout_range(&due, 0, HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);
}

static void sim_next_due(struct sim *sim)
{
	u64 rate = sim->ring->rate;

	sim->due += sim->period;
	if (sim->carry >= rate - sim->rest) {
		sim->carry -= rate - sim->rest;
		sim->due++;
	} else {
		sim->carry += sim->rest;
	}
}

/* One block's time: data comes whether or not there is a block for it. */
static void sim_paced(struct sim *sim)
{
	struct zcdma_block *block;

	sim_next_due(sim);
	do {
		sim_sleep_until_due(sim);
		if (kthread_should_stop())
			return;
	} while (ktime_get_ns() < sim->due);

	block = sim_pop(sim);
	if (!block && zcdma_block_wanted(sim->ring))
		block = sim_pop(sim);
	if (block)
		sim_fill(sim, block);
	else
		zcdma_block_lost(sim->ring, sim->ring->mem.block_size);
}

/* As fast as blocks come: nothing is ever lost. */
static void sim_unpaced(struct sim *sim)
{
	struct zcdma_block *block;

	wait_event_idle(sim->wait, !list_empty_careful(&sim->armed) || kthread_should_stop());
	block = sim_pop(sim);
	if (block)
		sim_fill(sim, block);
}

static int sim_thread(void *data)
{
	struct sim *sim = data;

	sim->due = ktime_get_ns();
	while (!kthread_should_stop()) {
		if (sim->ring->rate)
			sim_paced(sim);
		else
			sim_unpaced(sim);
		cond_resched();
	}
	return 0;
}

static int sim_start(struct zcdma_ring *ring)
{
	struct sim *sim;
	int ret;

	sim = kzalloc(sizeof(*sim), GFP_KERNEL);
	if (!sim)
		return -ENOMEM;
	sim->ring = ring;
	spin_lock_init(&sim->lock);
	INIT_LIST_HEAD(&sim->armed);
	init_waitqueue_head(&sim->wait);
	/* A block is at most 1 GiB: no overflow. */
	if (ring->rate)
		sim->period = div64_u64_rem((u64)ring->mem.block_size * NSEC_PER_SEC, ring->rate,
					    &sim->rest);

	sim->thread = kthread_create(sim_thread, sim, "%s", dev_name(&ring->zdev->dev));
	if (IS_ERR(sim->thread)) {
		ret = PTR_ERR(sim->thread);
		kfree(sim);
		return ret;
	}
	ring->source = sim;
	wake_up_process(sim->thread);
	return 0;
}

static int sim_submit(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct sim *sim = ring->source;
	unsigned long flags;

	spin_lock_irqsave(&sim->lock, flags);
	list_add_tail(&block->node, &sim->armed);
	spin_unlock_irqrestore(&sim->lock, flags);
	/* A paced device looks when it is time. */
	if (!ring->rate)
		wake_up(&sim->wait);
	return 0;
}

static void sim_abort(struct zcdma_ring *ring)
{
	struct sim *sim = ring->source;

	kthread_stop(sim->thread);
	/* Armed blocks are the ring's again, which must not find them on a list that is gone. */
	while (sim_pop(sim))
		;
	ring->source = NULL;
	kfree(sim);
}

const struct zcdma_source_ops zcdma_source_sim = {
	.name = "sim",
	.paced = true,
	/* Both ways, as it is the CPU that hands the data to the device: see sim_fill(). */
	.dir = DMA_BIDIRECTIONAL,
	.start = sim_start,
	.submit = sim_submit,
	.abort = sim_abort,
};
