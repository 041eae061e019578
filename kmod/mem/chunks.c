// SPDX-License-Identifier: GPL-2.0-only
/* Blocks made of pages: what the models pages, compound and scatter have in common. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "account.h"
#include "chunks.h"
#include "compat.h"
#include "fault_inject.h"

/*
 * Lists are long where memory is fragmented. Then a slab of larger objects, several pages for each
 * on debug kernels, cannot be allocated without the OOM killer, so long lists are vmalloc()ed.
 */
#define LIST_KMALLOC 512

static void *alloc_list(size_t bytes)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;

	return bytes <= LIST_KMALLOC ? kmalloc(bytes, gfp) : __vmalloc(bytes, gfp);
}

int zcdma_chunks_add(struct zcdma_buf *buf, struct page *page, unsigned int pages)
{
	size_t bytes = buf->chunks * sizeof(*buf->chunk);
	struct zcdma_chunk *chunk;

	/* The list is full at each power of two. */
	if (!(buf->chunks & (buf->chunks - 1))) {
		chunk = alloc_list(bytes ? 2 * bytes : sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		if (bytes)
			memcpy(chunk, buf->chunk, bytes);
		kvfree(buf->chunk);
		buf->chunk = chunk;
	}
	buf->chunk[buf->chunks++] = (struct zcdma_chunk){
		.page = page,
		.pages = pages,
		.first = buf->bytes >> PAGE_SHIFT,
	};
	buf->bytes += (size_t)pages << PAGE_SHIFT;
	return 0;
}

/*
 * Zeroed, as user space gets to see it. Low memory, as the CPU reads and writes it too. Failing is
 * better than to let the OOM killer make room for a ring.
 */
struct page *zcdma_chunks_alloc_pages(struct zcdma_mem *mem, gfp_t gfp, unsigned int order)
{
	struct page *page = NULL;

	gfp |= GFP_USER | ZCDMA_GFP_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	if (mem->node_only)
		gfp |= __GFP_THISNODE;
	/* Memory that the device reaches is not bounced. There may be little of it. */
	if (mem->zone)
		page = alloc_pages_node(mem->node, (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY |
					mem->zone, order);
	return page ?: alloc_pages_node(mem->node, gfp, order);
}

void zcdma_chunks_free(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	unsigned int i;

	for (i = zcdma_mutant("put"); i < buf->chunks; i++)
		zcdma_account_put_page(mem->account, buf->chunk[i].page);
	zcdma_chunks_forget(buf);
}

void zcdma_chunks_forget(struct zcdma_buf *buf)
{
	kvfree(buf->chunk);
	buf->chunk = NULL;
	buf->chunks = 0;
	buf->bytes = 0;
}

/*
 * The DMA API does not tell which mappings are bounced. But then the device is shown other memory
 * than what was mapped. Chunks are bounced as a whole.
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

		/* By address: there may be no struct page after the last page. */
		if (page_to_phys(chunk->page) + chunk_bytes(chunk) - 1 > mem->reach)
			return false;
	}
	return true;
}

/*
 * Without coherent DMA the zeros may be in the CPU's cache alone, and some machines drop what is
 * there when memory is mapped for the device to write to, as 32-bit ARM does in v7_dma_map_area():
 * the block would show what was in the memory before. Mapping it for the device to read writes them
 * back.
 */
static int write_zeros_back(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	int ret;

	if (mem->dir != DMA_FROM_DEVICE || zcdma_mutant("dirty"))
		return 0;
	ret = zcdma_dma_map_sgtable(mem->dev, &buf->sgt, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	if (!ret)
		dma_unmap_sgtable(mem->dev, &buf->sgt, DMA_TO_DEVICE, 0);
	return ret;
}

int zcdma_chunks_list_pieces(struct zcdma_buf *buf, struct sg_table *sgt)
{
	struct scatterlist *sg;
	size_t first = 0;
	unsigned int i;

	buf->piece = alloc_list(sgt->nents * sizeof(*buf->piece));
	if (!buf->piece)
		return -ENOMEM;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		buf->piece[i] = (struct zcdma_piece){ first, sg_dma_address(sg) };
		first += sg_dma_len(sg);
	}
	buf->pieces = sgt->nents;
	return 0;
}

void zcdma_chunks_forget_pieces(struct zcdma_buf *buf)
{
	kvfree(buf->piece);
	buf->piece = NULL;
	buf->pieces = 0;
}

static int map_table(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	int ret;

	ret = write_zeros_back(mem, buf);
	if (!ret)
		ret = zcdma_dma_map_sgtable(mem->dev, &buf->sgt, mem->dir, DMA_ATTR_NO_WARN);
	/* Bounce buffers ran out: the DMA API says -EIO, or before 5.15 -EINVAL. */
	return ret ? -ENOMEM : 0;
}

int zcdma_chunks_dma_map(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	if (!is_reached(mem, buf))
		return -ENOMEM;
	ret = sg_alloc_table(&buf->sgt, buf->chunks,
			     GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	if (ret)
		return ret;
	for_each_sgtable_sg(&buf->sgt, sg, i)
		sg_set_page(sg, buf->chunk[i].page, buf->chunk[i].pages << PAGE_SHIFT, 0);
	ret = map_table(mem, buf);
	if (ret)
		goto err_table;
	ret = zcdma_chunks_list_pieces(buf, &buf->sgt);
	if (ret)
		goto err_unmap;
	buf->bounced = is_bounced(mem, buf);
	return 0;

err_unmap:
	dma_unmap_sgtable(mem->dev, &buf->sgt, mem->dir, DMA_ATTR_SKIP_CPU_SYNC);
err_table:
	sg_free_table(&buf->sgt);
	return ret;
}

void zcdma_chunks_dma_unmap(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	/*
	 * Without the sync that unmapping implies: the last data was synced when it was done, and
	 * the pages may be in flight since.
	 */
	dma_unmap_sgtable(mem->dev, &buf->sgt, mem->dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(&buf->sgt);
	zcdma_chunks_forget_pieces(buf);
}

/*
 * A block may have 65536 pieces, and be gone through from one to the next: so halve, do not count.
 */
static const struct zcdma_piece *piece_at(const struct zcdma_buf *buf, size_t off)
{
	unsigned int low = 0, high = buf->pieces, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (buf->piece[mid].first <= off)
			low = mid;
		else
			high = mid;
	}
	return &buf->piece[low];
}

dma_addr_t zcdma_chunks_dma_addr(const struct zcdma_buf *buf, size_t off, size_t *left)
{
	const struct zcdma_piece *piece = piece_at(buf, off);
	bool last = piece == &buf->piece[buf->pieces - 1];

	*left = (last ? buf->bytes : piece[1].first) - off;
	if (zcdma_mutant("phys"))
		return page_to_phys(zcdma_chunks_page_at(buf, off, NULL)) + offset_in_page(off);
	return piece->addr + (off - piece->first);
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

/* Return the chunk of the block's page @n. */
static const struct zcdma_chunk *chunk_at(const struct zcdma_buf *buf, unsigned long n)
{
	unsigned int low = 0, high = buf->chunks, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (buf->chunk[mid].first <= n)
			low = mid;
		else
			high = mid;
	}
	return &buf->chunk[low];
}

struct page *zcdma_chunks_page_at(const struct zcdma_buf *buf, size_t off, size_t *left)
{
	const struct zcdma_chunk *chunk = chunk_at(buf, off >> PAGE_SHIFT);
	unsigned long n = (off >> PAGE_SHIFT) - chunk->first;

	if (left)
		*left = ((size_t)(chunk->pages - n) << PAGE_SHIFT) - offset_in_page(off);
	return chunk->page + n;
}

/* Pages that are inserted under one page table lock. */
#define INSERT_PAGES 64ul

static int insert_pages(const struct zcdma_buf *buf, struct vm_area_struct *vma, unsigned long addr,
			size_t off, unsigned long count)
{
	struct page *pages[INSERT_PAGES];
	unsigned long i, left;
	int ret;

	for (i = 0; i < count; i++)
		pages[i] = zcdma_chunks_page_at(buf, off + (i << PAGE_SHIFT), NULL);
	for (i = 0; i < count; i = count - left) {
		left = count - i;
		ret = vm_insert_pages(vma, addr + (i << PAGE_SHIFT), &pages[i], &left);
		/* The page is mapped already. */
		if (ret == -EBUSY)
			left--;
		else if (ret)
			return ret;
	}
	return 0;
}

int zcdma_chunks_mmap(struct zcdma_mem *mem, struct zcdma_buf *buf, struct vm_area_struct *vma,
		      unsigned long addr, size_t off, size_t len)
{
	size_t end = off + len, bytes;
	int ret;

	for (; off < end; off += bytes, addr += bytes) {
		/*
		 * A block may have 262144 pages, and threads that wait for the mmap_lock cannot be
		 * killed meanwhile.
		 */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		bytes = min_t(size_t, end - off, INSERT_PAGES << PAGE_SHIFT);
		ret = insert_pages(buf, vma, addr, off, bytes >> PAGE_SHIFT);
		if (ret)
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

/* A compound page has one reference count: if it is 1, an unmapped chunk is idle. */
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
