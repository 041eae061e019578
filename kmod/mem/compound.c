// SPDX-License-Identifier: GPL-2.0-only
/* The model compound: a block is one compound page, or a few, with one reference count each. */
#include <linux/mm.h>

#include "chunks.h"

/*
 * Whole allocations as long as they fit, then the smallest one that the rest fits in, so only a
 * block's end can be larger than what was asked for.
 */
static size_t compound_stride(const struct zcdma_mem *mem)
{
	size_t most = PAGE_SIZE << mem->order_max;
	size_t rest = mem->block_size % most;

	return mem->block_size - rest + (rest ? PAGE_SIZE << get_order(rest) : 0);
}

static int compound_alloc(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	size_t left = mem->stride;
	unsigned int order;
	struct page *page;

	while (left) {
		order = min_t(unsigned int, get_order(left), mem->order_max);
		page = zcdma_chunks_alloc_pages(mem, __GFP_COMP | __GFP_RETRY_MAYFAIL, order);
		if (!page)
			goto err_free;
		if (zcdma_chunks_add(buf, page, 1U << order)) {
			put_page(page);
			goto err_free;
		}
		left -= PAGE_SIZE << order;
	}
	return 0;

err_free:
	zcdma_chunks_free(mem, buf);
	return -ENOMEM;
}

const struct zcdma_mem_ops zcdma_mem_compound = {
	.name = "compound",
	.stride = compound_stride,
	.alloc = compound_alloc,
	ZCDMA_CHUNKS_COMPOUND_OPS,
};
