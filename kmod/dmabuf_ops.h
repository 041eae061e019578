/* SPDX-License-Identifier: GPL-2.0-only */
/* A dma-buf that is made of blocks. */
#ifndef ZCDMA_DMABUF_OPS_H
#define ZCDMA_DMABUF_OPS_H

#include "types.h"

struct dma_buf;

struct zcdma_export {
	/* Below the lock of dmabuf.c */
	struct zcdma_ring *ring;	/* NULL once it is gone; then the pages are referred to */
	struct list_head node;		/* of the ring's .exports */
	unsigned int maps;		/* for DMA, for the kernel, and parts of mmap()ed ones */
	unsigned int mmaps;		/* the last of these alone */

	/* Set once */
	u32 first;			/* block */
	bool whole;			/* all of the ring, else one block */
	unsigned int pages;
	unsigned int chunks;

	struct mutex lock;		/* the next two */
	struct list_head mappings;	/* for DMA */
	void *vaddr;			/* where the kernel has mapped it, or NULL */
	struct zcdma_chunk chunk[];	/* .first is counted from the dma-buf's first page */
};

/*
 * Map it once more, for an importer. Returns 0, or -EBUSY where the device may write to it: the
 * block is not held by ZCDMA_IOC_TAKE, or of the whole ring, the stream is not stopped.
 */
int zcdma_export_get(struct zcdma_export *ex);
void zcdma_export_put(struct zcdma_export *ex);
/*
 * The same for a mapping of user space, or a @part of one that was there, which is never too many.
 * Else returns -ENOMEM too, after ZCDMA_MAPPINGS_MAX of them.
 */
int zcdma_export_get_mmap(struct zcdma_export *ex, bool part);
void zcdma_export_put_mmap(struct zcdma_export *ex);
/* Free it with its dma-buf, which nothing maps any more. */
void zcdma_export_free(struct zcdma_export *ex);

/* Return a dma-buf with the access mode @flags, which owns @ex, or an error pointer. */
struct dma_buf *zcdma_export_dmabuf(struct zcdma_export *ex, int flags);

#endif /* ZCDMA_DMABUF_OPS_H */
