/* SPDX-License-Identifier: GPL-2.0-only */
/* Blocks made of pages: what the models pages, compound and scatter have in common. */
#ifndef ZCDMA_CHUNKS_H
#define ZCDMA_CHUNKS_H

#include "mem.h"

struct page *zcdma_chunks_alloc_pages(struct zcdma_mem *mem, gfp_t gfp, unsigned int order);
int zcdma_chunks_add(struct zcdma_buf *buf, struct page *page, unsigned int pages);

int zcdma_chunks_dma_map(struct zcdma_mem *mem, struct zcdma_buf *buf);
void zcdma_chunks_dma_unmap(struct zcdma_mem *mem, struct zcdma_buf *buf);
dma_addr_t zcdma_chunks_dma_addr(const struct zcdma_buf *buf, size_t off, size_t *left);
void zcdma_chunks_sync_for_cpu(struct zcdma_mem *mem, struct zcdma_buf *buf, size_t bytes);
void zcdma_chunks_sync_for_device(struct zcdma_mem *mem, struct zcdma_buf *buf);
int zcdma_chunks_mmap(struct zcdma_mem *mem, struct zcdma_buf *buf, struct vm_area_struct *vma,
		      unsigned long addr, size_t off, size_t len);
void *zcdma_chunks_vaddr(const struct zcdma_buf *buf, size_t off);
/* List the pieces of a mapped table for zcdma_chunks_dma_addr(). Returns 0 or -ENOMEM. */
int zcdma_chunks_list_pieces(struct zcdma_buf *buf, struct sg_table *sgt);
void zcdma_chunks_forget_pieces(struct zcdma_buf *buf);
/* The page at @off, and how many bytes of its chunk are left from there. */
struct page *zcdma_chunks_page_at(const struct zcdma_buf *buf, size_t off, size_t *left);

/* The operations that are the same, whatever a chunk is. */
#define ZCDMA_CHUNKS_OPS				\
	.dma_map = zcdma_chunks_dma_map,		\
	.dma_unmap = zcdma_chunks_dma_unmap,		\
	.dma_addr = zcdma_chunks_dma_addr,		\
	.sync_for_cpu = zcdma_chunks_sync_for_cpu,	\
	.sync_for_device = zcdma_chunks_sync_for_device,\
	.mmap = zcdma_chunks_mmap,			\
	.vaddr = zcdma_chunks_vaddr,			\
	.revocable = true

/* The list, once nothing is left of the chunks. */
void zcdma_chunks_forget(struct zcdma_buf *buf);

/* Chunks that are compound pages. */
void zcdma_chunks_free(struct zcdma_mem *mem, struct zcdma_buf *buf);
struct page *zcdma_chunks_get_page(const struct zcdma_buf *buf, size_t off, size_t *len);
bool zcdma_chunks_busy(const struct zcdma_buf *buf);
bool zcdma_chunks_count(const struct zcdma_buf *buf, unsigned int i, int *refs, int *maps);

#define ZCDMA_CHUNKS_COMPOUND_OPS			\
	ZCDMA_CHUNKS_OPS,				\
	.free = zcdma_chunks_free,			\
	.get_page = zcdma_chunks_get_page,		\
	.busy = zcdma_chunks_busy,			\
	.count = zcdma_chunks_count

#endif /* ZCDMA_CHUNKS_H */
