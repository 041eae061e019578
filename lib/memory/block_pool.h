/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The blocks of a ring that a source fills in the calling thread, and which of them are free. */
#ifndef ZCDMA_MEMORY_BLOCK_POOL_H
#define ZCDMA_MEMORY_BLOCK_POOL_H

#include "memory/ring.h"

struct zc_pool {
	struct zc_ring ring; /* .base is NULL before zc_pool_alloc() */
	uint32_t *unused;    /* indexes */
	unsigned unused_count;
	bool foreign; /* .ring is its owner's to free */
	int error;    /* a negative errno if fresh pages could not be allocated, else 0 */
};

/* Make a pool, as zc_ring_alloc() makes a ring. On error there is nothing to free. */
int zc_pool_alloc(struct zcdma_ctx *ctx, struct zc_pool *pool, enum zc_memory memory,
		  size_t block_size, unsigned blocks, unsigned flags);
void zc_pool_free(struct zc_pool *pool);

/*
 * Make a pool of the blocks of @ring, whose memory stays its owner's: zc_pool_free() does not free it, and no page of it is
 * replaced. Returns 0 or -ENOMEM with the error message set.
 */
int zc_pool_of_ring(struct zcdma_ctx *ctx, struct zc_pool *pool, const struct zc_ring *ring);

/* Take a free block; one must be. Returns its index. */
static inline uint32_t zc_pool_take(struct zc_pool *pool)
{
	return pool->unused[--pool->unused_count];
}

/* Put a block back, as zc_source_put() does. */
void zc_pool_put(struct zc_pool *pool, uint32_t index, enum zc_put how);

#endif
