// SPDX-License-Identifier: GPL-2.0-only
/* A ring: create, start, stop, destroy. */
#include <linux/delay.h>
#include <linux/list_sort.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "account.h"
#include "block.h"
#include "compat.h"
#include "control.h"
#include "fault_inject.h"
#include "frags.h"
#include "ring.h"
#include "skb_flush.h"

u64 zcdma_ring_bytes_max(void)
{
	/* Half of the memory, and no more than mmap() can address. */
	return min_t(u64, (u64)totalram_pages() << PAGE_SHIFT >> 1, LONG_MAX);
}

static void init_blocks(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned int i;

	spin_lock_irq(&zdev->lock);
	memset(&zdev->stats, 0, sizeof(zdev->stats));
	memset(zdev->count, 0, sizeof(zdev->count));
	zdev->count[ZCDMA_FREE] = ring->mem.blocks;
	zdev->stats.ring_blocks = ring->mem.blocks;
	spin_unlock_irq(&zdev->lock);
	/* No other thread has the ring yet. */
	for (i = 0; i < ring->mem.blocks; i++) {
		ring->block[i].index = i;
		list_add_tail(&ring->block[i].node, &ring->free);
	}
}

/* Let user space have the empty blocks of an output device; there may be thousands. */
static void offer_blocks(struct zcdma_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->mem.blocks; i++) {
		spin_lock_irq(&ring->zdev->lock);
		zcdma_block_offer(ring, &ring->block[i]);
		spin_unlock_irq(&ring->zdev->lock);
		cond_resched();
	}
}

static void init_ring(struct zcdma_ring *ring, const struct zcdma_dev_setup *setup)
{
	struct zcdma_device *zdev = ring->zdev;

	ring->out = zdev->ops->out;
	ring->strict = setup->policy == ZCDMA_DEV_STRICT;
	INIT_LIST_HEAD(&ring->free);
	INIT_LIST_HEAD(&ring->full);
	INIT_LIST_HEAD(&ring->draining);
	INIT_LIST_HEAD(&ring->exports);
	mutex_init(&ring->map_lock);
	mutex_init(&ring->read_lock);
	spin_lock_init(&ring->submit_lock);
	zcdma_ring_reap_init(ring);
	zcdma_timeout_init(ring, setup);
	ring->mem.dev = zdev->dma;
	ring->mem.dir = zdev->ops->dir;
	ring->mem.node_only = setup->flags & ZCDMA_DEV_SETUP_NODE;
	ring->mem.node = ring->mem.node_only ? setup->node : dev_to_node(zdev->dma);
	ring->mem.block_size = setup->block_size;
	ring->mem.blocks = setup->blocks;
	ring->mem.align = zdev->limits.align ?: 1;
	zcdma_mem_layout(&ring->mem, setup->model);
	ring->bytes = (u64)ring->mem.stride * setup->blocks;
	ring->stream = (struct zcdma_stream){
		.priv = zdev->priv,
		.block_size = setup->block_size,
		.blocks = setup->blocks,
		.rate = setup->rate,
		.seed = setup->seed,
	};
}

static unsigned int count_bounced(const struct zcdma_mem *mem)
{
	unsigned int i, count = 0;

	for (i = 0; i < mem->blocks; i++)
		count += mem->buf[i].bounced;
	return count;
}

static void report(const struct zcdma_ring *ring, struct zcdma_dev_setup *setup)
{
	setup->stride = ring->mem.stride;
	setup->ring_bytes = ring->bytes;
	setup->chunks = ring->mem.buf[0].chunks ?: ring->mem.buf[0].pieces ?: 1;
	setup->bounced = count_bounced(&ring->mem);
	if (!zcdma_control_is_used(ring))
		return;
	setup->control_offset = zcdma_control_offset(ring);
	setup->control_bytes = zcdma_control_bytes(ring->mem.blocks);
}

/* Refuse memory that the device cannot fill; @setup->chunks shows why. */
static int check_pieces(const struct zcdma_ring *ring, struct zcdma_dev_setup *setup)
{
	unsigned int most = ring->zdev->limits.chunks_max;

	if (!most)
		return 0;
	setup->chunks = zcdma_mem_pieces(&ring->mem);
	return setup->chunks > most ? -EMSGSIZE : 0;
}

/*
 * Return how many bytes a ring may have now. Beyond what is available the OOM killer would make
 * room, at the expense of other processes.
 */
static u64 bytes_available(void)
{
	long pages = si_mem_available();

	return min_t(u64, zcdma_ring_bytes_max(), (u64)max(pages, 0L) << PAGE_SHIFT);
}

struct zcdma_ring *zcdma_ring_create(struct zcdma_device *zdev, struct address_space *mapping,
				     struct zcdma_dev_setup *setup, const s32 *dmabufs)
{
	u64 available = bytes_available();
	struct zcdma_ring *ring;
	u64 own;
	int ret;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->zdev = zdev;
	ring->mapping = mapping;
	init_ring(ring, setup);

	/* Foreign memory is there already, and its owner pays for it. */
	own = ring->mem.ops->foreign ? 0 : ring->bytes;
	ret = -ENOMEM;
	setup->blocks_fit = div64_u64(available, ring->mem.stride);
	if (own > available)
		goto err_free;
	setup->blocks_fit = min_t(u64, div64_u64(zcdma_account_room(), ring->mem.stride), U32_MAX);
	ring->mem.account = zcdma_account_open(own >> PAGE_SHIFT);
	if (IS_ERR(ring->mem.account)) {
		ret = PTR_ERR(ring->mem.account);
		goto err_free;
	}
	ret = -ENOMEM;
	setup->blocks_fit = 0;
	ring->block = kvcalloc(ring->mem.blocks, sizeof(*ring->block), GFP_KERNEL_ACCOUNT);
	if (!ring->block)
		goto err_account;
	ring->mem.dmabufs = dmabufs;
	ret = zcdma_mem_alloc(&ring->mem, &setup->blocks_fit);
	ring->mem.dmabufs = NULL;
	if (ret)
		goto err_blocks;
	ret = check_pieces(ring, setup);
	if (ret)
		goto err_mem;
	if (setup->flags & ZCDMA_DEV_SETUP_CONTROL) {
		ret = zcdma_control_create(ring);
		if (ret)
			goto err_mem;
	}
	init_blocks(ring);
	if (ring->out && zcdma_control_is_used(ring))
		offer_blocks(ring);
	setup->blocks_fit = setup->blocks;
	report(ring, setup);
	return ring;

err_mem:
	zcdma_mem_free(&ring->mem);
err_blocks:
	kvfree(ring->block);
err_account:
	zcdma_account_close(ring->mem.account);
err_free:
	kfree(ring);
	return ERR_PTR(ret);
}

void zcdma_ring_detach(struct zcdma_ring *ring)
{
	zcdma_frags_free_all(zcdma_ring_stop(ring));
	cancel_delayed_work_sync(&ring->reap);
	zcdma_ring_free_frags(ring);
	/* Memory that goes with the device must be out of all page tables first. */
	if (ring->mem.ops->bound)
		zcdma_ring_unmap(ring);
	/* Free the packets that processors keep for later, so that their pages come home. */
	zcdma_skb_flush(ring->mem.account->cpus);
	zcdma_mem_detach(&ring->mem);
	/* The device may be gone. */
	spin_lock_irq(&ring->zdev->lock);
	zcdma_control_update(ring);
	spin_unlock_irq(&ring->zdev->lock);
}

void zcdma_ring_destroy(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;

	zcdma_control_destroy(ring);
	zcdma_mem_free(&ring->mem);
	zcdma_account_close(ring->mem.account);
	spin_lock_irq(&zdev->lock);
	memset(zdev->count, 0, sizeof(zdev->count));
	zdev->stats.ring_blocks = 0;
	spin_unlock_irq(&zdev->lock);
	if (!zcdma_mutant("leak"))
		kvfree(ring->block);
	kfree(ring);
}

void zcdma_ring_started(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;

	lockdep_assert_held(&zdev->ring_lock);
	ring->active = true;
	spin_lock_irq(&zdev->lock);
	/* The device may have halted already. */
	zdev->stats.running = !ring->halted;
	ring->ended = false;
	ring->reported_ns = ktime_get_ns();
	spin_unlock_irq(&zdev->lock);
	zcdma_timeout_start(ring);
	zcdma_ring_submit(ring);
	if (zcdma_control_is_used(ring))
		zcdma_ring_reap(ring, UINT_MAX);
}

static int start_device(struct zcdma_ring *ring)
{
	int ret;

	ret = ring->zdev->ops->start(&ring->stream);
	if (!ret)
		zcdma_ring_started(ring);
	return ret;
}

static int compare_seq(void *unused, const struct list_head *a, const struct list_head *b)
{
	return list_entry(a, struct zcdma_block, node)->seq >
	       list_entry(b, struct zcdma_block, node)->seq;
}

/*
 * Take back what the device had. The blocks are nobody's but the caller's until they are on a list
 * of the ring's, so they are found and sorted without the lock: there may be thousands.
 */
static void take_back(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block, *before;
	LIST_HEAD(back);
	unsigned int i;

	for (i = 0; i < ring->mem.blocks; i++) {
		if (READ_ONCE(ring->block[i].state) == ZCDMA_FILLING)
			list_move_tail(&ring->block[i].node, &back);
	}
	if (ring->out)
		zcdma_list_sort(NULL, &back, compare_seq);
	/* All of them were queued before those that are still queued. */
	list_for_each_entry_safe_reverse(block, before, &back, node) {
		spin_lock_irq(&zdev->lock);
		zcdma_block_set_state(ring, block, ring->out ? ZCDMA_FULL : ZCDMA_FREE);
		list_move(&block->node, ring->out ? &ring->full : &ring->free);
		spin_unlock_irq(&zdev->lock);
		cond_resched();
	}
}

/* Return whether another processor has a block that is on its way to the device. */
static bool is_submitting(struct zcdma_ring *ring)
{
	bool submitting;

	/* Only with the lock is what that processor did to the block seen before its count. */
	spin_lock_irq(&ring->zdev->lock);
	submitting = ring->submitting;
	spin_unlock_irq(&ring->zdev->lock);
	return submitting;
}

static void stop_device(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;

	if (!ring->active)
		return;
	spin_lock_irq(&zdev->lock);
	zdev->stats.running = 0;
	spin_unlock_irq(&zdev->lock);
	/* No new block is submitted, but another processor may be half way through. */
	while (is_submitting(ring))
		usleep_range(10, 50);
	zcdma_timeout_stop(ring);
	zdev->ops->abort(&ring->stream);
	ring->active = false;
	take_back(ring);
}

/* Drop a block that was queued and not played. Returns the pages of others in it, or NULL. */
static struct zcdma_frags *drop(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_frags *frags;

	/* Another processor may be half way through making it so. */
	while (!READ_ONCE(block->ready))
		usleep_range(10, 50);
	spin_lock_irq(&ring->zdev->lock);
	frags = block->frags;
	block->frags = NULL;
	block->error = -ECANCELED;
	zcdma_block_offer(ring, block);
	spin_unlock_irq(&ring->zdev->lock);
	return zcdma_mutant("keep") ? NULL : frags;
}

/* Drop what was queued, which is on no list of the ring's. Returns the pages of others in it. */
static struct zcdma_frags *drop_queued(struct zcdma_ring *ring, struct list_head *queued)
{
	struct zcdma_frags *frags, *dropped = NULL;
	struct zcdma_block *block, *next;

	list_for_each_entry_safe(block, next, queued, node) {
		frags = drop(ring, block);
		if (frags) {
			frags->next = dropped;
			dropped = frags;
		}
		cond_resched();
	}
	return dropped;
}

/* Begin to run. Returns false where an importer has mapped the whole ring. */
static bool set_running(struct zcdma_ring *ring)
{
	spin_lock_irq(&ring->zdev->lock);
	ring->running = !ring->imported;
	/* Not where the device wakes up: fsync() may have said that no more data comes. */
	ring->idle = list_empty(&ring->full);
	spin_unlock_irq(&ring->zdev->lock);
	return ring->running;
}

void zcdma_ring_unprepare(struct zcdma_ring *ring)
{
	spin_lock_irq(&ring->zdev->lock);
	ring->running = false;
	spin_unlock_irq(&ring->zdev->lock);
	/* fsync() waits while a ring runs, and may have found that it does. */
	wake_up_interruptible_all(&ring->zdev->wait);
}

int zcdma_ring_prepare(struct zcdma_ring *ring)
{
	lockdep_assert_held(&ring->zdev->ring_lock);
	if (ring->zdev->asleep)
		return -EIO;
	if (!set_running(ring))
		return -EBUSY;
	ring->starts++;
	/* Or the device would start without the blocks that have drained meanwhile. */
	if (!ring->out)
		zcdma_ring_reap(ring, UINT_MAX);
	return 0;
}

int zcdma_ring_start(struct zcdma_ring *ring)
{
	int ret;

	lockdep_assert_held(&ring->zdev->ring_lock);
	if (ring->running)
		return READ_ONCE(ring->halted) ? -EIO : 0;
	ret = zcdma_ring_prepare(ring);
	if (ret)
		return ret;
	ret = start_device(ring);
	if (ret)
		zcdma_ring_unprepare(ring);
	return ret;
}

struct zcdma_frags *zcdma_ring_stop(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_frags *dropped;
	LIST_HEAD(queued);

	lockdep_assert_held(&zdev->ring_lock);
	if (!ring->running)
		return NULL;
	stop_device(ring);
	/* What an output device was given is dropped as well. */
	zcdma_ring_collect(ring, UINT_MAX);
	spin_lock_irq(&zdev->lock);
	ring->running = false;
	ring->halted = false;
	ring->ended = true;
	if (ring->out)
		list_splice_init(&ring->full, &queued);
	ring->failed |= !list_empty(&queued);
	spin_unlock_irq(&zdev->lock);
	dropped = drop_queued(ring, &queued);
	spin_lock_irq(&zdev->lock);
	zcdma_control_update(ring);
	spin_unlock_irq(&zdev->lock);
	wake_up_interruptible_all(&zdev->wait);
	return dropped;
}

void zcdma_ring_suspend(struct zcdma_ring *ring)
{
	lockdep_assert_held(&ring->zdev->ring_lock);
	stop_device(ring);
}

void zcdma_ring_resume(struct zcdma_ring *ring)
{
	int ret;

	lockdep_assert_held(&ring->zdev->ring_lock);
	if (!ring->running || ring->active || READ_ONCE(ring->halted))
		return;
	zcdma_stream_gap(&ring->stream);
	ret = start_device(ring);
	if (!ret)
		return;
	dev_err(&ring->zdev->dev, "the device does not start again: %d\n", ret);
	zcdma_stream_halted(&ring->stream);
}
