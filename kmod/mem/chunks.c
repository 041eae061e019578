// SPDX-License-Identifier: GPL-2.0-only
/* Blocks made of pages: what the models pages, compound and scatter have in common. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "chunks.h"
#include "mutant.h"

/*
 * A list is needed most where memory is in pieces: then there are no several pages for a slab of larger
 * objects, as debug kernels have them, and looking for them ends with the OOM killer.
 */
#define LIST_KMALLOC 512

static struct zcdma_chunk *alloc_list(size_t bytes)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;

	return bytes <= LIST_KMALLOC ? kmalloc(bytes, gfp) : __vmalloc(bytes, gfp);
}

int zcdma_chunks_add(struct zcdma_buf *buf, struct page *page, unsigned int pages)
{
	size_t bytes = buf->chunks * sizeof(*buf->chunk);
	struct zcdma_chunk *chunk;

	/* At each power of two there is no more room. */
	if (!(buf->chunks & (buf->chunks - 1))) {
		chunk = alloc_list(bytes ? 2 * bytes : sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		if (bytes)
			memcpy(chunk, buf->chunk, bytes);
		kvfree(buf->chunk);
		buf->chunk = chunk;
	}
	buf->chunk[buf->chunks++] = (struct zcdma_chunk){ .page = page, .pages = pages };
	return 0;
}

/*
 * Zeroed, as user space gets to see it. Low memory, as the CPU reads and writes it too. Failing is
 * better than to let the OOM killer make room for a ring.
 */
struct page *zcdma_chunks_alloc_pages(struct zcdma_mem *mem, gfp_t gfp, unsigned int order)
{
	int node = dev_to_node(mem->dev);
	struct page *page = NULL;

	gfp |= GFP_USER | __GFP_ZERO | __GFP_NOWARN;
	/* Memory that the device reaches is not bounced. There may be little of it. */
	if (mem->zone)
		page = alloc_pages_node(node, (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY | mem->zone,
					order);
	return page ?: alloc_pages_node(node, gfp, order);
}

void zcdma_chunks_free(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->chunks; i++)
		put_page(buf->chunk[i].page);
	kvfree(buf->chunk);
	buf->chunk = NULL;
	buf->chunks = 0;
}

/*
 * The DMA API does not tell which mappings are bounced. But then the device is shown other memory than
 * what was mapped. Chunks are bounced as a whole.
 */
static bool is_bounced(struct zcdma_mem *mem, const struct zcdma_buf *buf)
{
	struct scatterlist *sg = buf->sgt.sgl;
	size_t off = 0;
	unsigned int i;

	for (i = 0; i < buf->chunks; i++) {
		const struct zcdma_chunk *chunk = &buf->chunk[i];

		if (zcdma_mem_phys(mem->dev, sg_dma_address(sg) + off) != page_to_phys(chunk->page))
			return true;
		off += (size_t)chunk->pages << PAGE_SHIFT;
		if (off >= sg_dma_len(sg)) {
			off = 0;
			sg = sg_next(sg);
		}
	}
	return false;
}

static phys_addr_t chunk_bytes(const struct zcdma_chunk *chunk)
{
	return (phys_addr_t)chunk->pages << PAGE_SHIFT;
}

static bool is_reached(const struct zcdma_mem *mem, const struct zcdma_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->chunks; i++) {
		const struct zcdma_chunk *chunk = &buf->chunk[i];

		/* By the address: behind the last page there need not be a struct page. */
		if (page_to_phys(chunk->page) + chunk_bytes(chunk) - 1 > mem->reach)
			return false;
	}
	return true;
}

int zcdma_chunks_dma_map(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	if (!is_reached(mem, buf))
		return -ENOMEM;
	ret = sg_alloc_table(&buf->sgt, buf->chunks,
			     GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	if (ret)
		return ret;
	for_each_sgtable_sg(&buf->sgt, sg, i)
		sg_set_page(sg, buf->chunk[i].page, buf->chunk[i].pages << PAGE_SHIFT, 0);
	ret = dma_map_sgtable(mem->dev, &buf->sgt, mem->dir, DMA_ATTR_NO_WARN);
	if (ret) {
		sg_free_table(&buf->sgt);
		/* Bounce buffers ran out: the DMA API says -EIO, or before 5.15 -EINVAL. */
		return -ENOMEM;
	}
	buf->bounced = is_bounced(mem, buf);
	return 0;
}

void zcdma_chunks_dma_unmap(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	/*
	 * Without the sync that unmapping implies: the last data was synced when it was done, and
	 * the pages may be in flight since.
	 */
	dma_unmap_sgtable(mem->dev, &buf->sgt, mem->dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(&buf->sgt);
}

/* An IOMMU may have joined chunks: these are the device's pieces, not the CPU's. */
dma_addr_t zcdma_chunks_dma_addr(const struct zcdma_buf *buf, size_t off, size_t *left)
{
	struct scatterlist *sg = buf->sgt.sgl;

	for (; off >= sg_dma_len(sg); sg = sg_next(sg))
		off -= sg_dma_len(sg);
	*left = sg_dma_len(sg) - off;
	if (zcdma_mutant("phys"))
		return sg_phys(sg) + off;
	return sg_dma_address(sg) + off;
}

/* A list must be synced as it was mapped, as a whole; one piece can be synced in part. */
void zcdma_chunks_sync_for_cpu(struct zcdma_mem *mem, struct zcdma_buf *buf, size_t bytes)
{
	if (zcdma_mutant("sync"))
		return;
	if (buf->sgt.orig_nents == 1)
		dma_sync_single_for_cpu(mem->dev, sg_dma_address(buf->sgt.sgl), bytes, mem->dir);
	else
		dma_sync_sgtable_for_cpu(mem->dev, &buf->sgt, mem->dir);
}

void zcdma_chunks_sync_for_device(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	dma_sync_sgtable_for_device(mem->dev, &buf->sgt, mem->dir);
}

struct page *zcdma_chunks_page_at(const struct zcdma_buf *buf, size_t off, size_t *left)
{
	const struct zcdma_chunk *chunk = buf->chunk;
	unsigned long n = off >> PAGE_SHIFT;

	while (n >= chunk->pages)
		n -= chunk++->pages;
	if (left)
		*left = ((size_t)(chunk->pages - n) << PAGE_SHIFT) - offset_in_page(off);
	return chunk->page + n;
}

int zcdma_chunks_mmap(struct zcdma_mem *mem, struct zcdma_buf *buf, struct vm_area_struct *vma,
		      unsigned long addr, size_t off, size_t len)
{
	unsigned long end = addr + len;
	int ret;

	for (; addr < end; addr += PAGE_SIZE, off += PAGE_SIZE) {
		ret = vm_insert_page(vma, addr, zcdma_chunks_page_at(buf, off, NULL));
		/* A page that is there already is as good. */
		if (ret && ret != -EBUSY)
			return ret;
	}
	return 0;
}

void *zcdma_chunks_vaddr(const struct zcdma_buf *buf, size_t off)
{
	return page_address(zcdma_chunks_page_at(buf, off, NULL)) + offset_in_page(off);
}

struct page *zcdma_chunks_get_page(const struct zcdma_buf *buf, size_t off, size_t *len)
{
	size_t left;
	struct page *page = zcdma_chunks_page_at(buf, off, &left);

	*len = min(*len, left);
	return try_get_page(page) ? page : NULL;
}

/* A compound page has one reference count: one word tells whether an unmapped chunk is idle. */
bool zcdma_chunks_busy(const struct zcdma_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->chunks; i++) {
		if (zcdma_mem_page_busy(buf->chunk[i].page, buf->chunk[i].pages))
			return true;
	}
	return false;
}

bool zcdma_chunks_count(const struct zcdma_buf *buf, unsigned int i, int *refs, int *maps)
{
	if (i >= buf->chunks)
		return false;
	zcdma_mem_count(buf->chunk[i].page, buf->chunk[i].pages, refs, maps);
	return true;
}
