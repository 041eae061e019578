// SPDX-License-Identifier: GPL-2.0-only
/* The states of a block, and its way to the device. */
#include "block.h"
#include "traced.h"

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

void zcdma_block_insert(struct zcdma_block *block, struct list_head *list)
{
	struct zcdma_block *next;

	list_for_each_entry(next, list, node) {
		if (next->seq > block->seq)
			break;
	}
	list_move_tail(&block->node, &next->node);
}

static struct zcdma_block *pop_queued(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;

	spin_lock(&zdev->lock);
	block = list_first_entry_or_null(&ring->full, struct zcdma_block, node);
	/* The blocks after one that is not ready wait: zcdma_block_make_ready() submits them. */
	if (!zdev->stats.running || (block && !block->ready))
		block = NULL;
	if (block) {
		list_del_init(&block->node);
		zcdma_block_set_state(ring, block, ZCDMA_FILLING);
		zcdma_note_submitted(block);
		ring->submitting++;
	}
	spin_unlock(&zdev->lock);
	return block;
}

/* Submit the block that was queued first. Returns false if none is, or the device is full. */
static bool submit_first(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block = pop_queued(ring);
	int ret;

	if (!block)
		return false;
	ret = zdev->ops->submit(&ring->stream, block);
	spin_lock(&zdev->lock);
	if (ret) {
		zcdma_block_set_state(ring, block, ZCDMA_FULL);
		list_add(&block->node, &ring->full);
	}
	ring->submitting--;
	spin_unlock(&zdev->lock);
	return !ret;
}

/*
 * Submit what user space queued, in order, so one block at a time: there may be thousands, and
 * interrupts wait for the lock. It was synced before it was ready.
 */
static bool submit_queued(struct zcdma_ring *ring)
{
	unsigned long flags;
	bool any = false;
	bool more;

	do {
		spin_lock_irqsave(&ring->submit_lock, flags);
		more = submit_first(ring);
		spin_unlock_irqrestore(&ring->submit_lock, flags);
		any |= more;
	} while (more);
	return any;
}

static bool submit_free(struct zcdma_ring *ring)
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
		block->device_time = 0;
		zcdma_note_submitted(block);
		ring->submitting++;
		spin_unlock_irqrestore(&zdev->lock, flags);

		ring->mem.ops->sync_for_device(&ring->mem, zcdma_ring_buf(ring, block));
		ret = zdev->ops->submit(&ring->stream, block);

		spin_lock_irqsave(&zdev->lock, flags);
		if (ret)
			zcdma_block_move(ring, block, ZCDMA_FREE, &ring->free);
		any |= !ret;
		ring->submitting--;
		spin_unlock_irqrestore(&zdev->lock, flags);
	} while (!ret);
	return any;
}

bool zcdma_ring_submit(struct zcdma_ring *ring)
{
	return ring->out ? submit_queued(ring) : submit_free(ring);
}
