// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sources that fill blocks of a pool in the calling thread. */
#include "source/pool_source.h"

#define BLOCKS 16

int zc_pool_source_activate(struct zc_pool_source *p, unsigned uses)
{
	struct zcdma_source_info *info = &p->src.info;
	const bool own = !p->src.target;
	int rc = own ? zc_pool_alloc(p->src.ctx, &p->own, ZC_MEMORY_BEST, ZC_POOL_BLOCK, BLOCKS,
				     uses)
		     : 0;
	const struct zc_ring *ring;

	if (rc)
		return rc;
	p->pool = own ? &p->own : p->src.target;
	ring = &p->pool->ring;
	info->block_size = ring->block_size;
	info->blocks = ring->blocks;
	info->page_size = ring->page_size;
	info->caps = ZCDMA_CAP_MEMORY;
	/* Where nothing asked for a file, it may be one of huge pages, which cannot be spliced from. */
	if (own && uses & (ZC_USE_FD | ZC_USE_SHARE))
		info->caps |= ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	if (own)
		zc_source_offer_ring(&p->src, ring);
	return 0;
}

void zc_pool_source_deactivate(struct zcdma_source *src)
{
	struct zc_pool_source *p = (struct zc_pool_source *)src;

	zc_pool_free(&p->own);
	p->own = (struct zc_pool){ .unused = NULL };
	p->pool = NULL;
	p->filling = false;
	p->filled = 0;
	src->ring = NULL;
	src->info.blocks = 0;
}

static bool is_starved(const struct zc_pool_source *p)
{
	return !p->filling && !p->pool->unused_count;
}

int zc_pool_source_begin(struct zc_pool_source *p)
{
	struct zcdma_source *src = &p->src;

	if (p->pool->error)
		return zc_fail(src->ctx, -p->pool->error, "fresh pages for %s", src->name);
	if (p->failed.rc)
		return zc_error_again(&p->failed, src->ctx);
	src->starved = is_starved(p);
	if (src->starved)
		return -EAGAIN;
	if (!p->filling)
		p->index = zc_pool_take(p->pool);
	p->filling = true;
	return 0;
}

void zc_pool_source_finish(struct zc_pool_source *p, struct zcdma_block *b)
{
	const struct zc_ring *ring = &p->pool->ring;
	const bool in_file = p->src.info.caps & ZCDMA_CAP_FD;

	*b = (struct zcdma_block){
		.data = zc_ring_block(ring, p->index),
		.len = p->filled,
		.offset = p->offset,
		.seq = p->seq++,
		.time_ns = zc_now_ns(),
		.index = p->index,
		.fd = in_file ? ring->fd : -1,
		.fd_offset = in_file ? (int64_t)(p->index * ring->block_size) : -1,
	};
	p->offset += p->filled;
	p->filling = false;
	p->filled = 0;
}

void zc_pool_source_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct zc_pool_source *p = (struct zc_pool_source *)src;

	/* The device whose blocks these were is closed. */
	if (!p->pool)
		return;
	src->stats.replaced += how == ZC_PUT_REPLACE;
	zc_pool_put(p->pool, b->index, how);
	src->starved = is_starved(p);
}

int zc_pool_source_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	return zc_source_share_ring(src, &((const struct zc_pool_source *)src)->pool->ring, desc);
}

void zc_pool_source_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	stats->next_seq = ((struct zc_pool_source *)src)->seq;
}
