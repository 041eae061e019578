// SPDX-License-Identifier: GPL-2.0-only
/* Pages of others on their way to an output device: charged, mapped, found, and let go. */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "account.h"
#include "block.h"
#include "fault_inject.h"
#include "frags.h"

void zcdma_frags_settle(struct zcdma_device *zdev)
{
	struct zcdma_limits *limits = &zdev->limits;
	size_t most = dma_get_max_seg_size(zdev->dma);

	most = min(most, dma_max_mapping_size(zdev->dma));
	zdev->frag_bytes_max = rounddown_pow_of_two(clamp_t(size_t, most, 1, SZ_1G));
	limits->frag_align = max3(limits->frag_align, limits->align, 1U);
	limits->frags_max = min(limits->frags_max, ZCDMA_FRAGS_MAX);
	if (zdev->frag_bytes_max < limits->frag_align)
		limits->frags_max = 0;
}

struct zcdma_frags *zcdma_frags_alloc(const struct zcdma_device *zdev)
{
	unsigned int most = zdev->limits.frags_max;
	struct zcdma_frags *frags;

	frags = kmalloc(struct_size(frags, frag, most),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_NORETRY);
	if (!frags)
		return NULL;
	memset(frags, 0, sizeof(*frags));
	frags->most = most;
	return frags;
}

static void unmap(struct zcdma_frags *frags, unsigned int count)
{
	while (count--)
		dma_unmap_page(frags->dev, frags->frag[count].dma, frags->frag[count].bytes,
			       DMA_TO_DEVICE);
	frags->dev = NULL;
}

/*
 * Only to the device, whatever the ring's direction: others may write to the pages meanwhile, which
 * a bounce buffer that is copied back would undo.
 */
static bool map(struct zcdma_ring *ring, struct zcdma_frags *frags)
{
	struct device *dev = ring->mem.dev;
	struct zcdma_frag *frag;
	unsigned int i;

	frags->dev = dev;
	for (i = 0; i < frags->count; i++) {
		frag = &frags->frag[i];
		frag->dma = dma_map_page_attrs(dev, frag->page, frag->offset, frag->bytes,
					       DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		if (dma_mapping_error(dev, frag->dma)) {
			unmap(frags, i);
			return false;
		}
		frags->bounced |= zcdma_mem_phys(dev, frag->dma) !=
				  page_to_phys(frag->page) + frag->offset;
	}
	return true;
}

/*
 * Count the pages that the pieces keep: all of a compound page, once for pieces of it that follow
 * each other. See io_buffer_account_pin() in io_uring/rsrc.c.
 */
static unsigned long pages_of(const struct zcdma_frags *frags)
{
	struct page *head, *last = NULL;
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < frags->count; i++) {
		head = compound_head(frags->frag[i].page);
		if (head != last)
			pages += compound_nr(head);
		last = head;
	}
	return pages;
}

int zcdma_frags_map(struct zcdma_ring *ring, struct zcdma_frags *frags)
{
	unsigned long pages = pages_of(frags);

	frags->cred = zcdma_account_charge(pages);
	if (!frags->cred)
		return ZCDMA_DEV_COPIED_MEMLOCK;
	frags->pages = pages;
	if (map(ring, frags))
		return 0;
	zcdma_account_uncharge(frags->cred, pages);
	frags->cred = NULL;
	return ZCDMA_DEV_COPIED_UNMAPPED;
}

void zcdma_frags_free(struct zcdma_frags *frags)
{
	unsigned int i;

	if (!frags)
		return;
	if (frags->dev)
		unmap(frags, frags->count);
	for (i = 0; i < frags->count; i++) {
		if (!zcdma_mutant("hold"))
			put_page(frags->frag[i].page);
	}
	if (frags->cred && !zcdma_mutant("charge"))
		zcdma_account_uncharge(frags->cred, frags->pages);
	kfree(frags);
}

void zcdma_frags_free_all(struct zcdma_frags *frags)
{
	struct zcdma_frags *next;

	if (frags)
		zcdma_mutant_wait("linger");
	for (; frags; frags = next) {
		next = frags->next;
		zcdma_frags_free(frags);
		cond_resched();
	}
}

static const struct zcdma_frag *find(const struct zcdma_frags *frags, size_t off)
{
	unsigned int low = 0, high = frags->count, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (frags->frag[mid].first <= off)
			low = mid;
		else
			high = mid;
	}
	return &frags->frag[low];
}

dma_addr_t zcdma_frags_dma(const struct zcdma_frags *frags, size_t off, size_t *bytes)
{
	const struct zcdma_frag *frag = find(frags, off);

	off -= frag->first;
	*bytes = frag->bytes - off;
	return frag->dma + off;
}

void *zcdma_frags_vaddr(const struct zcdma_frags *frags, size_t off, size_t *bytes)
{
	const struct zcdma_frag *frag = find(frags, off);

	off -= frag->first;
	*bytes = frag->bytes - off;
	return page_address(frag->page) + frag->offset + off;
}

void zcdma_ring_free_frags(struct zcdma_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->mem.blocks; i++) {
		zcdma_frags_free(ring->block[i].frags);
		ring->block[i].frags = NULL;
		cond_resched();
	}
}
