/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What read() and write() of the stream share: the cursor between two users of it, and copies by
 * pages.
 */
#ifndef ZCDMA_STREAM_H
#define ZCDMA_STREAM_H

#include <linux/fs.h>
#include <linux/uio.h>

#include "ring.h"

/*
 * Have the cursor for one call. Returns 0, -EAGAIN if @nonblock and another call has it, or
 * -ERESTARTSYS.
 */
int zcdma_stream_lock(struct zcdma_ring *ring, bool nonblock);
void zcdma_stream_unlock(struct zcdma_ring *ring);

/* Return the block of zcdma_ring_cursor(), or -ENODEV where the device is gone. */
struct zcdma_block *zcdma_stream_cursor(struct zcdma_ring *ring, bool nonblock, size_t done);

/*
 * Move the cursor on, and to the next block at its end. If the device is gone, only the next call
 * fails.
 */
void zcdma_stream_advance(struct zcdma_ring *ring, size_t bytes);

static inline bool zcdma_stream_nonblock(const struct kiocb *iocb)
{
	return iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
}

/*
 * Copy @bytes at @off, within a page, between a block and the caller's memory. @aside is a page of
 * the call's own, through which memory that goes with the device is copied: the caller's may take
 * any time to answer, and the device does not wait for that; else NULL. Returns how many were
 * copied, or -ENODEV.
 */
typedef ssize_t zcdma_copy_page(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off,
				size_t bytes, struct iov_iter *iter, void *aside);

/*
 * Copy up to @left bytes at @off of a block, which is held. The device may go meanwhile. Returns
 * how many, or for none -EFAULT where @iter is bad, -EINTR, -ENOMEM or -ENODEV.
 */
ssize_t zcdma_copy_block(struct zcdma_ring *ring, const struct zcdma_block *block, u64 off,
			 u64 left, struct iov_iter *iter, zcdma_copy_page *copy);

/* The zcdma_copy_page of an output device. */
ssize_t zcdma_copy_in(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off, size_t bytes,
		      struct iov_iter *from, void *aside);

#endif
