/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of a user-space ring, whose pages can be replaced while others still read them. */
#ifndef ZCDMA_MEMORY_RING_H
#define ZCDMA_MEMORY_RING_H

#include "internal.h"
#include "memory/limit.h"

/* What the blocks of a ring are used for, so that its memory is good for that. Part of the protocol of a hand-over. */
enum zc_use {
	ZC_USE_REPLACE = 1 << 0, /* pages are replaced while others read the old ones */
	ZC_USE_READ = 1 << 1,	 /* the program itself reads the bytes */
	ZC_USE_FD = 1 << 2,	 /* a path takes the block from its descriptor */
	ZC_USE_SHARE = 1 << 3,	 /* another process maps the ring */
	ZC_USE_MAP = 1 << 5,	 /* a path takes the block from memory, whatever others do */
	ZC_USE_WRITE = 1 << 6,	 /* io_uring registers it, which takes writable mappings only */
};

/* How a block comes back to its source. Part of the protocol of a hand-over. */
enum zc_put {
	ZC_PUT_REUSE,	/* nothing reads its pages: they may be written to */
	ZC_PUT_REPLACE, /* something may: leave its pages alone, take fresh ones */
};

/* What a ring is made of. */
enum zc_memory {
	ZC_MEMORY_BEST,	 /* as ring.c chooses */
	ZC_MEMORY_ANON,	 /* anonymous, in small pages */
	ZC_MEMORY_MEMFD, /* a memfd, in small pages */
	ZC_MEMORY_HUGE,	 /* huge pages, of the pool or as the kernel grants them */
	ZC_MEMORY_FILE,	 /* the page cache of a file without a name */
	ZC_MEMORY_VVAR,	 /* the kernel's own read-only mapping, which has no pages: VM_PFNMAP */
	ZC_MEMORIES
};

/* How another process gets a ring that is shared with it. */
enum zc_ring_kind {
	ZC_RING_MEMORY, /* it maps a memfd */
	ZC_RING_DEVICE, /* it maps a zcdma device */
	ZC_RING_FILE,	/* it reads a regular file: block i is anywhere in it */
};

/* A ring, as its source describes it in order to share it. */
struct zc_ring_desc {
	enum zc_ring_kind kind;
	uint32_t blocks; /* 0 of a file: any number can be out at once */
	uint64_t block_size;
	uint64_t stride; /* from one block to the next, or 0 of a file */
	uint64_t page_size;
};

/* The names of the kinds, as users write them; NULL for the first, and after the last. */
extern const char *const zc_memory_names[ZC_MEMORIES + 1];

struct zc_ring {
	int fd; /* the memfd, in which block i begins at i * block_size; -1 for anonymous memory */
	unsigned char *base;
	size_t block_size;
	size_t stride; /* from one block to the next; 0 where all are the same */
	unsigned blocks;
	size_t page_size; /* of its memory, as the kernel gave it */
	void *reserved;	  /* address space that @base lies in */
	size_t reserved_size;
	unsigned unit;	    /* blocks whose pages can only be renewed together */
	bool on_disk;	    /* in a file that others may leave no room for */
	bool replaces;	    /* made for ZC_USE_REPLACE */
	unsigned *put_back; /* blocks to be replaced, of each unit */
};

/*
 * Make a ring. @block_size is a multiple of the page size. @flags: enum zc_use; with
 * ZC_MEMORY_BEST they decide what memory it is made of. On error there is nothing to free.
 */
int zc_ring_alloc(struct zcdma_ctx *ctx, struct zc_ring *ring, enum zc_memory memory,
		  size_t block_size, unsigned blocks, unsigned flags);
void zc_ring_free(struct zc_ring *ring);

static inline void *zc_ring_block(const struct zc_ring *ring, unsigned index)
{
	return ring->base + (size_t)index * ring->stride;
}

/*
 * Choose how many blocks of @block_size a ring has where nobody says: such as hold a quarter of a second at
 * @rate (bytes a second; 0: a device that waits), in at most 256 MiB and an eighth of zc_memory_limit(), and 16 at least.
 */
unsigned zc_ring_default_blocks(uint64_t rate, uint64_t block_size);

/*
 * Replace a block's pages: what still reads the old ones (a pipe, a socket) keeps them as they are. Blocks that share
 * a huge page get fresh ones together, when the last of them is put. Returns how many blocks from *@first on have
 * fresh pages now, maybe 0, or a negative errno (-ENOMEM), after which the block must not be written to. The ring must have been made with
 * ZC_USE_REPLACE.
 */
int zc_ring_renew(struct zc_ring *ring, unsigned index, unsigned *first);

#endif
