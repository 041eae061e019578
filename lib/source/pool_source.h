/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sources that fill blocks of a pool in the calling thread. */
#ifndef ZCDMA_SOURCE_POOL_SOURCE_H
#define ZCDMA_SOURCE_POOL_SOURCE_H

#include "memory/block_pool.h"
#include "source/source.h"

/* Size of a block in bytes. */
#define ZC_POOL_BLOCK (1u << 20)

/* What these sources share; a kind embeds it as its first member. */
struct zc_pool_source {
	struct zcdma_source src;
	struct zc_pool *pool; /* NULL where the source has no ring; .own, or what .src.target has */
	struct zc_pool own;
	struct zc_error failed; /* after the blocks before, or .rc 0 */

	/* The block that is being filled. */
	bool filling;
	uint32_t index;
	size_t filled; /* bytes */

	uint64_t offset, seq; /* of the next block in the stream */
};

/* Make the ring for @uses (enum zc_use), and describe it in the source's info. Returns as .activate does. */
int zc_pool_source_activate(struct zc_pool_source *p, unsigned uses);

/* Returns whether the blocks are those of a device that plays, which wants them full. */
static inline bool zc_pool_source_fills_target(const struct zc_pool_source *p)
{
	return p->src.target;
}

/* Take a block to fill, unless there is one. Returns 0, -EAGAIN if all are out, or what failed before. */
int zc_pool_source_begin(struct zc_pool_source *p);

/* Returns where the next byte goes. */
static inline uint8_t *zc_pool_source_room(const struct zc_pool_source *p)
{
	return (uint8_t *)zc_ring_block(&p->pool->ring, p->index) + p->filled;
}

/* Describe the block that was filled, as the next one of the stream, in *@b. */
void zc_pool_source_finish(struct zc_pool_source *p, struct zcdma_block *b);

/* Implement a source, as struct zc_source_ops describes. */
void zc_pool_source_deactivate(struct zcdma_source *src);
void zc_pool_source_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how);
int zc_pool_source_share(const struct zcdma_source *src, struct zc_ring_desc *desc);
void zc_pool_source_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats);

#endif
