// SPDX-License-Identifier: GPL-2.0-only
/* The model pages: large allocations, split into single pages with a reference count each. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "account.h"
#include "chunks.h"

static void free_pages_of(struct page *page, unsigned int pages)
{
	while (pages--)
		__free_page(page++);
}

static void pages_free(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	unsigned int i, j;

	for (i = 0; i < buf->chunks; i++) {
		for (j = 0; j < buf->chunk[i].pages; j++)
			zcdma_account_put_page(mem->account, buf->chunk[i].page + j);
	}
	zcdma_chunks_forget(buf);
}

static int pages_alloc(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	unsigned int left = mem->stride >> PAGE_SHIFT;

	while (left) {
		unsigned int order = get_order((size_t)left << PAGE_SHIFT);
		unsigned int pages;
		struct page *page;

		order = min(order, mem->order_max);
		page = zcdma_chunks_alloc_pages(mem, __GFP_RETRY_MAYFAIL, order);
		if (!page)
			goto err_free;
		split_page(page, order);
		pages = min(left, 1U << order);
		free_pages_of(page + pages, (1U << order) - pages);
		if (zcdma_chunks_add(buf, page, pages)) {
			free_pages_of(page, pages);
			goto err_free;
		}
		left -= pages;
	}
	return 0;

err_free:
	pages_free(mem, buf);
	return -ENOMEM;
}

static struct page *pages_get_page(const struct zcdma_buf *buf, size_t off, size_t *len)
{
	struct page *page = zcdma_chunks_page_at(buf, off, NULL);

	*len = min_t(size_t, *len, PAGE_SIZE - offset_in_page(off));
	return try_get_page(page) ? page : NULL;
}

static bool pages_busy(const struct zcdma_buf *buf)
{
	unsigned int i, j;

	for (i = 0; i < buf->chunks; i++) {
		for (j = 0; j < buf->chunk[i].pages; j++) {
			if (zcdma_mem_page_busy(buf->chunk[i].page + j, 1))
				return true;
		}
	}
	return false;
}

static bool pages_count(const struct zcdma_buf *buf, unsigned int n, int *refs, int *maps)
{
	if (n >= buf->bytes >> PAGE_SHIFT)
		return false;
	zcdma_mem_count(zcdma_chunks_page_at(buf, (size_t)n << PAGE_SHIFT, NULL), 1, refs, maps);
	return true;
}

const struct zcdma_mem_ops zcdma_mem_pages = {
	.name = "pages",
	.stride = zcdma_mem_page_stride,
	.alloc = pages_alloc,
	.free = pages_free,
	.get_page = pages_get_page,
	.busy = pages_busy,
	.count = pages_count,
	ZCDMA_CHUNKS_OPS,
};
