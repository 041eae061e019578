// SPDX-License-Identifier: GPL-2.0-only
/* What importers of a dma-buf call: Documentation/driver-api/dma-buf.rst. */
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "dmabuf_ops.h"

/*
 * A device of an importer's that may access the memory. The importer has a table of its own: what
 * becomes of that is its business, and that of CONFIG_DMABUF_DEBUG, which has the pages in it point
 * nowhere.
 */
struct mapping {
	struct list_head node;
	struct device *dev;
	enum dma_data_direction dir;
	struct sg_table sgt;
	struct sg_table given;
};

static struct page *page_at(const struct zcdma_export *ex, unsigned long n)
{
	unsigned int low = 0, high = ex->chunks, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (ex->chunk[mid].first <= n)
			low = mid;
		else
			high = mid;
	}
	return ex->chunk[low].page + (n - ex->chunk[low].first);
}

/* Return the pages of the largest piece that the importer's device takes. */
static unsigned int pages_max(struct device *dev)
{
	return max(dma_get_max_seg_size(dev) >> PAGE_SHIFT, 1U);
}

static int fill_table(struct sg_table *sgt, const struct zcdma_export *ex, unsigned int most)
{
	unsigned int i, n, done, count = 0;
	struct scatterlist *sg;
	int ret;

	for (i = 0; i < ex->chunks; i++)
		count += DIV_ROUND_UP(ex->chunk[i].pages, most);
	ret = sg_alloc_table(sgt, count, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (ret)
		return ret;
	sg = sgt->sgl;
	for (i = 0; i < ex->chunks; i++) {
		for (done = 0; done < ex->chunk[i].pages; done += n) {
			n = min(ex->chunk[i].pages - done, most);
			sg_set_page(sg, ex->chunk[i].page + done, n << PAGE_SHIFT, 0);
			sg = sg_next(sg);
		}
		cond_resched();
	}
	return 0;
}

/* Copy what the device sees. Both tables have the same pieces, of which an IOMMU joins some. */
static void copy_addresses(struct sg_table *to, const struct sg_table *from)
{
	struct scatterlist *src = from->sgl, *dst;
	unsigned int i;

	to->nents = from->nents;
	for_each_sgtable_dma_sg(to, dst, i) {
		sg_dma_address(dst) = sg_dma_address(src);
		sg_dma_len(dst) = sg_dma_len(src);
		src = sg_next(src);
	}
}

/*
 * The pages are mapped for the ring's device too, so what both have is synced by itself: a mapping
 * that syncs counts as one too many for CONFIG_DMA_API_DEBUG.
 */
static int map_table(struct mapping *m)
{
	int ret;

	ret = dma_map_sgtable(m->dev, &m->sgt, m->dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		return ret;
	dma_sync_sgtable_for_device(m->dev, &m->sgt, m->dir);
	copy_addresses(&m->given, &m->sgt);
	return 0;
}

static void unmap_table(struct mapping *m)
{
	dma_sync_sgtable_for_cpu(m->dev, &m->sgt, m->dir);
	dma_unmap_sgtable(m->dev, &m->sgt, m->dir, DMA_ATTR_SKIP_CPU_SYNC);
}

static struct mapping *make_mapping(const struct zcdma_export *ex, struct device *dev,
				    enum dma_data_direction dir)
{
	struct mapping *m;
	int ret;

	m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return ERR_PTR(-ENOMEM);
	m->dev = dev;
	m->dir = dir;
	ret = fill_table(&m->sgt, ex, pages_max(dev));
	if (ret)
		goto err_free;
	ret = fill_table(&m->given, ex, pages_max(dev));
	if (ret)
		goto err_table;
	ret = map_table(m);
	if (ret)
		goto err_given;
	return m;

err_given:
	sg_free_table(&m->given);
err_table:
	sg_free_table(&m->sgt);
err_free:
	kfree(m);
	return ERR_PTR(ret);
}

static struct sg_table *export_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct zcdma_export *ex = attach->dmabuf->priv;
	struct mapping *m;
	int ret;

	ret = zcdma_export_get(ex);
	if (ret)
		return ERR_PTR(ret);
	m = make_mapping(ex, attach->dev, dir);
	if (IS_ERR(m)) {
		zcdma_export_put(ex);
		return ERR_CAST(m);
	}
	mutex_lock(&ex->lock);
	list_add(&m->node, &ex->mappings);
	mutex_unlock(&ex->lock);
	return &m->given;
}

static void export_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
	struct mapping *m = container_of(sgt, struct mapping, given);
	struct zcdma_export *ex = attach->dmabuf->priv;

	mutex_lock(&ex->lock);
	list_del(&m->node);
	mutex_unlock(&ex->lock);
	unmap_table(m);
	sg_free_table(&m->given);
	sg_free_table(&m->sgt);
	kfree(m);
	zcdma_export_put(ex);
}

/*
 * The ring's own device needs no sync here: the core syncs a block when it is filled and before it
 * is filled again, or when it is queued.
 */
static int export_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct zcdma_export *ex = dmabuf->priv;
	struct mapping *m;

	mutex_lock(&ex->lock);
	if (ex->vaddr)
		invalidate_kernel_vmap_range(ex->vaddr, dmabuf->size);
	list_for_each_entry(m, &ex->mappings, node)
		dma_sync_sgtable_for_cpu(m->dev, &m->sgt, m->dir);
	mutex_unlock(&ex->lock);
	return 0;
}

static int export_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct zcdma_export *ex = dmabuf->priv;
	struct mapping *m;

	mutex_lock(&ex->lock);
	if (ex->vaddr)
		flush_kernel_vmap_range(ex->vaddr, dmabuf->size);
	list_for_each_entry(m, &ex->mappings, node)
		dma_sync_sgtable_for_device(m->dev, &m->sgt, m->dir);
	mutex_unlock(&ex->lock);
	return 0;
}

static void *map_for_kernel(const struct zcdma_export *ex)
{
	struct page **pages;
	unsigned int i;
	void *vaddr;

	pages = kvmalloc_array(ex->pages, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return NULL;
	for (i = 0; i < ex->pages; i++) {
		pages[i] = page_at(ex, i);
		cond_resched();
	}
	vaddr = vmap(pages, ex->pages, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return vaddr;
}

/* dma_buf_vmap() counts: it calls this for the first one only. */
static void *export_vmap(struct dma_buf *dmabuf)
{
	struct zcdma_export *ex = dmabuf->priv;
	void *vaddr;
	int ret;

	ret = zcdma_export_get(ex);
	if (ret)
		return ERR_PTR(ret);
	vaddr = map_for_kernel(ex);
	if (!vaddr) {
		zcdma_export_put(ex);
		return ERR_PTR(-ENOMEM);
	}
	mutex_lock(&ex->lock);
	ex->vaddr = vaddr;
	mutex_unlock(&ex->lock);
	return vaddr;
}

ZCDMA_DMABUF_VMAP(dmabuf_vmap, export_vmap)

static void export_vunmap(struct dma_buf *dmabuf)
{
	struct zcdma_export *ex = dmabuf->priv;
	void *vaddr;

	mutex_lock(&ex->lock);
	vaddr = ex->vaddr;
	ex->vaddr = NULL;
	mutex_unlock(&ex->lock);
	vunmap(vaddr);
	zcdma_export_put(ex);
}

ZCDMA_DMABUF_VUNMAP(dmabuf_vunmap, export_vunmap)

static vm_fault_t export_fault(struct vm_fault *vmf)
{
	struct zcdma_export *ex = vmf->vma->vm_private_data;

	if (!ex || vmf->pgoff >= ex->pages)
		return VM_FAULT_SIGBUS;
	vmf->page = page_at(ex, vmf->pgoff);
	get_page(vmf->page);
	return 0;
}

/*
 * Part of a mapping, or a child's: both go on holding what is held. A child's that is one too many
 * has no pages: SIGBUS.
 */
static void export_vm_open(struct vm_area_struct *vma)
{
	struct zcdma_export *ex = vma->vm_private_data;

	if (ex && zcdma_export_get_mmap(ex, vma->vm_mm == current->mm))
		vma->vm_private_data = NULL;
}

static void export_vm_close(struct vm_area_struct *vma)
{
	if (vma->vm_private_data)
		zcdma_export_put_mmap(vma->vm_private_data);
}

static const struct vm_operations_struct export_vm_ops = {
	.open = export_vm_open,
	.close = export_vm_close,
	.fault = export_fault,
};

static int export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	int ret;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	ret = zcdma_export_get_mmap(dmabuf->priv, false);
	if (ret)
		return ret;
	/*
	 * Not VM_MIXEDMAP, with which fork() copies page tables: a child's mapping is counted
	 * before it has pages, which it gets by faults of its own.
	 */
	zcdma_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &export_vm_ops;
	vma->vm_private_data = dmabuf->priv;
	return 0;
}

static void export_release(struct dma_buf *dmabuf)
{
	zcdma_export_free(dmabuf->priv);
}

static const struct dma_buf_ops export_ops = {
	.map_dma_buf = export_map,
	.unmap_dma_buf = export_unmap,
	.begin_cpu_access = export_begin_cpu_access,
	.end_cpu_access = export_end_cpu_access,
	.vmap = dmabuf_vmap,
	.vunmap = dmabuf_vunmap,
	.mmap = export_mmap,
	.release = export_release,
};

struct dma_buf *zcdma_export_dmabuf(struct zcdma_export *ex, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);

	info.ops = &export_ops;
	info.size = (size_t)ex->pages << PAGE_SHIFT;
	info.flags = flags;
	info.priv = ex;
	return dma_buf_export(&info);
}

ZCDMA_IMPORT_DMA_BUF;
