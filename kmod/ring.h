/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring: blocks on their way from the device to user space and back. */
#ifndef ZCDMA_RING_H
#define ZCDMA_RING_H

#include "types.h"

/*
 * Make the ring that @setup asks for, and fill in what it got. The memory is charged to the current
 * user. @dmabufs has a descriptor for each block of ZCDMA_DEV_IMPORTED; else it is NULL.
 */
struct zcdma_ring *zcdma_ring_create(struct zcdma_device *zdev, struct address_space *mapping,
				     struct zcdma_dev_setup *setup, const s32 *dmabufs);
/* Free the ring. zcdma_ring_detach() must have been called. */
void zcdma_ring_destroy(struct zcdma_ring *ring);
/* Stop the device and unmap the memory from it. Call with zdev->ring_lock held. */
void zcdma_ring_detach(struct zcdma_ring *ring);

/* Call these with zdev->ring_lock held, up to zcdma_ring_resume(). */

/*
 * Start the device. Returns 0 (also when it runs already), -EIO if the device halted or the machine
 * sleeps, -EBUSY while an importer has mapped the whole ring, or the error of its driver.
 */
int zcdma_ring_start(struct zcdma_ring *ring);
/*
 * Start a ring that does not run in three parts, where the device is started with others. The first
 * returns the errors of the core above; the second takes it back where the device does not start.
 */
int zcdma_ring_prepare(struct zcdma_ring *ring);
void zcdma_ring_unprepare(struct zcdma_ring *ring);
void zcdma_ring_started(struct zcdma_ring *ring);
/*
 * Stop the device and end the stream: full blocks can still be taken. Returns the pages of others
 * that an output device drops, for zcdma_frags_free_all() without the lock, but before the device
 * goes.
 */
struct zcdma_frags *zcdma_ring_stop(struct zcdma_ring *ring) __must_check;
/* Stop the device; user space goes on waiting for blocks. */
void zcdma_ring_suspend(struct zcdma_ring *ring);
/* Start it again with a gap in the stream, or halt where that fails. */
void zcdma_ring_resume(struct zcdma_ring *ring);

/* Return the most bytes that a ring may have on this machine. */
u64 zcdma_ring_bytes_max(void);

/*
 * Take the next full block, put it into the state @as, and unless @b is NULL fill in there what
 * user space learns of it. Returns the block; -EAGAIN if none is full and @nonblock is set;
 * -ENODATA at the end of the stream; -EIO if the device halted; -ENODEV if it is gone; -ERESTARTSYS
 * after a signal.
 */
struct zcdma_block *zcdma_ring_take(struct zcdma_ring *ring, enum zcdma_state as, bool nonblock,
				    struct zcdma_dev_block *b);
/*
 * Give back a block that user space holds by TAKE. @length is how much of it an output device
 * plays, or 0 for nothing; for other devices it is 0. Returns 0, or -EINVAL if user space holds no
 * such block, or @length is wrong.
 */
int zcdma_ring_give(struct zcdma_ring *ring, u32 index, u64 length);
/*
 * Put a block that was taken as number @seq back where it was, unless it was given back meanwhile.
 */
void zcdma_ring_untake(struct zcdma_ring *ring, u32 index, u64 seq);
/* Return whether taking a block would not wait. */
bool zcdma_ring_ready(struct zcdma_ring *ring);
/* Queue the block that write() has begun, if there is one, and wait until all is played. */
int zcdma_ring_drain(struct zcdma_ring *ring);

/*
 * Return the block that read() and splice() are at in the stream; its bytes from .cursor_off on are
 * next. Call with .read_lock held. Errors as for zcdma_ring_take(), and -EIO for a block that
 * failed; -EOPNOTSUPP where the memory is another driver's. A block that failed is skipped unless
 * the call has @done bytes to report first.
 */
struct zcdma_block *zcdma_ring_cursor(struct zcdma_ring *ring, bool nonblock, size_t done);
/* Move the cursor on by @bytes, and give the block back at its end. */
void zcdma_ring_advance(struct zcdma_ring *ring, u64 bytes);
/* Queue the block that write() has begun. Call with .read_lock held. Returns 0, or -EINVAL. */
int zcdma_ring_flush(struct zcdma_ring *ring);

/*
 * Keep the bytes of a block that user space holds unchanged until zcdma_ring_unpin(), even if it is
 * given back. Returns NULL if user space does not hold it.
 */
struct zcdma_block *zcdma_ring_pin(struct zcdma_ring *ring, u32 index);
void zcdma_ring_unpin(struct zcdma_ring *ring, struct zcdma_block *block);

/* Map the ring from the offset of @vma on. Returns 0 or a negative errno. */
int zcdma_ring_mmap(struct zcdma_ring *ring, struct vm_area_struct *vma);

#endif /* ZCDMA_RING_H */
