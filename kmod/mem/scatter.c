// SPDX-License-Identifier: GPL-2.0-only
/* The model scatter: any size of block, from the largest pieces of memory that there are. */
#include <linux/log2.h>
#include <linux/mm.h>

#include "chunks.h"

/* As vb2_dma_sg_alloc_compacted() does; trying hard is worth it for single pages only. */
static struct page *alloc_largest(struct zcdma_mem *mem, unsigned int *order)
{
	struct page *page;

	for (; *order; (*order)--) {
		page = zcdma_chunks_alloc_pages(mem, __GFP_COMP | __GFP_NORETRY, *order);
		if (page)
			return page;
		/* Nor is it tried for the next block: each try reclaims from all others. */
		mem->order_max = *order - 1;
	}
	return zcdma_chunks_alloc_pages(mem, __GFP_RETRY_MAYFAIL, 0);
}

static int scatter_alloc(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	unsigned int left = mem->stride >> PAGE_SHIFT;
	unsigned int order = mem->order_max;

	while (left) {
		struct page *page;

		/* What failed once is not tried again: the orders only go down. */
		order = min_t(unsigned int, order, ilog2(left));
		page = alloc_largest(mem, &order);
		if (!page)
			goto err_free;
		if (zcdma_chunks_add(buf, page, 1U << order)) {
			put_page(page);
			goto err_free;
		}
		left -= 1U << order;
	}
	return 0;

err_free:
	zcdma_chunks_free(mem, buf);
	return -ENOMEM;
}

const struct zcdma_mem_ops zcdma_mem_scatter = {
	.name = "scatter",
	.stride = zcdma_mem_page_stride,
	.alloc = scatter_alloc,
	ZCDMA_CHUNKS_COMPOUND_OPS,
};
