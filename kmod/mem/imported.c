// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model imported: blocks are dma-bufs of other drivers. The driver has nothing but their bus
 * addresses: it knows neither what refers to the pages nor whether there are pages. So the ring
 * gives no access to them, and a block that is given back is free.
 *
 * The exporter syncs caches, where user space brackets its accesses by DMA_BUF_IOCTL_SYNC. An
 * importer does not, as videobuf2 does not for V4L2_MEMORY_DMABUF; but where the CPU works in the
 * device's place, its accesses are bracketed so as well.
 */
#include <linux/dma-buf.h>
#include <linux/kernel.h>
#include <linux/mm.h>

#include "chunks.h"
#include "compat.h"

static bool is_there_already(const struct zcdma_mem *mem, const struct zcdma_buf *buf)
{
	const struct zcdma_buf *other;

	for (other = mem->buf; other < buf; other++) {
		if (other->dmabuf == buf->dmabuf)
			return true;
	}
	return false;
}

static int imported_alloc(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	int ret;

	/* The exporter does not know when to copy from a bounce buffer. */
	if (dma_max_mapping_size(mem->dev) < SIZE_MAX)
		return -EOPNOTSUPP;
	buf->dmabuf = dma_buf_get(mem->dmabufs[buf - mem->buf]);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		buf->dmabuf = NULL;
		return ret;
	}
	ret = -EINVAL;
	if (buf->dmabuf->size < mem->block_size || is_there_already(mem, buf))
		goto err_put;
	buf->bytes = mem->stride;
	return 0;

err_put:
	dma_buf_put(buf->dmabuf);
	buf->dmabuf = NULL;
	return ret;
}

static void imported_free(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	dma_buf_put(buf->dmabuf);
	buf->dmabuf = NULL;
}

/* Return whether the device takes every piece, and the pieces are a block. */
static bool is_usable(const struct zcdma_mem *mem, struct sg_table *sgt)
{
	struct scatterlist *sg;
	size_t bytes = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (!IS_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg), mem->align))
			return false;
		bytes += sg_dma_len(sg);
	}
	return bytes >= mem->block_size;
}

/*
 * Have the CPU find it, where the CPU works in the device's place. Call after it was mapped for
 * DMA: an exporter may refuse either, and dma_buf_vmap() warns of that.
 */
static int map_for_cpu(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	void *vaddr;

	if (mem->dir != DMA_BIDIRECTIONAL)
		return 0;
	vaddr = zcdma_dmabuf_vmap(buf->dmabuf);
	if (IS_ERR(vaddr))
		return PTR_ERR(vaddr);
	buf->coherent = vaddr;
	return 0;
}

static int imported_dma_map(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	int ret;

	attach = dma_buf_attach(buf->dmabuf, mem->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	sgt = zcdma_dmabuf_map_attachment(attach, mem->dir);
	if (IS_ERR(sgt)) {
		ret = PTR_ERR(sgt);
		goto err_detach;
	}
	ret = -EINVAL;
	if (!is_usable(mem, sgt))
		goto err_unmap;
	ret = zcdma_chunks_list_pieces(buf, sgt);
	if (ret)
		goto err_unmap;
	ret = map_for_cpu(mem, buf);
	if (ret)
		goto err_forget;
	buf->attach = attach;
	buf->imported = sgt;
	return 0;

err_forget:
	zcdma_chunks_forget_pieces(buf);
err_unmap:
	zcdma_dmabuf_unmap_attachment(attach, sgt, mem->dir);
err_detach:
	dma_buf_detach(buf->dmabuf, attach);
	return ret;
}

static void imported_dma_unmap(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	if (buf->coherent)
		zcdma_dmabuf_vunmap(buf->dmabuf, buf->coherent);
	buf->coherent = NULL;
	zcdma_dmabuf_unmap_attachment(buf->attach, buf->imported, mem->dir);
	dma_buf_detach(buf->dmabuf, buf->attach);
	zcdma_chunks_forget_pieces(buf);
	buf->attach = NULL;
	buf->imported = NULL;
}

static void imported_sync_for_cpu(struct zcdma_mem *mem, struct zcdma_buf *buf, size_t bytes)
{
}

static void imported_sync_for_device(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
}

static int imported_begin_cpu_access(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	return dma_buf_begin_cpu_access(buf->dmabuf, mem->dir);
}

static int imported_end_cpu_access(struct zcdma_mem *mem, struct zcdma_buf *buf)
{
	return dma_buf_end_cpu_access(buf->dmabuf, mem->dir);
}

static void *imported_vaddr(const struct zcdma_buf *buf, size_t off)
{
	return buf->coherent + off;
}

static bool imported_count(const struct zcdma_buf *buf, unsigned int i, int *refs, int *maps)
{
	return false;
}

const struct zcdma_mem_ops zcdma_mem_imported = {
	.name = "imported",
	.stride = zcdma_mem_page_stride,
	.alloc = imported_alloc,
	.free = imported_free,
	.dma_map = imported_dma_map,
	.dma_unmap = imported_dma_unmap,
	.dma_addr = zcdma_chunks_dma_addr,
	.sync_for_cpu = imported_sync_for_cpu,
	.sync_for_device = imported_sync_for_device,
	.begin_cpu_access = imported_begin_cpu_access,
	.end_cpu_access = imported_end_cpu_access,
	.vaddr = imported_vaddr,
	.count = imported_count,
	.foreign = true,
};
