/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of a user-space ring, whose pages can be replaced while others still read them. */
#ifndef ZCDMA_RING_H
#define ZCDMA_RING_H

#include "internal.h"

struct zc_ring {
	int fd; /* the memfd, in which block i begins at i * block_size; -1 for anonymous memory */
	unsigned char *base;
	size_t block_size;
	unsigned blocks;
	size_t page_size; /* of its memory, as the kernel gave it */
	void *reserved;	  /* address space that @base lies in */
	size_t reserved_size;
	unsigned unit;	 /* blocks whose pages can only be renewed together */
	bool giving;	 /* made with ZCDMA_SOURCE_GIVE */
	unsigned *given; /* blocks given away, for each unit */
};

/*
 * Make a ring. @block_size is a multiple of the page size. @flags: enum zcdma_source_flags; they
 * decide what memory it is made of. On error there is nothing to free.
 */
int zc_ring_alloc(struct zcdma_ctx *ctx, struct zc_ring *ring, size_t block_size, unsigned blocks,
		  unsigned flags);
void zc_ring_free(struct zc_ring *ring);

static inline void *zc_ring_block(const struct zc_ring *ring, unsigned index)
{
	return ring->base + (size_t)index * ring->block_size;
}

/*
 * Give a block's pages away: whoever still reads them (a pipe, a socket) keeps them as they are,
 * and the block gets fresh ones. Blocks that share a huge page get them together, when the last of
 * them is given. Returns how many blocks from *@first on have fresh pages now, maybe none, or a
 * negative errno
 * (-ENOMEM), after which the block must not be written to. The ring must have been made with
 * ZCDMA_SOURCE_GIVE.
 */
int zc_ring_renew(struct zc_ring *ring, unsigned index, unsigned *first);

#endif
