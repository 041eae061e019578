// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks as dma-bufs: when an importer may map one, and for how long that keeps it from the device.
 * dmabuf_ops.c has what importers call.
 *
 * Only a mapping gives an importer access to the memory, be it for DMA, for the kernel or for user
 * space. So a mapping holds the block, and a descriptor or an attachment does not. Fences show
 * less: importers may go without them, as V4L2 does.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "block.h"
#include "compat.h"
#include "device.h"
#include "dmabuf.h"
#include "dmabuf_ops.h"
#include "fault_inject.h"

/*
 * The most dma-bufs of a block alone, and of the whole ring. With ZCDMA_MAPPINGS_MAX of each, and
 * of the ring, the largest chunk has 129 times 2^23 references from mappings at most, half of what
 * its count holds.
 */
#define EXPORTS_MAX 64

/*
 * Below a dma-buf's reservation lock and a process's mmap_lock. Protects .ring, .maps, .mmaps and
 * .node, and how many there are.
 */
static DEFINE_MUTEX(exports_lock);

/* Keep a block that is held, or a ring that is stopped, from a device that writes to it. */
static int hold(struct zcdma_export *ex)
{
	struct zcdma_ring *ring = ex->ring;
	struct zcdma_block *block = &ring->block[ex->first];
	int ret = 0;

	if (ring->out)
		return 0;
	spin_lock_irq(&ring->zdev->lock);
	if (ex->whole ? ring->running : block->state != ZCDMA_HELD)
		ret = -EBUSY;
	else if (ex->whole)
		ring->imported++;
	else if (!zcdma_mutant("map"))
		block->users++;
	spin_unlock_irq(&ring->zdev->lock);
	return ret;
}

/*
 * Take the empty blocks of a ring, which are to drain again: while it was mapped, pages of them may
 * have been sent from the mapping. A block that zcdma_block_try_reclaim() looks at is on no list,
 * and may have been found idle before its page was sent; faults of the mapping do not change
 * .inserts, so change it here, which fails the look. It stays even. Call with zdev->lock held.
 */
static void take_free(struct zcdma_ring *ring, struct list_head *taken)
{
	ring->inserts += 2;
	list_splice_init(&ring->free, taken);
}

/*
 * Have them drain, one at a time: there may be thousands, and interrupts wait for the lock. They
 * are on no list of the ring's meanwhile, and the ring stays: exports_lock is held.
 */
static void drain_taken(struct zcdma_ring *ring, struct list_head *taken)
{
	struct zcdma_block *block, *next;

	list_for_each_entry_safe(block, next, taken, node) {
		spin_lock_irq(&ring->zdev->lock);
		zcdma_block_move(ring, block, ZCDMA_DRAINING, &ring->draining);
		spin_unlock_irq(&ring->zdev->lock);
		cond_resched();
	}
}

static void release_hold(struct zcdma_export *ex)
{
	struct zcdma_ring *ring = ex->ring;
	struct zcdma_block *block = &ring->block[ex->first];
	LIST_HEAD(taken);

	if (ring->out || zcdma_mutant("unmap"))
		return;
	spin_lock_irq(&ring->zdev->lock);
	if (!ex->whole && !zcdma_mutant("map"))
		block->users--;
	if (ex->whole && !--ring->imported && !zcdma_mutant("whole"))
		take_free(ring, &taken);
	spin_unlock_irq(&ring->zdev->lock);
	drain_taken(ring, &taken);
	if (!zcdma_device_enter(ring->zdev))
		return;
	zcdma_ring_reap_later(ring);
	zcdma_device_leave(ring->zdev);
}

/* Call with exports_lock held. */
static int get(struct zcdma_export *ex)
{
	int ret = 0;

	if (ex->ring && !ex->maps)
		ret = hold(ex);
	if (!ret)
		ex->maps++;
	return ret;
}

int zcdma_export_get(struct zcdma_export *ex)
{
	int ret;

	mutex_lock(&exports_lock);
	ret = get(ex);
	mutex_unlock(&exports_lock);
	return ret;
}

int zcdma_export_get_mmap(struct zcdma_export *ex, bool part)
{
	int ret = -ENOMEM;

	mutex_lock(&exports_lock);
	if (part || ex->mmaps < ZCDMA_MAPPINGS_MAX)
		ret = get(ex);
	if (!ret)
		ex->mmaps++;
	mutex_unlock(&exports_lock);
	return ret;
}

void zcdma_export_put_mmap(struct zcdma_export *ex)
{
	mutex_lock(&exports_lock);
	ex->mmaps--;
	mutex_unlock(&exports_lock);
	zcdma_export_put(ex);
}

void zcdma_export_put(struct zcdma_export *ex)
{
	mutex_lock(&exports_lock);
	if (!--ex->maps && ex->ring)
		release_hold(ex);
	mutex_unlock(&exports_lock);
}

/* Call a function for each page that has a reference count of its own. */
static void call_for_counts(struct zcdma_export *ex, void (*call)(struct page *page))
{
	unsigned int i, j, step;

	for (i = 0; i < ex->chunks; i++) {
		const struct zcdma_chunk *chunk = &ex->chunk[i];

		step = PageCompound(chunk->page) ? chunk->pages : 1;
		for (j = 0; j < chunk->pages; j += step)
			call(chunk->page + j);
		cond_resched();
	}
}

/* Leave its pages to one dma-buf. Returns false after the last. */
static bool orphan_one(struct zcdma_ring *ring)
{
	struct zcdma_export *ex;

	mutex_lock(&exports_lock);
	ex = list_first_entry_or_null(&ring->exports, struct zcdma_export, node);
	if (ex) {
		call_for_counts(ex, get_page);
		list_del(&ex->node);
		ex->ring = NULL;
	}
	mutex_unlock(&exports_lock);
	return ex;
}

/*
 * The pages then stay charged until zcdma_export_free(): see zcdma_account_put_page(). Others wait
 * for the lock, with locks of user space's memory held, and there may be as many dma-bufs as there
 * are descriptors: so hold it for one at a time.
 */
void zcdma_dmabuf_orphan(struct zcdma_ring *ring)
{
	while (orphan_one(ring))
		cond_resched();
}

/* Return where the exports are counted that are of the same blocks. */
static u32 *count_of(const struct zcdma_export *ex)
{
	return ex->whole ? &ex->ring->exports_whole : &ex->ring->block[ex->first].exports;
}

/* Add it to those of its ring. Returns false where that has as many as it may have. */
static bool list_export(struct zcdma_export *ex)
{
	bool room;

	mutex_lock(&exports_lock);
	room = *count_of(ex) < EXPORTS_MAX;
	if (room) {
		(*count_of(ex))++;
		list_add(&ex->node, &ex->ring->exports);
	}
	mutex_unlock(&exports_lock);
	return room;
}

void zcdma_export_free(struct zcdma_export *ex)
{
	bool orphan;

	mutex_lock(&exports_lock);
	orphan = !ex->ring;
	if (!orphan) {
		(*count_of(ex))--;
		list_del(&ex->node);
	}
	mutex_unlock(&exports_lock);
	if (orphan)
		call_for_counts(ex, put_page);
	kvfree(ex);
}

static unsigned int count_chunks(const struct zcdma_ring *ring, u32 first, u32 blocks)
{
	unsigned int count = 0;

	while (blocks--)
		count += ring->mem.buf[first++].chunks;
	return count;
}

static void add_chunks(struct zcdma_export *ex, const struct zcdma_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->chunks; i++) {
		struct zcdma_chunk *chunk = &ex->chunk[ex->chunks++];

		*chunk = buf->chunk[i];
		chunk->first = ex->pages;
		ex->pages += chunk->pages;
	}
}

static struct zcdma_export *alloc_export(struct zcdma_ring *ring, u32 index)
{
	bool whole = index == ZCDMA_DEV_EXPORT_RING;
	u32 i, first = whole ? 0 : array_index_nospec(index, ring->mem.blocks);
	u32 blocks = whole ? ring->mem.blocks : 1;
	struct zcdma_export *ex;

	ex = kvzalloc(struct_size(ex, chunk, count_chunks(ring, first, blocks)),
		      GFP_KERNEL_ACCOUNT);
	if (!ex)
		return NULL;
	mutex_init(&ex->lock);
	INIT_LIST_HEAD(&ex->mappings);
	ex->ring = ring;
	ex->first = first;
	ex->whole = whole;
	for (i = 0; i < blocks; i++)
		add_chunks(ex, &ring->mem.buf[first + i]);
	return ex;
}

static struct dma_buf *make(struct zcdma_ring *ring, const struct zcdma_dev_export *wanted)
{
	struct zcdma_export *ex;
	struct dma_buf *dmabuf;

	ex = alloc_export(ring, wanted->index);
	if (!ex)
		return ERR_PTR(-ENOMEM);
	if (!list_export(ex)) {
		kvfree(ex);
		return ERR_PTR(-EMFILE);
	}
	dmabuf = zcdma_export_dmabuf(ex, wanted->flags & O_ACCMODE);
	if (IS_ERR(dmabuf))
		zcdma_export_free(ex);
	return dmabuf;
}

struct dma_buf *zcdma_dmabuf_export(struct zcdma_ring *ring, fmode_t mode,
				    struct zcdma_dev_export *wanted)
{
	struct dma_buf *dmabuf;
	int fd;

	if (wanted->flags & ~(O_CLOEXEC | O_RDWR))
		return ERR_PTR(-EINVAL);
	if (wanted->index >= ring->mem.blocks && wanted->index != ZCDMA_DEV_EXPORT_RING)
		return ERR_PTR(-EINVAL);
	if (wanted->flags & O_RDWR && !(mode & FMODE_WRITE))
		return ERR_PTR(-EACCES);
	/* Nothing can take a mapping from an importer, which its driver does not expect. */
	if (ring->mem.ops->bound || ring->mem.ops->foreign)
		return ERR_PTR(-EOPNOTSUPP);
	fd = get_unused_fd_flags(wanted->flags & O_CLOEXEC);
	if (fd < 0)
		return ERR_PTR(fd);
	dmabuf = make(ring, wanted);
	if (IS_ERR(dmabuf)) {
		put_unused_fd(fd);
		return dmabuf;
	}
	wanted->fd = fd;
	wanted->bytes = dmabuf->size;
	return dmabuf;
}

void zcdma_dmabuf_done(struct dma_buf *dmabuf, int fd, bool copied_out)
{
	if (copied_out) {
		fd_install(fd, dmabuf->file);
		return;
	}
	put_unused_fd(fd);
	dma_buf_put(dmabuf);
}
