// SPDX-License-Identifier: LGPL-2.1-or-later
/* The blocks of a ring that a source fills in the calling thread, and which of them are free. */
#include "memory/block_pool.h"

#include <stdlib.h>

/* The last index is taken first, and put back last: a fast path stays in the cache. */
static void add_all(struct zc_pool *pool, unsigned blocks)
{
	while (pool->unused_count < blocks) {
		pool->unused[pool->unused_count] = pool->unused_count;
		pool->unused_count++;
	}
}

int zc_pool_alloc(struct zcdma_ctx *ctx, struct zc_pool *pool, enum zc_memory memory,
		  size_t block_size, unsigned blocks, unsigned flags)
{
	int rc;

	*pool = (struct zc_pool){ .unused = calloc(blocks, sizeof(*pool->unused)) };
	if (!pool->unused)
		return zc_fail(ctx, ENOMEM, "a ring of %u blocks", blocks);
	rc = zc_ring_alloc(ctx, &pool->ring, memory, block_size, blocks, flags);
	if (rc) {
		free(pool->unused);
		*pool = (struct zc_pool){ .unused = NULL };
		return rc;
	}
	add_all(pool, blocks);
	return 0;
}

int zc_pool_of_ring(struct zcdma_ctx *ctx, struct zc_pool *pool, const struct zc_ring *ring)
{
	*pool = (struct zc_pool){ .ring = *ring,
				  .unused = calloc(ring->blocks, sizeof(*pool->unused)),
				  .foreign = true };
	if (!pool->unused)
		return zc_fail(ctx, ENOMEM, "a ring of %u blocks", ring->blocks);
	add_all(pool, ring->blocks);
	return 0;
}

void zc_pool_free(struct zc_pool *pool)
{
	if (!pool->foreign)
		zc_ring_free(&pool->ring);
	free(pool->unused);
}

void zc_pool_put(struct zc_pool *pool, uint32_t index, enum zc_put how)
{
	unsigned first = index;
	int count = how == ZC_PUT_REPLACE ? zc_ring_renew(&pool->ring, index, &first) : 1;

	if (count < 0)
		pool->error = count;
	while (count-- > 0)
		pool->unused[pool->unused_count++] = first++;
}
