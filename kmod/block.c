// SPDX-License-Identifier: GPL-2.0-only
/* The states of a block, and its way to the device. */
#include "block.h"

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

bool zcdma_ring_submit_free(struct zcdma_ring *ring)
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
