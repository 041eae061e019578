/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the driver builds on, 5.10 being the oldest. */
#ifndef ZCDMA_COMPAT_H
#define ZCDMA_COMPAT_H

#include <linux/dma-buf.h>
#include <linux/dmaengine.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/version.h>

/* Export a function to the modules of devices. The name of a namespace became a string. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define EXPORT_SYMBOL_ZCDMA(name) EXPORT_SYMBOL_NS_GPL(name, "ZCDMA")
#else
#define EXPORT_SYMBOL_ZCDMA(name) EXPORT_SYMBOL_NS_GPL(name, ZCDMA)
#endif

/* Have the functions of dma-bufs. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define ZCDMA_IMPORT_DMA_BUF MODULE_IMPORT_NS("DMA_BUF")
#else
#define ZCDMA_IMPORT_DMA_BUF MODULE_IMPORT_NS(DMA_BUF)
#endif

/*
 * Operations of a dma-buf made of "void *map(struct dma_buf *)", which returns an error pointer,
 * and "void unmap(struct dma_buf *)". A pointer became a structure, which then got another name.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
#define zcdma_dmabuf_map iosys_map
#define zcdma_dmabuf_map_set iosys_map_set_vaddr
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define zcdma_dmabuf_map dma_buf_map
#define zcdma_dmabuf_map_set dma_buf_map_set_vaddr
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define ZCDMA_DMABUF_VMAP(name, fn)						\
static int name(struct dma_buf *dmabuf, struct zcdma_dmabuf_map *map)		\
{										\
	void *vaddr = fn(dmabuf);						\
										\
	if (IS_ERR(vaddr))							\
		return PTR_ERR(vaddr);						\
	zcdma_dmabuf_map_set(map, vaddr);					\
	return 0;								\
}

#define ZCDMA_DMABUF_VUNMAP(name, fn)						\
static void name(struct dma_buf *dmabuf, struct zcdma_dmabuf_map *map)		\
{										\
	fn(dmabuf);								\
}
#else
#define ZCDMA_DMABUF_VMAP(name, fn)						\
static void *name(struct dma_buf *dmabuf)					\
{										\
	void *vaddr = fn(dmabuf);						\
										\
	return IS_ERR(vaddr) ? NULL : vaddr;					\
}

#define ZCDMA_DMABUF_VUNMAP(name, fn)						\
static void name(struct dma_buf *dmabuf, void *vaddr)				\
{										\
	fn(dmabuf);								\
}
#endif

/* What locks the reservation object itself got a name of its own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define zcdma_dmabuf_map_attachment dma_buf_map_attachment_unlocked
#define zcdma_dmabuf_unmap_attachment dma_buf_unmap_attachment_unlocked
#define zcdma_dmabuf_map_kernel dma_buf_vmap_unlocked
#define zcdma_dmabuf_unmap_kernel dma_buf_vunmap_unlocked
#else
#define zcdma_dmabuf_map_attachment dma_buf_map_attachment
#define zcdma_dmabuf_unmap_attachment dma_buf_unmap_attachment
#define zcdma_dmabuf_map_kernel dma_buf_vmap
#define zcdma_dmabuf_unmap_kernel dma_buf_vunmap
#endif

/*
 * Map a dma-buf for the kernel. Returns -ENOMEM; or -EOPNOTSUPP where the exporter cannot do that,
 * the memory is a device's, or, before 5.11, for any reason.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
static inline void *zcdma_dmabuf_vmap(struct dma_buf *dmabuf)
{
	struct zcdma_dmabuf_map map;
	int ret = zcdma_dmabuf_map_kernel(dmabuf, &map);

	if (ret)
		return ERR_PTR(ret == -ENOMEM ? ret : -EOPNOTSUPP);
	if (!map.is_iomem)
		return map.vaddr;
	zcdma_dmabuf_unmap_kernel(dmabuf, &map);
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void zcdma_dmabuf_vunmap(struct dma_buf *dmabuf, void *vaddr)
{
	struct zcdma_dmabuf_map map;

	zcdma_dmabuf_map_set(&map, vaddr);
	zcdma_dmabuf_unmap_kernel(dmabuf, &map);
}
#else
static inline void *zcdma_dmabuf_vmap(struct dma_buf *dmabuf)
{
	void *vaddr = zcdma_dmabuf_map_kernel(dmabuf);

	return vaddr ? vaddr : ERR_PTR(-EOPNOTSUPP);
}

#define zcdma_dmabuf_vunmap zcdma_dmabuf_unmap_kernel
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void zcdma_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void zcdma_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#else
static inline void zcdma_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vm_flags_set(vma, flags);
}

static inline void zcdma_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vm_flags_clear(vma, flags);
}
#endif

/* The largest order that the page allocator knows. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define ZCDMA_MAX_ORDER MAX_PAGE_ORDER
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define ZCDMA_MAX_ORDER MAX_ORDER
#else
#define ZCDMA_MAX_ORDER (MAX_ORDER - 1)
#endif

/* How many page table entries refer to a page, or to a compound page of @pages. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
static inline int zcdma_mapcount(struct page *head, unsigned int pages)
{
	return folio_mapcount(page_folio(head));
}
#else
/*
 * Plain loads, so that each is part of an addition: the caller compares counts from before and
 * after.
 */
static inline int zcdma_sum_of_8(const struct page *page)
{
	return data_race(page[0]._mapcount.counter + page[1]._mapcount.counter +
			 page[2]._mapcount.counter + page[3]._mapcount.counter +
			 page[4]._mapcount.counter + page[5]._mapcount.counter +
			 page[6]._mapcount.counter + page[7]._mapcount.counter);
}

static inline int zcdma_mapcount(struct page *head, unsigned int pages)
{
	const struct page *page = head, *end = head + pages;
	/* Each count begins at -1. */
	int sum = pages;

	for (; page + 16 <= end; page += 16)
		sum += zcdma_sum_of_8(page) + zcdma_sum_of_8(page + 8);
	for (; page < end; page++)
		sum += atomic_read(&page->_mapcount);
	return sum;
}
#endif

/* The remove callback of a platform driver became void. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define ZCDMA_PLATFORM_REMOVE(name, fn)			\
static void name(struct platform_device *pdev)		\
{							\
	fn(pdev);					\
}
#else
#define ZCDMA_PLATFORM_REMOVE(name, fn)			\
static int name(struct platform_device *pdev)		\
{							\
	fn(pdev);					\
	return 0;					\
}
#endif

/* A network device that only NAPI instances see. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
static inline struct net_device *zcdma_alloc_netdev_dummy(void)
{
	return alloc_netdev_dummy(0);
}

static inline void zcdma_free_netdev_dummy(struct net_device *dev)
{
	free_netdev(dev);
}
#else
static inline struct net_device *zcdma_alloc_netdev_dummy(void)
{
	struct net_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (dev)
		init_dummy_netdev(dev);
	return dev;
}

static inline void zcdma_free_netdev_dummy(struct net_device *dev)
{
	kfree(dev);
}
#endif

/* The device that a channel does its DMA as. Since 5.11 it may have one of its own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define zcdma_dma_device(chan) dmaengine_get_dma_device(chan)
#else
#define zcdma_dma_device(chan) ((chan)->device->dev)
#endif

/* Since 6.13 one call does both, and later the other went. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define zcdma_hrtimer_setup hrtimer_setup
#else
static inline void zcdma_hrtimer_setup(struct hrtimer *timer,
				       enum hrtimer_restart (*function)(struct hrtimer *timer),
				       clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* What list_sort() compares became constant, later also in what is maintained of 5.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 13, 0)
#define zcdma_list_sort list_sort
#else
#define zcdma_list_sort(priv, head, cmp) list_sort(priv, head, (void *)(cmp))
#endif

/* Charge pages to the memory cgroup. Before 5.11 a page that is charged cannot be mapped. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define ZCDMA_GFP_ACCOUNT __GFP_ACCOUNT
#else
#define ZCDMA_GFP_ACCOUNT 0
#endif

#endif /* ZCDMA_COMPAT_H */
