/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a ring: how each model allocates, maps and checks its blocks. */
#ifndef ZCDMA_MEM_H
#define ZCDMA_MEM_H

#include <linux/dma-mapping.h>
#include <linux/mm_types.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

struct dma_buf;
struct dma_buf_attachment;
struct zcdma_account;
struct zcdma_mem;

/* A piece of a block that is contiguous for the CPU. */
struct zcdma_chunk {
	struct page *page;
	unsigned int pages;
	unsigned int first;	/* page of the block */
};

/* A piece of a block that is contiguous for the device. */
struct zcdma_piece {
	size_t first;		/* byte of the block */
	dma_addr_t addr;
};

/* The memory of one block. */
struct zcdma_buf {
	struct zcdma_chunk *chunk;
	unsigned int chunks;
	struct sg_table sgt;	/* of the chunks, mapped for the device */
	struct zcdma_piece *piece; /* as the device sees them: an IOMMU joins chunks */
	unsigned int pieces;
	void *coherent;		/* or where the kernel has mapped .dmabuf, or NULL */
	dma_addr_t dma;
	size_t bytes;		/* of the block, rounded up to whole pages */
	bool bounced;		/* the DMA API copies what the device writes */
	struct dma_buf *dmabuf;	/* of another driver */
	struct dma_buf_attachment *attach;
	struct sg_table *imported;
};

struct zcdma_mem_ops {
	const char *name;
	/* Return the bytes of memory that a block takes. */
	size_t (*stride)(const struct zcdma_mem *mem);
	int (*alloc)(struct zcdma_mem *mem, struct zcdma_buf *buf);
	/* Drop the driver's references: pages in flight live on. */
	void (*free)(struct zcdma_mem *mem, struct zcdma_buf *buf);
	int (*dma_map)(struct zcdma_mem *mem, struct zcdma_buf *buf);
	void (*dma_unmap)(struct zcdma_mem *mem, struct zcdma_buf *buf);
	/* Return the bus address of the byte at @off; *@left bytes are contiguous from there. */
	dma_addr_t (*dma_addr)(const struct zcdma_buf *buf, size_t off, size_t *left);
	void (*sync_for_cpu)(struct zcdma_mem *mem, struct zcdma_buf *buf, size_t bytes);
	void (*sync_for_device)(struct zcdma_mem *mem, struct zcdma_buf *buf);
	/*
	 * Have the CPU access a block in the device's place, and end it. Sleep. Return 0 or a
	 * negative errno. NULL operations: the syncs above do.
	 */
	int (*begin_cpu_access)(struct zcdma_mem *mem, struct zcdma_buf *buf);
	int (*end_cpu_access)(struct zcdma_mem *mem, struct zcdma_buf *buf);
	/* Prepare a VMA that its faults fill by .mmap; NULL operation: nothing to prepare. */
	int (*prepare)(struct zcdma_mem *mem, struct vm_area_struct *vma);
	/* Map @len bytes from @off of the block to @addr. Both are multiples of the page size. */
	int (*mmap)(struct zcdma_mem *mem, struct zcdma_buf *buf, struct vm_area_struct *vma,
		    unsigned long addr, size_t off, size_t len);
	/* Return the CPU's address of the byte at @off, valid to the end of its page. */
	void *(*vaddr)(const struct zcdma_buf *buf, size_t off);
	/*
	 * Return the page at @off with a reference for the caller, or NULL. Reduces *@len to the
	 * bytes that are contiguous from there and that the reference covers. NULL operation: the
	 * memory has no struct pages.
	 */
	struct page *(*get_page)(const struct zcdma_buf *buf, size_t off, size_t *len);
	/*
	 * Check whether anything but the driver and the mappings refers to a page. The caller makes
	 * sure that page tables do not grow. NULL operation: nothing can refer to them.
	 */
	bool (*busy)(const struct zcdma_buf *buf);
	/* Get the @i-th reference count of the block, for debugfs. Returns false after the last. */
	bool (*count)(const struct zcdma_buf *buf, unsigned int i, int *refs, int *maps);
	bool revocable;		/* mappings can be refaulted: ZCDMA_DEV_STRICT works */
	bool bound;		/* the memory is freed when the device is removed */
	bool foreign;		/* of another driver: the ring gives user space no access */
};

struct zcdma_mem {
	const struct zcdma_mem_ops *ops;
	struct device *dev;	/* that does the DMA */
	struct zcdma_account *account;
	enum dma_data_direction dir;
	const s32 *dmabufs;	/* descriptors of foreign memory, while it is allocated */
	u32 align;		/* of its pieces */
	size_t block_size;
	size_t stride;
	unsigned int blocks;
	unsigned int order_max;	/* of a chunk; of the next one, for scatter */
	int node;		/* to allocate on, ... */
	bool node_only;		/* ... and nowhere else */
	gfp_t zone;		/* that the device reaches all of; 0: it reaches any memory */
	phys_addr_t reach;	/* the last byte that a block may have, as nothing bounces */
	phys_addr_t reach_frag;	/* the last byte that the device reaches itself */
	bool gone;		/* after zcdma_mem_detach() */
	struct zcdma_buf *buf;
};

/* By enum zcdma_dev_model; NULL: this kernel does not have it. */
extern const struct zcdma_mem_ops *const zcdma_mem_models[];
unsigned int zcdma_mem_models_mask(void);

extern const struct zcdma_mem_ops zcdma_mem_coherent;
extern const struct zcdma_mem_ops zcdma_mem_pages;
extern const struct zcdma_mem_ops zcdma_mem_compound;
extern const struct zcdma_mem_ops zcdma_mem_scatter;
extern const struct zcdma_mem_ops zcdma_mem_imported;

/* Return whether there is memory that the device does not reach. */
bool zcdma_mem_limited(struct device *dev);
/* Translate a bus address to a physical one. */
phys_addr_t zcdma_mem_phys(struct device *dev, dma_addr_t addr);

/* Return the largest order of a chunk that the device takes in one piece. */
unsigned int zcdma_mem_order_max(struct device *dev);

/* Lay out a ring whose .dev, .dir, .block_size and .blocks are set. Allocates nothing. */
void zcdma_mem_layout(struct zcdma_mem *mem, unsigned int model);

/*
 * Allocate the memory and map it for DMA. Returns 0 or a negative errno; then *@fit is how many
 * blocks there was memory for.
 */
int zcdma_mem_alloc(struct zcdma_mem *mem, unsigned int *fit);

/*
 * Return the bus address of the byte of a block at @off; the device can take *@bytes from there in
 * one piece.
 */
dma_addr_t zcdma_mem_dma(const struct zcdma_mem *mem, const struct zcdma_buf *buf, size_t off,
			 size_t *bytes);
/* Return the number of such pieces in the block that has most. */
unsigned int zcdma_mem_pieces(const struct zcdma_mem *mem);

/* End all DMA, as the device is being removed. Only zcdma_mem_free() may follow. */
void zcdma_mem_detach(struct zcdma_mem *mem);
void zcdma_mem_free(struct zcdma_mem *mem);

/* Return a block's size rounded up to whole pages: the .stride of most models. */
size_t zcdma_mem_page_stride(const struct zcdma_mem *mem);

/*
 * Count the references to a page, or to a compound page of @pages, and those of page tables among
 * them. The caller makes sure that page tables do not grow meanwhile.
 */
void zcdma_mem_count(struct page *page, unsigned int pages, int *refs, int *maps);
/* Return whether there are more references than those and the driver's own. */
bool zcdma_mem_page_busy(struct page *page, unsigned int pages);

#endif /* ZCDMA_MEM_H */
