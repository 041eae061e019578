// SPDX-License-Identifier: GPL-2.0-only
/* What drivers of devices ask of a stream, and what they report. */
#include <linux/ktime.h>
#include <linux/poll.h>

#include "block.h"
#include "compat.h"
#include "control.h"
#include "frags.h"
#include "traced.h"

struct zcdma_block *zcdma_stream_block(struct zcdma_stream *stream, unsigned int index)
{
	return &zcdma_ring_of(stream)->block[index];
}
EXPORT_SYMBOL_ZCDMA(zcdma_stream_block);

u64 zcdma_stream_offset(const struct zcdma_stream *stream)
{
	return zcdma_ring_of(stream)->offset;
}
EXPORT_SYMBOL_ZCDMA(zcdma_stream_offset);

dma_addr_t zcdma_block_dma(const struct zcdma_stream *stream, const struct zcdma_block *block,
			   size_t off, size_t *bytes)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);

	if (block->frags)
		return zcdma_frags_dma(block->frags, off, bytes);
	return zcdma_mem_dma(&ring->mem, zcdma_ring_buf(ring, block), off, bytes);
}
EXPORT_SYMBOL_ZCDMA(zcdma_block_dma);

int zcdma_block_begin_cpu_access(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);
	struct zcdma_buf *buf = zcdma_ring_buf(ring, block);

	might_sleep();
	/* Pages of others are the CPU's as well, which writes nothing to them. */
	if (block->frags)
		return 0;
	if (ring->mem.ops->begin_cpu_access)
		return ring->mem.ops->begin_cpu_access(&ring->mem, buf);
	ring->mem.ops->sync_for_cpu(&ring->mem, buf, ring->mem.block_size);
	return 0;
}
EXPORT_SYMBOL_ZCDMA(zcdma_block_begin_cpu_access);

int zcdma_block_end_cpu_access(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);
	struct zcdma_buf *buf = zcdma_ring_buf(ring, block);

	might_sleep();
	if (block->frags)
		return 0;
	if (ring->mem.ops->end_cpu_access)
		return ring->mem.ops->end_cpu_access(&ring->mem, buf);
	ring->mem.ops->sync_for_device(&ring->mem, buf);
	return 0;
}
EXPORT_SYMBOL_ZCDMA(zcdma_block_end_cpu_access);

void *zcdma_block_vaddr(const struct zcdma_stream *stream, const struct zcdma_block *block,
			size_t off, size_t *bytes)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);

	if (block->frags)
		return zcdma_frags_vaddr(block->frags, off, bytes);
	*bytes = min_t(size_t, ring->mem.block_size - off, PAGE_SIZE - offset_in_page(off));
	return ring->mem.ops->vaddr(zcdma_ring_buf(ring, block), off);
}
EXPORT_SYMBOL_ZCDMA(zcdma_block_vaddr);

/* Return whether the driver has the block, and so may report it. Call with zdev->lock held. */
static bool is_drivers(const struct zcdma_ring *ring, const struct zcdma_block *block)
{
	return !WARN_ONCE(block->state != ZCDMA_FILLING, "%s: block %u is not the driver's\n",
			  ring->zdev->ops->name, block->index);
}

static void count_done(struct zcdma_ring *ring, const struct zcdma_block *block, size_t bytes,
		       int error)
{
	struct zcdma_dev_stats *stats = &ring->zdev->stats;

	if (error) {
		stats->failed++;
		return;
	}
	stats->blocks++;
	stats->bytes += bytes;
	stats->short_blocks += bytes < ring->mem.block_size;
	stats->bounced += block->frags ? block->frags->bounced :
					 zcdma_ring_buf(ring, block)->bounced;
}

/*
 * Let go of the pages of others in a block that is the driver's still: it is on no list. Call with
 * zdev->lock held, which is dropped meanwhile, as the pages may be many.
 */
static void release_frags(struct zcdma_ring *ring, struct zcdma_block *block, unsigned long *flags)
{
	struct zcdma_frags *frags = block->frags;

	block->frags = NULL;
	spin_unlock_irqrestore(&ring->zdev->lock, *flags);
	zcdma_frags_free(frags);
	spin_lock_irqsave(&ring->zdev->lock, *flags);
}

/* Make a block empty that the device fetched, after the pages of others in it were let go. */
static void finish_out(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes, int error)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;
	bool look = false;
	__poll_t key = 0;

	spin_lock_irqsave(&zdev->lock, flags);
	if (is_drivers(ring, block)) {
		block->offset = ring->offset;
		block->time_ns = ktime_get_ns();
		block->error = error;
		ring->offset += block->length;
		ring->gap = false;
		ring->failed |= !!error;
		count_done(ring, block, bytes, error);
		zcdma_note_finished(ring, block);
		if (block->frags)
			release_frags(ring, block, &flags);
		zcdma_block_offer(ring, block);
		look = !list_empty(&ring->full);
		look |= zcdma_control_update(ring);
		key = zcdma_ring_wake_key(ring);
	}
	spin_unlock_irqrestore(&zdev->lock, flags);
	if (look)
		zcdma_ring_reap_now(ring);
	wake_up_interruptible_poll(&zdev->wait, key);
}

/* Make a block full. One that failed leaves a hole of its own size in the stream. */
static void finish_in(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes, int error)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;
	__poll_t key;
	bool look;

	spin_lock_irqsave(&zdev->lock, flags);
	if (!is_drivers(ring, block)) {
		spin_unlock_irqrestore(&zdev->lock, flags);
		return;
	}
	block->length = error ? 0 : bytes;
	block->error = error;
	block->offset = ring->offset;
	block->seq = zdev->stats.next_seq++;
	block->time_ns = ktime_get_ns();
	block->lost = ring->lost;
	block->gap = ring->gap;
	ring->lost = 0;
	ring->gap = false;
	ring->offset += bytes;
	count_done(ring, block, bytes, error);
	ring->reported_ns = block->time_ns;
	ring->hurry |= block->length < ring->mem.block_size;
	zcdma_note_finished(ring, block);
	zcdma_block_offer(ring, block);
	key = zcdma_ring_wake_key(ring);
	look = zcdma_ring_is_starving(ring) && zdev->count[ZCDMA_DRAINING];
	look |= zcdma_control_update(ring);
	spin_unlock_irqrestore(&zdev->lock, flags);
	if (look)
		zcdma_ring_reap_now(ring);
	wake_up_interruptible_poll(&zdev->wait, key);
}

static void finish(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes, int error)
{
	if (ring->out)
		finish_out(ring, block, bytes, error);
	else
		finish_in(ring, block, bytes, error);
}

void zcdma_block_done(struct zcdma_stream *stream, struct zcdma_block *block, size_t bytes)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);

	if (WARN_ONCE(bytes > ring->mem.block_size, "%s: %zu bytes in a block of %zu\n",
		      ring->zdev->ops->name, bytes, ring->mem.block_size))
		bytes = ring->mem.block_size;
	if (!block->frags)
		ring->mem.ops->sync_for_cpu(&ring->mem, zcdma_ring_buf(ring, block), bytes);
	finish(ring, block, bytes, 0);
}
EXPORT_SYMBOL_ZCDMA(zcdma_block_done);

void zcdma_block_failed(struct zcdma_stream *stream, struct zcdma_block *block, int error)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);

	finish(ring, block, ring->mem.block_size, error);
}
EXPORT_SYMBOL_ZCDMA(zcdma_block_failed);

void zcdma_stream_halted(struct zcdma_stream *stream)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.running = 0;
	ring->halted = true;
	zcdma_control_update(ring);
	spin_unlock_irqrestore(&zdev->lock, flags);
	wake_up_interruptible_all(&zdev->wait);
}
EXPORT_SYMBOL_ZCDMA(zcdma_stream_halted);

bool zcdma_block_wanted(struct zcdma_stream *stream)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);

	return zcdma_ring_submit(ring) || zcdma_ring_reap(ring, 1);
}
EXPORT_SYMBOL_ZCDMA(zcdma_block_wanted);

void zcdma_stream_lost(struct zcdma_stream *stream, size_t bytes)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	if (!ring->out) {
		zcdma_note_lost(ring, bytes);
		ring->reported_ns = ktime_get_ns();
		ring->offset += bytes;
		if (ring->lost < U32_MAX)
			ring->lost++;
		zdev->stats.next_seq++;
		zdev->stats.overruns++;
		zdev->stats.lost_bytes += bytes;
	} else if (!ring->idle) {
		zdev->stats.underruns++;
		zdev->stats.underrun_bytes += bytes;
		zcdma_note_lost(ring, bytes);
	}
	spin_unlock_irqrestore(&zdev->lock, flags);
}
EXPORT_SYMBOL_ZCDMA(zcdma_stream_lost);

void zcdma_stream_gap(struct zcdma_stream *stream)
{
	struct zcdma_ring *ring = zcdma_ring_of(stream);
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.gaps += !ring->gap;
	ring->gap = true;
	spin_unlock_irqrestore(&zdev->lock, flags);
}
EXPORT_SYMBOL_ZCDMA(zcdma_stream_gap);
