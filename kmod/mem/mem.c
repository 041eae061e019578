// SPDX-License-Identifier: GPL-2.0-only
/* The memory of a ring, whatever its model. */
#include <linux/dma-direct.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/zcdma.h>

#include "compat.h"
#include "mem.h"
#include "fault_inject.h"

const struct zcdma_mem_ops *const zcdma_mem_models[] = {
	[ZCDMA_DEV_COHERENT] = &zcdma_mem_coherent,
	[ZCDMA_DEV_PAGES] = &zcdma_mem_pages,
	[ZCDMA_DEV_COMPOUND] = &zcdma_mem_compound,
	[ZCDMA_DEV_SCATTER] = &zcdma_mem_scatter,
#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
	[ZCDMA_DEV_IMPORTED] = &zcdma_mem_imported,
#endif
};

unsigned int zcdma_mem_models_mask(void)
{
	unsigned int i, mask = 0;

	for (i = 0; i < ARRAY_SIZE(zcdma_mem_models); i++)
		mask |= zcdma_mem_models[i] ? BIT(i) : 0;
	return mask;
}

/* An IOMMU that translates; it may be there and let the device through. */
static struct iommu_domain *translating(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type & __IOMMU_DOMAIN_PAGING ? domain : NULL;
}

phys_addr_t zcdma_mem_phys(struct device *dev, dma_addr_t addr)
{
	struct iommu_domain *domain = translating(dev);

	return domain ? iommu_iova_to_phys(domain, addr) : dma_to_phys(dev, addr);
}

bool zcdma_mem_limited(struct device *dev)
{
	return !translating(dev) && dma_addressing_limited(dev);
}

/* Return the last address that the device can use. */
static u64 last_address(struct device *dev)
{
	return min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
}

static gfp_t zone_of(struct device *dev)
{
	if (!zcdma_mem_limited(dev))
		return 0;
	return last_address(dev) < DMA_BIT_MASK(32) ? GFP_DMA : GFP_DMA32;
}

/*
 * Return whether the DMA API maps any memory for the device. What it does not reach takes bounce
 * buffers, which limit the size of a mapping and are somewhere below 4 GiB: where the device does
 * not reach those either, swiotlb_map() warns.
 */
static bool maps_all_memory(struct device *dev)
{
	return !zcdma_mem_limited(dev) ||
	       (dma_max_mapping_size(dev) < SIZE_MAX && last_address(dev) >= DMA_BIT_MASK(32));
}

unsigned int zcdma_mem_order_max(struct device *dev)
{
	size_t most = dma_get_max_seg_size(dev);

	if (zcdma_mutant("pieces"))
		return 0;
	/*
	 * Other devices have blocks only where they reach: these are mapped whole, however large.
	 */
	if (maps_all_memory(dev))
		most = min(most, dma_max_mapping_size(dev));
	most = max_t(size_t, most, PAGE_SIZE);
	return min_t(unsigned int, ZCDMA_MAX_ORDER, ilog2(most >> PAGE_SHIFT));
}

void zcdma_mem_layout(struct zcdma_mem *mem, unsigned int model)
{
	mem->ops = zcdma_mem_models[model];
	mem->order_max = zcdma_mem_order_max(mem->dev);
	mem->zone = zone_of(mem->dev);
	mem->reach = maps_all_memory(mem->dev) ? PHYS_ADDR_MAX :
						 dma_to_phys(mem->dev, last_address(mem->dev));
	mem->reach_frag = zcdma_mem_limited(mem->dev) ?
				  dma_to_phys(mem->dev, last_address(mem->dev)) : PHYS_ADDR_MAX;
	mem->stride = mem->ops->stride(mem);
}

size_t zcdma_mem_page_stride(const struct zcdma_mem *mem)
{
	return PAGE_ALIGN(mem->block_size);
}

/*
 * The references must be read first: unmapping drops the map count of an entry before its
 * reference, so what changes in between makes the page look busy, never idle.
 */
void zcdma_mem_count(struct page *page, unsigned int pages, int *refs, int *maps)
{
	*refs = page_ref_count(page);
	/* Pairs with the order in which unmapping drops the two. */
	smp_rmb();
	*maps = zcdma_mapcount(page, pages);
}

bool zcdma_mem_page_busy(struct page *page, unsigned int pages)
{
	int refs, maps;

	/* The only reference is the driver's, so there are no mappings to count. */
	if (page_ref_count(page) == 1)
		return false;
	zcdma_mem_count(page, pages, &refs, &maps);
	if (refs != 1 + maps)
		return true;
	/*
	 * Before Linux 6.9 fork() copies page tables first, and calls .open after that. Each entry
	 * adds a reference, and then to the map count: copy_present_pte() in mm/memory.c.
	 */
	smp_rmb();
	return page_ref_count(page) != refs;
}

dma_addr_t zcdma_mem_dma(const struct zcdma_mem *mem, const struct zcdma_buf *buf, size_t off,
			 size_t *bytes)
{
	dma_addr_t addr = mem->ops->dma_addr(buf, off, bytes);
	size_t most = rounddown_pow_of_two(dma_get_max_seg_size(mem->dev));

	/* A power of two, as a limit may be any number (1900800 for PL330) and cut a burst. */
	*bytes = min3(*bytes, mem->block_size - off, most);
	return addr;
}

unsigned int zcdma_mem_pieces(const struct zcdma_mem *mem)
{
	unsigned int i, count, most = 0;
	size_t off, bytes;

	for (i = 0; i < mem->blocks; i++) {
		count = 0;
		for (off = 0; off < mem->block_size; off += bytes, count++) {
			zcdma_mem_dma(mem, &mem->buf[i], off, &bytes);
			cond_resched();
		}
		most = max(most, count);
	}
	return most;
}

static int alloc_block(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	int ret;

	/* A large ring takes seconds: let a killed process go. */
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	ret = mem->ops->alloc(mem, buf);
	if (ret)
		return ret;
	ret = mem->ops->dma_map(mem, buf);
	if (ret)
		mem->ops->free(mem, buf);
	return ret;
}

static void free_blocks(struct zcdma_mem *mem, unsigned int count)
{
	while (count--) {
		if (!mem->gone)
			mem->ops->dma_unmap(mem, &mem->buf[count]);
		if (!mem->gone || !mem->ops->bound)
			mem->ops->free(mem, &mem->buf[count]);
		cond_resched();
	}
	kvfree(mem->buf);
	mem->buf = NULL;
}

int zcdma_mem_alloc(struct zcdma_mem *mem, unsigned int *fit)
{
	unsigned int i;
	int ret;

	*fit = 0;
	mem->buf = kvcalloc(mem->blocks, sizeof(*mem->buf), GFP_KERNEL_ACCOUNT);
	if (!mem->buf)
		return -ENOMEM;
	for (i = 0; i < mem->blocks; i++) {
		ret = alloc_block(mem, &mem->buf[i]);
		if (ret)
			goto err_free;
	}
	return 0;

err_free:
	*fit = i;
	free_blocks(mem, i);
	return ret;
}

void zcdma_mem_detach(struct zcdma_mem *mem)
{
	unsigned int i;

	for (i = 0; i < mem->blocks; i++) {
		mem->ops->dma_unmap(mem, &mem->buf[i]);
		if (mem->ops->bound)
			mem->ops->free(mem, &mem->buf[i]);
		cond_resched();
	}
	mem->gone = true;
}

void zcdma_mem_free(struct zcdma_mem *mem)
{
	free_blocks(mem, mem->blocks);
}
