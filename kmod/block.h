/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of a ring know of each other. */
#ifndef ZCDMA_BLOCK_H
#define ZCDMA_BLOCK_H

#include "device.h"
#include "ring.h"

/* block.c. The first two below zdev->lock. */
void zcdma_block_set_state(struct zcdma_ring *ring, struct zcdma_block *block,
			   enum zcdma_state state);
void zcdma_block_move(struct zcdma_ring *ring, struct zcdma_block *block, enum zcdma_state state,
		      struct list_head *list);
/* A block that is nobody's: to the device, or to those that wait for their pages. */
void zcdma_block_give_back(struct zcdma_ring *ring, struct zcdma_block *block);
/* Hand free blocks to the source, as many as it takes. Was there one? */
bool zcdma_ring_arm(struct zcdma_ring *ring);

/* reap.c */
void zcdma_ring_reap_init(struct zcdma_ring *ring);
/* A block that drains, on no list: is it free now? Otherwise it goes on draining. */
bool zcdma_block_settle(struct zcdma_ring *ring, struct zcdma_block *block);
/* Free blocks that have drained, at most @most. Were there any? */
bool zcdma_ring_reap(struct zcdma_ring *ring, unsigned int most);
/* A block drains since now. */
void zcdma_ring_reap_later(struct zcdma_ring *ring);
/* Look for a block at once, for a device that starves. Context: any. */
void zcdma_ring_reap_now(struct zcdma_ring *ring);

/* The device runs, and has neither a block nor the prospect of one. Below zdev->lock. */
static inline bool zcdma_ring_is_starving(const struct zcdma_ring *ring)
{
	const struct zcdma_device *zdev = ring->zdev;

	return zdev->stats.running && !zdev->count[ZCDMA_FREE] && !zdev->count[ZCDMA_FILLING];
}

/* map.c: no mapping shows the block any more, until it is held and touched again. */
void zcdma_ring_revoke(struct zcdma_ring *ring, const struct zcdma_block *block);
/* No mapping shows anything any more, where nobody can make a new one. */
void zcdma_ring_unmap(struct zcdma_ring *ring);

#endif /* ZCDMA_BLOCK_H */
