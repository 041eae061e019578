// SPDX-License-Identifier: GPL-2.0-only
/* The states of a block, and its way to the device and back. */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/poll.h>

#include "block.h"
#include "device.h"
#include "source/source.h"

void zcdma_block_set_state(struct zcdma_ring *ring, struct zcdma_block *block,
			   enum zcdma_state state)
{
	lockdep_assert_held(&ring->zdev->lock);
	ring->zdev->count[block->state]--;
	ring->zdev->count[state]++;
	block->state = state;
}

void zcdma_block_move(struct zcdma_ring *ring, struct zcdma_block *block, enum zcdma_state state,
		      struct list_head *list)
{
	zcdma_block_set_state(ring, block, state);
	list_move_tail(&block->node, list);
}

bool zcdma_ring_arm(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	unsigned long flags;
	bool any = false;
	int ret;

	do {
		spin_lock_irqsave(&zdev->lock, flags);
		block = list_first_entry_or_null(&ring->free, struct zcdma_block, node);
		if (!block || !zdev->stats.running) {
			spin_unlock_irqrestore(&zdev->lock, flags);
			return any;
		}
		list_del_init(&block->node);
		zcdma_block_set_state(ring, block, ZCDMA_FILLING);
		ring->arming++;
		spin_unlock_irqrestore(&zdev->lock, flags);

		ring->mem.ops->sync_for_device(&ring->mem, zcdma_ring_buf(ring, block));
		ret = zdev->source->submit(ring, block);

		spin_lock_irqsave(&zdev->lock, flags);
		if (ret)
			zcdma_block_move(ring, block, ZCDMA_FREE, &ring->free);
		any |= !ret;
		ring->arming--;
		spin_unlock_irqrestore(&zdev->lock, flags);
	} while (!ret);
	return any;
}

void zcdma_block_give_back(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_device *zdev = ring->zdev;
	bool idle;

	if (ring->strict)
		zcdma_ring_revoke(ring, block);

	idle = zcdma_block_settle(ring, block);
	spin_lock_irq(&zdev->lock);
	zdev->stats.given++;
	zdev->stats.drained += !idle;
	spin_unlock_irq(&zdev->lock);

	if (idle)
		zcdma_ring_arm(ring);
	else
		zcdma_ring_reap_later(ring);
}

dma_addr_t zcdma_block_dma(const struct zcdma_ring *ring, const struct zcdma_block *block,
			   size_t off, size_t *bytes)
{
	return zcdma_mem_dma(&ring->mem, &ring->mem.buf[block->index], off, bytes);
}

/* A block comes from the device. What it skipped in the stream is its own size. */
static void finish(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes, int error)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;
	bool starving;

	spin_lock_irqsave(&zdev->lock, flags);
	block->length = error ? 0 : bytes;
	block->error = error;
	block->offset = ring->offset;
	block->seq = zdev->stats.next_seq++;
	block->time_ns = ktime_get_ns();
	block->lost = ring->lost;
	block->gap = ring->gap;
	ring->lost = 0;
	ring->gap = false;
	ring->offset += bytes;
	if (error) {
		zdev->stats.failed++;
	} else {
		zdev->stats.blocks++;
		zdev->stats.bytes += bytes;
		zdev->stats.bounced += zcdma_ring_buf(ring, block)->bounced;
	}
	zcdma_block_move(ring, block, ZCDMA_FULL, &ring->full);
	starving = zcdma_ring_is_starving(ring) && zdev->count[ZCDMA_DRAINING];
	spin_unlock_irqrestore(&zdev->lock, flags);
	if (starving)
		zcdma_ring_reap_now(ring);
	wake_up_interruptible_poll(&zdev->wait, EPOLLIN | EPOLLRDNORM);
}

void zcdma_block_done(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes)
{
	if (WARN_ONCE(bytes > ring->mem.block_size, "%s: %zu bytes in a block of %zu\n",
		      ring->zdev->source->name, bytes, ring->mem.block_size))
		bytes = ring->mem.block_size;
	ring->mem.ops->sync_for_cpu(&ring->mem, zcdma_ring_buf(ring, block), bytes);
	finish(ring, block, bytes, 0);
}

void zcdma_block_failed(struct zcdma_ring *ring, struct zcdma_block *block, int error)
{
	finish(ring, block, ring->mem.block_size, error);
}

void zcdma_ring_halted(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.running = 0;
	ring->halted = true;
	spin_unlock_irqrestore(&zdev->lock, flags);
	wake_up_interruptible_all(&zdev->wait);
}

bool zcdma_block_wanted(struct zcdma_ring *ring)
{
	return zcdma_ring_arm(ring) || zcdma_ring_reap(ring, 1);
}

void zcdma_block_lost(struct zcdma_ring *ring, size_t bytes)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	ring->offset += bytes;
	if (ring->lost < U32_MAX)
		ring->lost++;
	zdev->stats.next_seq++;
	zdev->stats.overruns++;
	zdev->stats.lost_bytes += bytes;
	spin_unlock_irqrestore(&zdev->lock, flags);
}

void zcdma_block_gap(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.gaps += !ring->gap;
	ring->gap = true;
	spin_unlock_irqrestore(&zdev->lock, flags);
}

static int start_source(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	int ret;

	ret = zdev->source->start(ring);
	if (ret)
		return ret;
	ring->active = true;
	spin_lock_irq(&zdev->lock);
	/* It may have halted by now. */
	zdev->stats.running = !ring->halted;
	ring->ended = false;
	spin_unlock_irq(&zdev->lock);
	zcdma_ring_arm(ring);
	return 0;
}

static void stop_source(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned int i;

	if (!ring->active)
		return;
	spin_lock_irq(&zdev->lock);
	zdev->stats.running = 0;
	spin_unlock_irq(&zdev->lock);
	/* Nothing new is armed, but somebody may be half way through. */
	while (READ_ONCE(ring->arming))
		usleep_range(10, 50);
	zdev->source->abort(ring);
	ring->active = false;

	spin_lock_irq(&zdev->lock);
	for (i = 0; i < ring->mem.blocks; i++) {
		if (ring->block[i].state == ZCDMA_FILLING)
			zcdma_block_move(ring, &ring->block[i], ZCDMA_FREE, &ring->free);
	}
	spin_unlock_irq(&zdev->lock);
}

int zcdma_ring_start(struct zcdma_ring *ring)
{
	int ret;

	lockdep_assert_held(&ring->zdev->ring_lock);
	if (ring->running)
		return READ_ONCE(ring->halted) ? -EIO : 0;
	if (ring->zdev->asleep)
		return -EIO;
	ret = start_source(ring);
	if (!ret)
		ring->running = true;
	return ret;
}

void zcdma_ring_stop(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;

	lockdep_assert_held(&zdev->ring_lock);
	if (!ring->running)
		return;
	stop_source(ring);
	ring->running = false;
	spin_lock_irq(&zdev->lock);
	ring->halted = false;
	ring->ended = true;
	spin_unlock_irq(&zdev->lock);
	wake_up_interruptible_all(&zdev->wait);
}

void zcdma_ring_suspend(struct zcdma_ring *ring)
{
	lockdep_assert_held(&ring->zdev->ring_lock);
	stop_source(ring);
}

void zcdma_ring_resume(struct zcdma_ring *ring)
{
	int ret;

	lockdep_assert_held(&ring->zdev->ring_lock);
	if (!ring->running || ring->active || READ_ONCE(ring->halted))
		return;
	zcdma_block_gap(ring);
	ret = start_source(ring);
	if (!ret)
		return;
	dev_err(&ring->zdev->dev, "the device does not start again: %d\n", ret);
	zcdma_ring_halted(ring);
}
