// SPDX-License-Identifier: GPL-2.0-only
/* Blocks of an output device on their way to it, and the wait until it has played them. */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "block.h"
#include "control.h"
#include "fault_inject.h"
#include "ring.h"

void zcdma_block_return_empty(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	block->error = 0;
	zcdma_block_offer(ring, block);
	if (!zcdma_control_is_used(ring))
		list_move(&block->node, &ring->free);
	spin_unlock_irqrestore(&zdev->lock, flags);
	wake_up_interruptible_poll(&zdev->wait, EPOLLOUT | EPOLLWRNORM);
}

void zcdma_block_queue(struct zcdma_ring *ring, struct zcdma_block *block, u64 length)
{
	struct zcdma_device *zdev = ring->zdev;

	lockdep_assert_held(&zdev->lock);
	block->length = length;
	block->error = 0;
	block->ready = false;
	block->seq = zdev->stats.next_seq++;
	ring->idle = false;
	zdev->stats.given++;
	zcdma_block_move(ring, block, ZCDMA_FULL, &ring->full);
	if (zcdma_mutant("order"))
		list_move(&block->node, &ring->full);
}

void zcdma_block_make_ready(struct zcdma_ring *ring, struct zcdma_block *block)
{
	unsigned long flags;

	if (!block->index)
		zcdma_mutant_wait("late");
	if (ring->strict)
		zcdma_ring_revoke(ring, block);
	if (!block->frags)
		ring->mem.ops->sync_for_device(&ring->mem, zcdma_ring_buf(ring, block));
	spin_lock_irqsave(&ring->zdev->lock, flags);
	WRITE_ONCE(block->ready, true);
	spin_unlock_irqrestore(&ring->zdev->lock, flags);
	zcdma_ring_submit(ring);
}

bool zcdma_ring_plays(const struct zcdma_ring *ring, u64 length)
{
	return length <= ring->mem.block_size &&
	       IS_ALIGNED(length, ring->zdev->limits.align ?: 1);
}

/* Return whether nothing is left to wait for. */
static bool is_drained(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	bool drained;

	spin_lock_irq(&zdev->lock);
	drained = !zdev->count[ZCDMA_FULL] && !zdev->count[ZCDMA_FILLING];
	spin_unlock_irq(&zdev->lock);
	return drained || !READ_ONCE(ring->running) || READ_ONCE(ring->halted) ||
	       READ_ONCE(zdev->gone);
}

int zcdma_ring_drain(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	bool failed;
	int ret;

	/* What user space put into the control page was queued before. */
	zcdma_ring_collect(ring, UINT_MAX);
	spin_lock_irq(&zdev->lock);
	ring->idle = true;
	spin_unlock_irq(&zdev->lock);
	ret = wait_event_interruptible(zdev->wait, is_drained(ring));
	if (ret)
		return ret;
	if (READ_ONCE(zdev->gone))
		return -ENODEV;
	spin_lock_irq(&zdev->lock);
	failed = ring->failed || ring->halted || zdev->count[ZCDMA_FULL];
	ring->failed = false;
	spin_unlock_irq(&zdev->lock);
	return failed ? -EIO : 0;
}
