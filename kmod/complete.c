// SPDX-License-Identifier: GPL-2.0-only
/* The calls of a source: blocks that it filled, or could not, and data that it lost. */
#include <linux/ktime.h>
#include <linux/poll.h>

#include "block.h"
#include "source/source.h"

dma_addr_t zcdma_block_dma(const struct zcdma_ring *ring, const struct zcdma_block *block,
			   size_t off, size_t *bytes)
{
	return zcdma_mem_dma(&ring->mem, &ring->mem.buf[block->index], off, bytes);
}

/* Make a block full. One that failed leaves a hole of its own size in the stream. */
static void finish(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes, int error)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;
	bool starving;

	spin_lock_irqsave(&zdev->lock, flags);
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
	if (error) {
		zdev->stats.failed++;
	} else {
		zdev->stats.blocks++;
		zdev->stats.bytes += bytes;
		zdev->stats.bounced += zcdma_ring_buf(ring, block)->bounced;
	}
	zcdma_block_move(ring, block, ZCDMA_FULL, &ring->full);
	starving = zcdma_ring_is_starving(ring) && zdev->count[ZCDMA_DRAINING];
	spin_unlock_irqrestore(&zdev->lock, flags);
	if (starving)
		zcdma_ring_reap_now(ring);
	wake_up_interruptible_poll(&zdev->wait, EPOLLIN | EPOLLRDNORM);
}

void zcdma_block_done(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes)
{
	if (WARN_ONCE(bytes > ring->mem.block_size, "%s: %zu bytes in a block of %zu\n",
		      ring->zdev->source->name, bytes, ring->mem.block_size))
		bytes = ring->mem.block_size;
	ring->mem.ops->sync_for_cpu(&ring->mem, zcdma_ring_buf(ring, block), bytes);
	finish(ring, block, bytes, 0);
}

void zcdma_block_failed(struct zcdma_ring *ring, struct zcdma_block *block, int error)
{
	finish(ring, block, ring->mem.block_size, error);
}

void zcdma_ring_halted(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.running = 0;
	ring->halted = true;
	spin_unlock_irqrestore(&zdev->lock, flags);
	wake_up_interruptible_all(&zdev->wait);
}

bool zcdma_block_wanted(struct zcdma_ring *ring)
{
	return zcdma_ring_submit_free(ring) || zcdma_ring_reap(ring, 1);
}

void zcdma_block_lost(struct zcdma_ring *ring, size_t bytes)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	ring->offset += bytes;
	if (ring->lost < U32_MAX)
		ring->lost++;
	zdev->stats.next_seq++;
	zdev->stats.overruns++;
	zdev->stats.lost_bytes += bytes;
	spin_unlock_irqrestore(&zdev->lock, flags);
}

void zcdma_block_gap(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.gaps += !ring->gap;
	ring->gap = true;
	spin_unlock_irqrestore(&zdev->lock, flags);
}
