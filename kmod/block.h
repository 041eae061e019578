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
/* Put a block on a list that is in the order of the stream. Call with zdev->lock held. */
void zcdma_block_insert(struct zcdma_block *block, struct list_head *list);
/*
 * Submit free or queued blocks to the device until it takes no more. Returns whether it took one.
 */
bool zcdma_ring_submit(struct zcdma_ring *ring);

/* queue.c, of output devices */
/* Put a block that is on no list back among the empty ones, where it is the next again. */
void zcdma_block_return_empty(struct zcdma_ring *ring, struct zcdma_block *block);
/*
 * Queue a block that is on no list for the device, which plays @length bytes of it after
 * zcdma_block_make_ready(). Call with zdev->lock held: where several processors collect what user
 * space gave back, this is what keeps its order.
 */
void zcdma_block_queue(struct zcdma_ring *ring, struct zcdma_block *block, u64 length);
/* Let the device have a block that was queued, after those that were queued before it. */
void zcdma_block_make_ready(struct zcdma_ring *ring, struct zcdma_block *block);
/* Return whether the device plays a block of @length bytes. */
bool zcdma_ring_plays(const struct zcdma_ring *ring, u64 length);

/* take.c */
/*
 * Have a block wait for user space, full, or empty of an output device. Call with zdev->lock held.
 */
void zcdma_block_offer(struct zcdma_ring *ring, struct zcdma_block *block);
/* Let user space have a block that is on no list, in the state @as. Call with zdev->lock held. */
void zcdma_block_hold(struct zcdma_ring *ring, struct zcdma_block *block, enum zcdma_state as);
/* Fill in what user space learns of it. Call with zdev->lock held. */
void zcdma_block_describe(const struct zcdma_ring *ring, const struct zcdma_block *block,
			  struct zcdma_dev_block *b);
/*
 * Collect what user space gave back through the control page, if there is one, until @most blocks
 * of it are free again, or queued. Returns how many are. Context: any.
 */
unsigned int zcdma_ring_collect(struct zcdma_ring *ring, unsigned int most);

/* timeout.c */
void zcdma_timeout_init(struct zcdma_ring *ring, const struct zcdma_dev_setup *setup);
/* Ask the device for blocks that are not full, from its start until zcdma_timeout_stop(). */
void zcdma_timeout_start(struct zcdma_ring *ring);
void zcdma_timeout_stop(struct zcdma_ring *ring);
/*
 * Return whether poll() reports the blocks that wait for user space, if any do. Call with
 * zdev->lock held.
 */
bool zcdma_ring_has_enough(const struct zcdma_ring *ring);
/*
 * Return the key of a wake-up after a block came. Where poll() would go on to wait, it is one that
 * poll() does not ask for, but a call that takes a block looks at none. Call with zdev->lock held.
 */
__poll_t zcdma_ring_wake_key(const struct zcdma_ring *ring);

/* reap.c */
/* The most blocks that are looked at where the caller may be an interrupt. */
#define ZCDMA_LOOKS_ATOMIC 64

/* Return how many of @all to look at for @most blocks: all, where that is UINT_MAX. */
static inline unsigned int zcdma_reap_looks(unsigned int most, unsigned int all)
{
	return most == UINT_MAX ? all : min_t(unsigned int, all, ZCDMA_LOOKS_ATOMIC);
}

void zcdma_ring_reap_init(struct zcdma_ring *ring);
/*
 * Free a draining block that is on no list, or let it go on draining. Returns whether it is free.
 */
bool zcdma_block_try_reclaim(struct zcdma_ring *ring, struct zcdma_block *block);
/*
 * Free blocks that have drained, at most @most; where that is not UINT_MAX, some that have drained
 * may not be found. Returns whether there was one.
 */
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
/* Remove memory that goes with the device from all mappings, for good. */
void zcdma_ring_unmap(struct zcdma_ring *ring);

#endif /* ZCDMA_BLOCK_H */
