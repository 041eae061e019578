// SPDX-License-Identifier: GPL-2.0-only
/* The fault of a module that must fail. */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "fault_inject.h"

static char *mutant_fault = "reuse";
module_param_named(mutant, mutant_fault, charp, 0444);

bool zcdma_mutant(const char *fault)
{
	return !strcmp(mutant_fault, fault);
}

void zcdma_mutant_wait(const char *fault)
{
	if (!zcdma_mutant(fault))
		return;
	while (!signal_pending(current))
		schedule_timeout_interruptible(HZ);
}

/* Pages that were written back, by their number. */
static DEFINE_XARRAY(written_back);

static void map_page(struct page *page, enum dma_data_direction dir)
{
	unsigned long pfn = page_to_pfn(page);

	if (dir != DMA_FROM_DEVICE)
		xa_store(&written_back, pfn, xa_mk_value(0), GFP_KERNEL);
	else if (!xa_erase(&written_back, pfn))
		memset(page_address(page), 0x5a, PAGE_SIZE);
}

int zcdma_dma_map_sgtable(struct device *dev, struct sg_table *sgt, enum dma_data_direction dir,
			  unsigned long attrs)
{
	struct sg_page_iter iter;

	if (zcdma_mutant("cache") || zcdma_mutant("dirty")) {
		for_each_sgtable_page(sgt, &iter, 0)
			map_page(sg_page_iter_page(&iter), dir);
	}
	return dma_map_sgtable(dev, sgt, dir, attrs);
}
