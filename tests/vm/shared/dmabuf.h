/* SPDX-License-Identifier: GPL-2.0-only */
/* dma-bufs of a ring, and what imports them. All but the try_ functions end a test that fails. */
#ifndef DMABUF_H
#define DMABUF_H

#include <stddef.h>
#include <stdint.h>

#include "ring.h"

/* Export a block, or ZCDMA_DEV_EXPORT_RING. Returns the descriptor, or -errno. */
int dmabuf_try_export(const struct ring *r, unsigned index, unsigned flags);
int dmabuf_export(const struct ring *r, unsigned index, unsigned flags);

/* Map all of a dma-buf, for reading only. Returns NULL with errno set where that fails. */
char *dmabuf_try_map(int fd, size_t bytes);
char *dmabuf_map(int fd, size_t bytes);
/* Begin or end access by the CPU: DMA_BUF_SYNC_START or _END, and what for. */
void dmabuf_sync(int fd, uint64_t flags);

/* Drivers that export memory of their own. */
struct exporter {
	const char *name;
	/*
	 * Make a dma-buf, and map it to *@map for reading and writing. Returns its descriptor; skips the test where this
	 * kernel has no such driver.
	 */
	int (*make)(size_t bytes, char **map);
};

extern const struct exporter exporters[];
extern const size_t exporter_count;

/*
 * A graphics driver without a device, vgem, which maps what it imports for DMA until its
 * handle is closed, or on newer kernels not at all. Skips the test where this kernel has none.
 */
int vgem_open(void);
/* The same. Returns -1 where this kernel has none. */
int vgem_try_open(void);
/* Import a dma-buf. Returns the handle, or -errno. */
int vgem_import(int vgem, int fd);
void vgem_close_handle(int vgem, int handle);
/* The same. Returns 0 or -errno. */
int vgem_try_close_handle(int vgem, int handle);
/*
 * Have a buffer of vgem's wait for a fence until it is signalled, 10 s go by, or @vgem is closed. Returns its number.
 */
unsigned vgem_fence(int vgem, int handle);
/* Signal a fence, which must not have ended by itself. */
void vgem_signal(int vgem, unsigned fence);

#endif /* DMABUF_H */
