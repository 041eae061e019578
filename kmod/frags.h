/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages of others, which an output device fetches in the place of a block's own memory. */
#ifndef ZCDMA_FRAGS_H
#define ZCDMA_FRAGS_H

#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "types.h"

struct cred;
struct page;

/* A piece that is contiguous for the CPU and the device. It may go beyond its first page. */
struct zcdma_frag {
	struct page *page;	/* with a reference */
	unsigned int offset;	/* from the page on */
	unsigned int bytes;
	size_t first;		/* byte of the block */
	dma_addr_t dma;
};

struct zcdma_frags {
	struct zcdma_frags *next; /* of those that a stop drops */
	struct device *dev;	/* that does the DMA; NULL until they are mapped */
	const struct cred *cred; /* whose user's RLIMIT_MEMLOCK pays; NULL until then */
	unsigned long pages;	/* charged */
	size_t bytes;
	bool bounced;		/* the DMA API copies some */
	unsigned int count;
	unsigned int most;
	struct zcdma_frag frag[];
};

/* The most pieces of a block, whatever its device takes. */
#define ZCDMA_FRAGS_MAX 256U

/*
 * Settle the limits of pieces as the device has them: .frags_max is 0 where it fetches the ring's
 * memory alone. Call while what does its DMA is bound: what they depend on may be its driver's.
 */
void zcdma_frags_settle(struct zcdma_device *zdev);

/* Return an empty list for as many pieces as the device takes, or NULL. */
struct zcdma_frags *zcdma_frags_alloc(const struct zcdma_device *zdev);

/*
 * Charge the pages to the current user, and map them for the device. Returns 0; or why that is not
 * possible, an enum zcdma_dev_copied, and all stays as it was. Call with the device held.
 */
int zcdma_frags_map(struct zcdma_ring *ring, struct zcdma_frags *frags);

/* Unmap and uncharge the pages, drop them, and free the list; NULL is ignored. Context: any. */
void zcdma_frags_free(struct zcdma_frags *frags);
/* The same of all that follow by .next. Sleeps, as they may be many. */
void zcdma_frags_free_all(struct zcdma_frags *frags);

/* What zcdma_block_dma() and zcdma_block_vaddr() are for a block's own memory. */
dma_addr_t zcdma_frags_dma(const struct zcdma_frags *frags, size_t off, size_t *bytes);
void *zcdma_frags_vaddr(const struct zcdma_frags *frags, size_t off, size_t *bytes);

/* Free those of all blocks, as the device goes. It must be stopped. */
void zcdma_ring_free_frags(struct zcdma_ring *ring);

#endif /* ZCDMA_FRAGS_H */
