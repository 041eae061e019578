// SPDX-License-Identifier: GPL-2.0-only
/* Blocks on their way to user space and back, taken whole or read as a stream. */
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "block.h"
#include "device.h"
#include "fault_inject.h"
#include "ring.h"
#include "traced.h"

/* .ended and .halted are set after the last block became full. An output does not end. */
static bool has_news(struct zcdma_ring *ring)
{
	return (READ_ONCE(ring->ended) && !ring->out) || READ_ONCE(ring->halted) ||
	       !list_empty_careful(zcdma_ring_for_user(ring));
}

static bool has_enough(struct zcdma_ring *ring)
{
	bool enough;

	/* Any block will do. */
	if (ring->watermark == 1)
		return true;
	spin_lock_irq(&ring->zdev->lock);
	enough = zcdma_ring_has_enough(ring) || ring->ended || ring->halted;
	spin_unlock_irq(&ring->zdev->lock);
	return enough;
}

static bool readable(struct zcdma_ring *ring)
{
	return READ_ONCE(ring->cursor) || (has_news(ring) && has_enough(ring));
}

bool zcdma_ring_ready(struct zcdma_ring *ring)
{
	if (readable(ring))
		return true;
	/* The caller is about to sleep: reclaim drained blocks first. */
	zcdma_ring_reap(ring, UINT_MAX);
	return readable(ring);
}

/* Fill in what user space learns of a block. */
static void describe(const struct zcdma_ring *ring, const struct zcdma_block *block,
		     struct zcdma_dev_block *b)
{
	lockdep_assert_held(&ring->zdev->lock);
	*b = (struct zcdma_dev_block){
		.index = block->index,
		.flags = (block->lost ? ZCDMA_DEV_BLOCK_LOST : 0) |
			 (block->error ? ZCDMA_DEV_BLOCK_ERROR : 0) |
			 (block->gap ? ZCDMA_DEV_BLOCK_GAP : 0),
		.lost = block->lost,
		.length = block->length,
		.mmap_offset = zcdma_ring_start_of(ring, block->index),
		.position = ZCDMA_POSITION + zcdma_ring_start_of(ring, block->index),
		.offset = block->offset,
		.seq = block->seq,
		.time_ns = block->time_ns,
		.error = -block->error,
		.clock = block->device_time ? ring->zdev->ops->clock : ZCDMA_DEV_CLOCK_NONE,
		.device_time = block->device_time,
	};
}

static struct zcdma_block *try_take(struct zcdma_ring *ring, enum zcdma_state as,
				    struct zcdma_dev_block *b)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	int none = -EAGAIN;

	spin_lock_irq(&zdev->lock);
	block = list_first_entry_or_null(zcdma_ring_for_user(ring), struct zcdma_block, node);
	if (ring->halted)
		none = -EIO;
	else if (ring->ended && !ring->out)
		none = -ENODATA;
	/* Otherwise a caller would go on to fill blocks for a device that has halted. */
	if (ring->halted && ring->out)
		block = NULL;
	if (block) {
		list_del_init(&block->node);
		zcdma_block_set_state(ring, block, as);
		zdev->stats.delivered++;
		zcdma_note_taken(ring, block);
		ring->hurry &= !list_empty(&ring->full);
		if (ring->out)
			block->length = 0;
		/* Without the lock another thread may give it back, and the device fill it. */
		if (b)
			describe(ring, block, b);
	}
	spin_unlock_irq(&zdev->lock);
	return block ?: ERR_PTR(none);
}

struct zcdma_block *zcdma_ring_take(struct zcdma_ring *ring, enum zcdma_state as, bool nonblock,
				    struct zcdma_dev_block *b)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	int ret;

	for (;;) {
		block = try_take(ring, as, b);
		if (nonblock || block != ERR_PTR(-EAGAIN))
			return block;
		zcdma_ring_reap(ring, UINT_MAX);
		ret = wait_event_interruptible(zdev->wait, READ_ONCE(zdev->gone) ||
					       has_news(ring));
		if (ret)
			return ERR_PTR(ret);
		if (READ_ONCE(zdev->gone))
			return ERR_PTR(-ENODEV);
	}
}

/* Give a block that is on no list to the device, or let it drain. */
static void give_back(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_device *zdev = ring->zdev;
	bool idle;

	if (ring->strict)
		zcdma_ring_revoke(ring, block);

	idle = zcdma_block_try_reclaim(ring, block);
	spin_lock_irq(&zdev->lock);
	zdev->stats.given++;
	zdev->stats.busy_at_release += !idle;
	spin_unlock_irq(&zdev->lock);

	if (idle)
		zcdma_ring_submit(ring);
	else
		zcdma_ring_reap_later(ring);
}

static void give(struct zcdma_ring *ring, struct zcdma_block *block, u64 length)
{
	if (!ring->out)
		give_back(ring, block);
	else if (length)
		zcdma_block_queue(ring, block, length);
	else
		zcdma_block_return_empty(ring, block);
}

int zcdma_ring_give(struct zcdma_ring *ring, u32 index, u64 length)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	bool held;

	if (index >= ring->mem.blocks)
		return -EINVAL;
	if (ring->out ? !zcdma_ring_plays(ring, length) : length != 0)
		return -EINVAL;
	block = &ring->block[array_index_nospec(index, ring->mem.blocks)];
	spin_lock_irq(&zdev->lock);
	held = block->state == ZCDMA_HELD;
	if (held) {
		zcdma_block_set_state(ring, block, ZCDMA_DRAINING);
		zcdma_note_given(ring, block);
	}
	spin_unlock_irq(&zdev->lock);
	if (!held)
		return -EINVAL;
	give(ring, block, length);
	return 0;
}

/* Two threads that put blocks back at the same time may swap their order. */
void zcdma_ring_untake(struct zcdma_ring *ring, u32 index, u64 seq)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block = &ring->block[index];

	spin_lock_irq(&zdev->lock);
	if (block->state != ZCDMA_HELD || block->seq != seq) {
		spin_unlock_irq(&zdev->lock);
		return;
	}
	zdev->stats.delivered--;
	if (ring->out) {
		zcdma_block_set_state(ring, block, ZCDMA_FREE);
		list_add(&block->node, &ring->free);
	} else {
		zcdma_block_set_state(ring, block, ZCDMA_FULL);
		zcdma_block_insert(block, &ring->full);
	}
	spin_unlock_irq(&zdev->lock);
	wake_up_interruptible_all(&zdev->wait);
}

struct zcdma_block *zcdma_ring_cursor(struct zcdma_ring *ring, bool nonblock, size_t done)
{
	struct zcdma_block *block = ring->cursor;

	lockdep_assert_held(&ring->read_lock);
	if (ring->mem.ops->foreign)
		return ERR_PTR(-EOPNOTSUPP);
	if (!block) {
		block = zcdma_ring_take(ring, ZCDMA_READING, nonblock || done, NULL);
		if (IS_ERR(block))
			return block;
		WRITE_ONCE(ring->cursor, block);
		ring->cursor_off = 0;
	}
	/* The error of an output device's block is that of the last data in it. */
	if (!block->error || ring->out)
		return block;
	if (!done)
		zcdma_ring_advance(ring, 0);
	return ERR_PTR(-EIO);
}

/* Give back the block that the cursor is in. */
static void give_cursor(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block = ring->cursor;

	WRITE_ONCE(ring->cursor, NULL);
	spin_lock_irq(&zdev->lock);
	zcdma_block_set_state(ring, block, ZCDMA_DRAINING);
	zcdma_note_given(ring, block);
	spin_unlock_irq(&zdev->lock);
	give(ring, block, ring->cursor_off);
}

void zcdma_ring_advance(struct zcdma_ring *ring, u64 bytes)
{
	struct zcdma_block *block = ring->cursor;

	lockdep_assert_held(&ring->read_lock);
	ring->cursor_off += bytes;
	if (ring->cursor_off < (ring->out ? ring->mem.block_size : block->length))
		return;
	give_cursor(ring);
}

int zcdma_ring_flush(struct zcdma_ring *ring)
{
	lockdep_assert_held(&ring->read_lock);
	if (!ring->cursor)
		return 0;
	if (!zcdma_ring_plays(ring, ring->cursor_off))
		return -EINVAL;
	give_cursor(ring);
	return 0;
}

struct zcdma_block *zcdma_ring_pin(struct zcdma_ring *ring, u32 index)
{
	struct zcdma_block *block = &ring->block[array_index_nospec(index, ring->mem.blocks)];
	bool held;

	spin_lock_irq(&ring->zdev->lock);
	held = block->state == ZCDMA_HELD;
	if (held && !zcdma_mutant("get"))
		block->users++;
	spin_unlock_irq(&ring->zdev->lock);
	return held ? block : NULL;
}

void zcdma_ring_unpin(struct zcdma_ring *ring, struct zcdma_block *block)
{
	spin_lock_irq(&ring->zdev->lock);
	block->users--;
	spin_unlock_irq(&ring->zdev->lock);
}
