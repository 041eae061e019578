// SPDX-License-Identifier: GPL-2.0-only
/* Blocks on their way to user space and back, taken whole or read as a stream. */
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "block.h"
#include "control.h"
#include "device.h"
#include "fault_inject.h"
#include "ring.h"
#include "traced.h"

static bool has_blocks(struct zcdma_ring *ring)
{
	if (zcdma_control_is_used(ring))
		return zcdma_control_has_news(ring);
	return !list_empty_careful(zcdma_ring_for_user(ring));
}

/* .ended and .halted are set after the last block became full. An output does not end. */
static bool has_news(struct zcdma_ring *ring)
{
	return (READ_ONCE(ring->ended) && !ring->out) || READ_ONCE(ring->halted) ||
	       has_blocks(ring);
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
	/* poll() is how user space has collected what it gave back through the control page. */
	if (!zcdma_control_is_used(ring) && readable(ring))
		return true;
	/* The caller is about to sleep: reclaim drained blocks first. */
	zcdma_ring_reap(ring, UINT_MAX);
	return readable(ring);
}

void zcdma_block_hold(struct zcdma_ring *ring, struct zcdma_block *block, enum zcdma_state as)
{
	zcdma_block_set_state(ring, block, as);
	ring->zdev->stats.delivered++;
	zcdma_note_taken(ring, block);
	if (ring->out)
		block->length = 0;
}

void zcdma_block_describe(const struct zcdma_ring *ring, const struct zcdma_block *block,
			  struct zcdma_dev_block *b)
{
	lockdep_assert_held(&ring->zdev->lock);
	*b = (struct zcdma_dev_block){
		.size = sizeof(*b),
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

void zcdma_block_offer(struct zcdma_ring *ring, struct zcdma_block *block)
{
	list_del_init(&block->node);
	if (zcdma_control_is_used(ring))
		zcdma_control_offer(ring, block);
	else if (ring->out)
		zcdma_block_move(ring, block, ZCDMA_FREE, &ring->free);
	else
		zcdma_block_move(ring, block, ZCDMA_FULL, &ring->full);
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
		zcdma_block_hold(ring, block, as);
		ring->hurry &= !list_empty(&ring->full);
		/* Without the lock another thread may give it back, and the device fill it. */
		if (b)
			zcdma_block_describe(ring, block, b);
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

	/* All are in the page. */
	if (zcdma_control_is_used(ring))
		return ERR_PTR(-EBUSY);
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

/*
 * Give a block that is on no list to the device, or let it drain. Returns whether the device has
 * it.
 */
static bool give_back(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;
	bool idle;

	if (ring->strict)
		zcdma_ring_revoke(ring, block);

	idle = zcdma_block_try_reclaim(ring, block);
	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.given++;
	zdev->stats.busy_at_release += !idle;
	spin_unlock_irqrestore(&zdev->lock, flags);

	if (idle)
		zcdma_ring_submit(ring);
	else
		zcdma_ring_reap_later(ring);
	return idle;
}

/* Give a block that user space let go of. Return whether it is the device's again. */
static bool give(struct zcdma_ring *ring, struct zcdma_block *block, u64 length)
{
	if (!ring->out)
		return give_back(ring, block);
	if (length)
		zcdma_block_make_ready(ring, block);
	else
		zcdma_block_return_empty(ring, block);
	return length;
}

/* Take a block from user space; give() comes next. Call with zdev->lock held. */
static void let_go(struct zcdma_ring *ring, struct zcdma_block *block, u64 length)
{
	if (ring->out && length)
		zcdma_block_queue(ring, block, length);
	else
		zcdma_block_set_state(ring, block, ZCDMA_DRAINING);
	zcdma_note_given(ring, block);
}

/*
 * Take from user space a block that it gives back, of which an output device is to play @length
 * bytes. Returns NULL if user space holds no such block, or @length is wrong. Call with zdev->lock
 * held.
 */
static struct zcdma_block *end_hold(struct zcdma_ring *ring, u32 index, u64 length)
{
	struct zcdma_block *block;

	lockdep_assert_held(&ring->zdev->lock);
	if (index >= ring->mem.blocks)
		return NULL;
	if (ring->out ? !zcdma_ring_plays(ring, length) : length != 0)
		return NULL;
	block = &ring->block[array_index_nospec(index, ring->mem.blocks)];
	if (block->state != ZCDMA_HELD && !zcdma_mutant("trust"))
		return NULL;
	let_go(ring, block, length);
	return block;
}

int zcdma_ring_give(struct zcdma_ring *ring, u32 index, u64 length)
{
	struct zcdma_block *block;

	spin_lock_irq(&ring->zdev->lock);
	block = end_hold(ring, index, length);
	spin_unlock_irq(&ring->zdev->lock);
	if (!block)
		return -EINVAL;
	give(ring, block, length);
	return 0;
}

/*
 * Get the next block that user space gave back through the control page; *@block is NULL where it
 * cannot be given back. Returns false after the last entry.
 */
static bool collect_next(struct zcdma_ring *ring, struct zcdma_block **block, u64 *length)
{
	unsigned long flags;
	bool any;
	u32 index;

	spin_lock_irqsave(&ring->zdev->lock, flags);
	any = zcdma_control_next(ring, &index, length);
	if (any) {
		*block = end_hold(ring, index, *length);
		if (!*block)
			zcdma_control_refuse(ring);
	}
	spin_unlock_irqrestore(&ring->zdev->lock, flags);
	return any;
}

unsigned int zcdma_ring_collect(struct zcdma_ring *ring, unsigned int most)
{
	unsigned int left = zcdma_reap_looks(most, ring->control.entries);
	unsigned int found = 0;
	struct zcdma_block *block;
	u64 length;

	if (!zcdma_control_is_used(ring))
		return 0;
	while (found < most && left-- && collect_next(ring, &block, &length)) {
		/* As in zcdma_ring_reap(). */
		if (most == UINT_MAX)
			cond_resched();
		if (block)
			found += give(ring, block, length);
	}
	return found;
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
		/* Perhaps poll() is not to wait with it; to look in vain does no harm. */
		ring->hurry = true;
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
	let_go(ring, block, ring->cursor_off);
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
