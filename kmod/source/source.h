/* SPDX-License-Identifier: GPL-2.0-only */
/* The contract between a ring and the device that fills its blocks: zcdma-driver(9) explains it. */
#ifndef ZCDMA_SOURCE_H
#define ZCDMA_SOURCE_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct dev_pm_ops;
struct device;
struct zcdma_block;
struct zcdma_device;
struct zcdma_ring;

struct zcdma_source_ops {
	const char *name;	/* at most 15 characters */
	enum dma_data_direction dir;
	bool paced;		/* it produces at ring->rate; others are asked for no rate */
	/* The device runs from here on. May sleep. What it needs to know is in @ring. */
	int (*start)(struct zcdma_ring *ring);
	/*
	 * Fill @block when its turn comes, and call zcdma_block_done() or zcdma_block_failed() for
	 * it. Context: as for the callbacks. An error means that there is no room for more now, and
	 * the block stays with the ring.
	 */
	int (*submit)(struct zcdma_ring *ring, struct zcdma_block *block);
	/*
	 * The device stops, even if it is broken, or gone. May sleep. On return no callback is
	 * running or will come, the device writes to no memory, and all blocks that were submitted
	 * and not done are the ring's again.
	 */
	void (*abort)(struct zcdma_ring *ring);
};

/*
 * What a device can do, beyond what the DMA API knows of it (its mask, its largest segment). Rings
 * that it cannot fill are refused. 0: no limit.
 */
struct zcdma_limits {
	u32 align;		/* of the length of a block, in bytes: a power of two */
	u32 chunks_max;		/* contiguous pieces of a block */
	size_t block_size_max;
};

/*
 * Add a device, the next free /dev/zcdmaN, as a child of @parent. @source fills it by means of
 * @dma, whose mask and largest segment are set: @parent itself, or a controller that does the DMA
 * for it. @limits may be NULL. The source finds @priv in ring->priv.
 */
struct zcdma_device *zcdma_device_add(struct device *parent, struct device *dma,
				      const struct zcdma_source_ops *source,
				      const struct zcdma_limits *limits, void *priv);

/*
 * It goes, though it may be in use: the source is stopped, and its memory is unmapped, on return.
 * Files and mappings may stay open for as long as they like, and find it gone.
 */
void zcdma_device_remove(struct zcdma_device *zdev);

/*
 * The device stops, as before the machine sleeps or ends, or where its bus has failed, and writes
 * to no memory on return. Resumed it goes on where it was, with a gap in the stream; where it
 * cannot, it halts.
 */
void zcdma_device_suspend(struct zcdma_device *zdev);
void zcdma_device_resume(struct zcdma_device *zdev);

/* The two as sleep operations of a driver whose drvdata is what zcdma_device_add() returned. */
extern const struct dev_pm_ops zcdma_pm_ops;

/*
 * Where the device finds the byte of @block at @off, and *@bytes, how many it finds from there on.
 * As for the callbacks, from any context.
 */
dma_addr_t zcdma_block_dma(const struct zcdma_ring *ring, const struct zcdma_block *block,
			   size_t off, size_t *bytes);

/*
 * The callbacks, from any context in which a spinlock_t can be taken: under PREEMPT_RT that is not
 * a hard interrupt. Only one at a time for a ring.
 */

/* The device filled @bytes of @block. The blocks become full in the order of these calls. */
void zcdma_block_done(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes);

/*
 * It did not, because of @error, a negative errno, and writes to it no more. User space is told of
 * it in the block's turn, and gets nothing of its data.
 */
void zcdma_block_failed(struct zcdma_ring *ring, struct zcdma_block *block, int error);

/* The device cannot go on before it is stopped and started again. The last callback. */
void zcdma_ring_halted(struct zcdma_ring *ring);

/*
 * Look for a block for a device that has data and none. Returns whether one was submitted. A device
 * that waits need not ask: as soon as it has no block the ring looks for one, again and again.
 */
bool zcdma_block_wanted(struct zcdma_ring *ring);

/* There was none, and the device dropped @bytes. */
void zcdma_block_lost(struct zcdma_ring *ring, size_t bytes);

/* Mark the next block that is filled: data may be missing before it, of unknown length. */
void zcdma_block_gap(struct zcdma_ring *ring);

#endif /* ZCDMA_SOURCE_H */
