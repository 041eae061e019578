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
	/* Start the device: rate and seed are in @ring. May sleep. Returns 0 or a negative errno. */
	int (*start)(struct zcdma_ring *ring);
	/*
	 * Queue @block, and call zcdma_block_done() or zcdma_block_failed() for it later. Context:
	 * as for the callbacks. Returns 0, or an error if the queue is full; the block then stays
	 * with the ring.
	 */
	int (*submit)(struct zcdma_ring *ring, struct zcdma_block *block);
	/*
	 * Stop the device, even if it is broken or gone. May sleep. On return no callback runs or
	 * will run, the device writes to no memory, and the ring owns all blocks that were submitted
	 * and not done.
	 */
	void (*abort)(struct zcdma_ring *ring);
};

/*
 * The limits of a device beyond those that the DMA API knows (its mask, its largest segment). Rings
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
 * Remove a device, even one in use: on return the source is stopped and the memory is unmapped from
 * it. Files and mappings may stay open; their calls fail with ENODEV.
 */
void zcdma_device_remove(struct zcdma_device *zdev);

/*
 * Stop the device before the machine sleeps or ends, or because its bus has failed: on return it
 * writes to no memory. Resuming starts it again with a gap in the stream, or halts it if that fails.
 */
void zcdma_device_suspend(struct zcdma_device *zdev);
void zcdma_device_resume(struct zcdma_device *zdev);

/* The two as sleep operations of a driver whose drvdata is what zcdma_device_add() returned. */
extern const struct dev_pm_ops zcdma_pm_ops;

/*
 * Return the bus address of the byte of @block at @off; *@bytes are contiguous from there. Context: as
 * for the callbacks.
 */
dma_addr_t zcdma_block_dma(const struct zcdma_ring *ring, const struct zcdma_block *block,
			   size_t off, size_t *bytes);

/*
 * The callbacks. Context: any in which a spinlock_t can be taken, so under PREEMPT_RT not a hard
 * interrupt. Call one at a time for each ring.
 */

/* Report that the device filled @bytes of @block. Blocks become full in the order of these calls. */
void zcdma_block_done(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes);

/*
 * Report that the device failed to fill @block with @error, a negative errno, and writes to it no
 * more. User space gets the block in order, with length 0 and the error.
 */
void zcdma_block_failed(struct zcdma_ring *ring, struct zcdma_block *block, int error);

/* Report that the device cannot go on before it is stopped and started. The last callback. */
void zcdma_ring_halted(struct zcdma_ring *ring);

/*
 * Look for a free block for a device that has data and no block. Returns whether one was submitted. A
 * device that can wait need not call this: the ring looks for one while the device has none.
 */
bool zcdma_block_wanted(struct zcdma_ring *ring);

/* Report that the device dropped @bytes, as no block was free. */
void zcdma_block_lost(struct zcdma_ring *ring, size_t bytes);

/* Mark the next block that is filled: data may be missing before it, of unknown length. */
void zcdma_block_gap(struct zcdma_ring *ring);

#endif /* ZCDMA_SOURCE_H */
