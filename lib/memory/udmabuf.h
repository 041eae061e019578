/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages of a memfd as a dma-buf, which a driver imports: /dev/udmabuf (drivers/dma-buf/udmabuf.c). */
#ifndef ZCDMA_MEMORY_UDMABUF_H
#define ZCDMA_MEMORY_UDMABUF_H

#include <stddef.h>
#include <stdint.h>

#define ZC_UDMABUF_PATH "/dev/udmabuf"

/* Returns what helps against @err of opening it, or NULL. */
const char *zc_udmabuf_hint(int err);

/*
 * Export @len bytes of @memfd from @offset on, both multiples of the page size. Seals the memfd, so that it cannot
 * shrink. Returns the descriptor of the dma-buf, which keeps the pages that are there now, or a negative errno.
 */
int zc_udmabuf_export(int udmabuf_fd, int memfd, uint64_t offset, uint64_t len);

/*
 * Begin or end to read what a device wrote, as the exporter's caches need it (DMA_BUF_IOCTL_SYNC). Returns 0, or a
 * negative errno.
 */
int zc_dmabuf_begin_read(int dmabuf_fd);
int zc_dmabuf_end_read(int dmabuf_fd);

#endif
