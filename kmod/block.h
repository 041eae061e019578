/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of a ring call in each other. */
#ifndef ZCDMA_BLOCK_H
#define ZCDMA_BLOCK_H

#include "types.h"

/* Call these two with zdev->lock held. */
void zcdma_block_set_state(struct zcdma_ring *ring, struct zcdma_block *block,
			   enum zcdma_state state);
void zcdma_block_move(struct zcdma_ring *ring, struct zcdma_block *block, enum zcdma_state state,
		      struct list_head *list);
/* Submit free blocks to the device until it takes no more. Returns whether it took one. */
bool zcdma_ring_submit_free(struct zcdma_ring *ring);

/* reap.c */
void zcdma_ring_reap_init(struct zcdma_ring *ring);
/* Free a draining block that is on no list, or let it go on draining. Returns whether it is free. */
bool zcdma_block_try_reclaim(struct zcdma_ring *ring, struct zcdma_block *block);
/* Free blocks that have drained, at most @most. Returns whether there was one. */
bool zcdma_ring_reap(struct zcdma_ring *ring, unsigned int most);
/* Look for drained blocks soon, as one has begun to drain. */
void zcdma_ring_reap_later(struct zcdma_ring *ring);
/* Look for drained blocks at once, as the device starves. Context: any. */
void zcdma_ring_reap_now(struct zcdma_ring *ring);

/* Return whether the device runs without a free or a filling block. Call with zdev->lock held. */
static inline bool zcdma_ring_is_starving(const struct zcdma_ring *ring)
{
	const struct zcdma_device *zdev = ring->zdev;

	return zdev->stats.running && !zdev->count[ZCDMA_FREE] && !zdev->count[ZCDMA_FILLING];
}

/* Remove the block from all mappings; a fault maps it again while it is held. */
void zcdma_ring_revoke(struct zcdma_ring *ring, const struct zcdma_block *block);
/* Remove the ring from all mappings. The caller makes sure that none is added. */
void zcdma_ring_unmap(struct zcdma_ring *ring);

#endif /* ZCDMA_BLOCK_H */
