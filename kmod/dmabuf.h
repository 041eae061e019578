/* SPDX-License-Identifier: GPL-2.0-only */
/* Blocks as dma-bufs, which other drivers import. */
#ifndef ZCDMA_DMABUF_H
#define ZCDMA_DMABUF_H

#include "types.h"

struct dma_buf;

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
/*
 * Make the dma-buf and reserve the descriptor that @wanted asks for. @mode is the file's. Returns
 * the dma-buf for zcdma_dmabuf_done(), or an error pointer: -EINVAL, -EACCES, -EOPNOTSUPP for
 * memory that goes with the device or is imported, -EMFILE where there are as many dma-bufs or
 * descriptors as there may be, or -ENOMEM.
 */
struct dma_buf *zcdma_dmabuf_export(struct zcdma_ring *ring, fmode_t mode,
				    struct zcdma_dev_export *wanted);
/* Let user space have the descriptor @fd, or drop both where it does not learn of it. */
void zcdma_dmabuf_done(struct dma_buf *dmabuf, int fd, bool copied_out);
/*
 * Leave the pages of a ring that is going away to the dma-bufs made of them. Call between
 * zcdma_ring_stop() and zcdma_ring_detach(), without zdev->ring_lock.
 */
void zcdma_dmabuf_orphan(struct zcdma_ring *ring);
#else
static inline struct dma_buf *zcdma_dmabuf_export(struct zcdma_ring *ring, fmode_t mode,
						  struct zcdma_dev_export *wanted)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void zcdma_dmabuf_done(struct dma_buf *dmabuf, int fd, bool copied_out)
{
}

static inline void zcdma_dmabuf_orphan(struct zcdma_ring *ring)
{
}
#endif

#endif /* ZCDMA_DMABUF_H */
