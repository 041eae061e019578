/* SPDX-License-Identifier: GPL-2.0-only */
/* The contract between a ring and the device that fills its blocks. */
#ifndef ZCDMA_SOURCE_H
#define ZCDMA_SOURCE_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct zcdma_block;
struct zcdma_ring;

struct zcdma_source_ops {
	const char *name;
	enum dma_data_direction dir;
	/* The device runs from here on. May sleep. What it needs to know is in @ring. */
	int (*start)(struct zcdma_ring *ring);
	/*
	 * Fill @block when its turn comes, and call zcdma_block_done() for it. Context: as for the
	 * callbacks. An error means that there is no room for more now, and the block stays with
	 * the ring.
	 */
	int (*submit)(struct zcdma_ring *ring, struct zcdma_block *block);
	/*
	 * The device stops. May sleep. On return no callback is running or will come, and
	 * all blocks that were submitted and not done are the ring's again.
	 */
	void (*abort)(struct zcdma_ring *ring);
};

extern const struct zcdma_source_ops zcdma_source_sim;

/*
 * The callbacks, from any context in which a spinlock_t can be taken: under PREEMPT_RT that is not a
 * hard interrupt. Only one at a time for a ring.
 */

/* The device filled @bytes of @block. The blocks become full in the order of these calls. */
void zcdma_block_done(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes);

/* The device has data and no block: is there one by now? Then it was submitted. */
bool zcdma_block_wanted(struct zcdma_ring *ring);

/* There was none, and the device dropped @bytes. */
void zcdma_block_lost(struct zcdma_ring *ring, size_t bytes);

#endif /* ZCDMA_SOURCE_H */
