// SPDX-License-Identifier: GPL-2.0-only
/* The model coherent: what most drivers do, and what every zero-copy call refuses. */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "mem.h"

static int coherent_alloc(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	/* The DMA API zeroes it. */
	buf->coherent = dma_alloc_coherent(mem->dev, mem->stride, &buf->dma,
					   GFP_USER | ZCDMA_GFP_ACCOUNT | __GFP_NOWARN |
					   __GFP_RETRY_MAYFAIL);
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
 * Have the VMA without pages, as remap_pfn_range() has it. And
 * set its page protection as the DMA API wants it for this memory: uncached on some machines,
 * decrypted on others. dma_pgprot() is not exported, but every mmap operation of the DMA API begins
 * with it, and then refuses an offset beyond the end: kernel/dma/direct.c,
 * kernel/dma/ops_helpers.c, drivers/iommu/dma-iommu.c, arch/arm/mm/dma-mapping.c. Returns 0, or
 * -ENXIO where this memory cannot be mapped.
 */
static int coherent_prepare(struct zcdma_mem *mem, struct vm_area_struct *vma)
{
	struct zcdma_buf *buf = &mem->buf[0];
	unsigned long pgoff = vma->vm_pgoff;
	int ret;

	if (!dma_can_mmap(mem->dev))
		return -ENXIO;
	vma->vm_pgoff = mem->stride >> PAGE_SHIFT;
	ret = dma_mmap_coherent(mem->dev, vma, buf->coherent, buf->dma, mem->stride);
	vma->vm_pgoff = pgoff;
	if (WARN_ON_ONCE(!ret))
		return -ENXIO;
	zcdma_vm_flags_set(vma, VM_IO | VM_PFNMAP);
	return 0;
}

static unsigned long pfn_at(const struct zcdma_buf *buf, size_t off)
{
	void *addr = buf->coherent + off;

	return is_vmalloc_addr(addr) ? vmalloc_to_pfn(addr) : page_to_pfn(virt_to_page(addr));
}

/*
 * dma_mmap_coherent() maps one allocation to one whole VMA, and a ring has many. To show it a part
 * of the VMA at a time fails since 6.16, as each part then counts as the whole:
 * remap_pfn_range_track() in mm/memory.c. And from 6.11 to 6.15 a remap_pfn_range() of the whole
 * VMA that fails warns: remap_pfn_range_notrack() in mm/memory.c unmaps what it mapped, and
 * untrack_pfn() in arch/x86/mm/pat/memtype.c then looks for the first page. So insert page frames,
 * one by one. Where an IOMMU let the memory consist of single pages, they are mapped without their
 * pages too: nothing else can refer to them.
 */
static int coherent_mmap(struct zcdma_mem *mem, struct zcdma_buf *buf, struct vm_area_struct *vma,
			 unsigned long addr, size_t off, size_t len)
{
	size_t end = off + len;
	vm_fault_t fault;

	for (; off < end; off += PAGE_SIZE, addr += PAGE_SIZE) {
		/* As in zcdma_chunks_mmap(). */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		fault = vmf_insert_pfn_prot(vma, addr, pfn_at(buf, off), vma->vm_page_prot);
		if (fault & VM_FAULT_ERROR)
			return vm_fault_to_errno(fault, 0);
	}
	return 0;
}

static void *coherent_vaddr(const struct zcdma_buf *buf, size_t off)
{
	return buf->coherent + off;
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
	.prepare = coherent_prepare,
	.mmap = coherent_mmap,
	.vaddr = coherent_vaddr,
	.count = coherent_count,
	.bound = true,
};
