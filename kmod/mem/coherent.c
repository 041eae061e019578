// SPDX-License-Identifier: GPL-2.0-only
/* The model coherent: what most drivers do, and what every zero-copy call refuses. */
#include <linux/vmalloc.h>

#include "mem.h"

static int coherent_alloc(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	/* The DMA API zeroes it. */
	buf->coherent = dma_alloc_coherent(mem->dev, mem->stride, &buf->dma,
					   GFP_USER | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	buf->bytes = mem->stride;
	return buf->coherent ? 0 : -ENOMEM;
}

static void coherent_free(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	dma_free_coherent(mem->dev, mem->stride, buf->coherent, buf->dma);
	buf->coherent = NULL;
}

static int coherent_dma_map(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	return 0;
}

static void coherent_dma_unmap(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
}

static dma_addr_t coherent_dma_addr(const struct zcdma_buf *buf, size_t off, size_t *left)
{
	*left = buf->bytes - off;
	return buf->dma + off;
}

static void coherent_sync_for_cpu(struct zcdma_mem *mem, struct zcdma_buf *buf, size_t bytes)
{
}

static void coherent_sync_for_device(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
}

/*
 * dma_mmap_coherent() maps one allocation to one whole VMA, and a ring has many. So the VMA shows
 * it the part that belongs to this block. It must be the VMA itself, as the flags that it gets
 * must stay, and may be, as mmap() holds it for itself: it is in no tree yet.
 */
static int coherent_mmap(struct zcdma_mem *mem, struct zcdma_buf *buf, struct vm_area_struct *vma,
			 unsigned long addr, size_t off, size_t len)
{
	unsigned long start = vma->vm_start, end = vma->vm_end, pgoff = vma->vm_pgoff;
	int ret;

	vma->vm_start = addr;
	vma->vm_end = addr + len;
	vma->vm_pgoff = off >> PAGE_SHIFT;
	ret = dma_mmap_coherent(mem->dev, vma, buf->coherent, buf->dma, mem->stride);
	vma->vm_start = start;
	vma->vm_end = end;
	vma->vm_pgoff = pgoff;
	return ret;
}

static void *coherent_vaddr(const struct zcdma_buf *buf, size_t off)
{
	return buf->coherent + off;
}

/*
 * Normally nobody can refer to this memory. But an IOMMU lets it consist of single pages, and its
 * mapping then has those: a send may well hold them. ">" and not "!=": of an allocation that was
 * not split only the first page has a count.
 */
static bool coherent_busy(const struct zcdma_buf *buf)
{
	int refs, maps;
	size_t off;

	if (!is_vmalloc_addr(buf->coherent))
		return false;
	for (off = 0; off < buf->bytes; off += PAGE_SIZE) {
		zcdma_mem_count(vmalloc_to_page(buf->coherent + off), 1, &refs, &maps);
		if (refs > 1 + maps)
			return true;
	}
	return false;
}

static bool coherent_count(const struct zcdma_buf *buf, unsigned int i, int *refs, int *maps)
{
	return false;
}

const struct zcdma_mem_ops zcdma_mem_coherent = {
	.name = "coherent",
	.stride = zcdma_mem_page_stride,
	.alloc = coherent_alloc,
	.free = coherent_free,
	.dma_map = coherent_dma_map,
	.dma_unmap = coherent_dma_unmap,
	.dma_addr = coherent_dma_addr,
	.sync_for_cpu = coherent_sync_for_cpu,
	.sync_for_device = coherent_sync_for_device,
	.mmap = coherent_mmap,
	.vaddr = coherent_vaddr,
	.busy = coherent_busy,
	.count = coherent_count,
	.bound = true,
};
