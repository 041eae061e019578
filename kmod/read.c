// SPDX-License-Identifier: GPL-2.0-only
/* read() and pread(): copies of what is in the ring. */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/uio.h>

#include "device.h"

/* Copy up to @left bytes at @off of a block. Less, or -EFAULT for nothing, where @to is bad. */
static ssize_t copy_block(struct zcdma_ring *ring, struct zcdma_block *block, u64 off, u64 left,
			  struct iov_iter *to)
{
	struct zcdma_buf *buf = zcdma_ring_buf(ring, block);
	size_t bytes, copied, done = 0;

	left = min_t(u64, left, iov_iter_count(to));
	while (left) {
		bytes = min_t(u64, left, PAGE_SIZE - offset_in_page(off));
		copied = copy_to_iter(ring->mem.ops->vaddr(buf, off), bytes, to);
		done += copied;
		if (copied < bytes)
			return done ?: -EFAULT;
		off += copied;
		left -= copied;
	}
	return done;
}

struct zcdma_block *zcdma_file_pin(struct zcdma_ring *ring, loff_t pos, u64 *off, u64 *left)
{
	struct zcdma_block *block;
	u64 index;

	if (pos < ZCDMA_POSITION)
		return ERR_PTR(-EINVAL);
	index = div64_u64_rem(pos - ZCDMA_POSITION, ring->mem.stride, off);
	if (index >= ring->mem.blocks)
		return ERR_PTR(-EINVAL);
	block = zcdma_ring_pin(ring, index);
	if (!block)
		return ERR_PTR(-EINVAL);
	*left = *off < block->length ? block->length - *off : 0;
	return block;
}

static ssize_t read_at(struct zcdma_ring *ring, loff_t pos, struct iov_iter *to)
{
	struct zcdma_block *block;
	u64 off, left;
	ssize_t ret;

	block = zcdma_file_pin(ring, pos, &off, &left);
	if (IS_ERR(block))
		return PTR_ERR(block);
	ret = copy_block(ring, block, off, left, to);
	zcdma_ring_unpin(ring, block);
	return ret;
}

static ssize_t read_stream(struct zcdma_ring *ring, struct iov_iter *to, bool nonblock)
{
	struct zcdma_block *block;
	ssize_t ret, done = 0;

	while (iov_iter_count(to)) {
		block = zcdma_ring_cursor(ring, nonblock, done);
		if (IS_ERR(block)) {
			ret = PTR_ERR(block);
			if (ret == -ENODATA)
				ret = 0;
			return done ?: ret;
		}
		ret = copy_block(ring, block, ring->cursor_off, block->length - ring->cursor_off,
				 to);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		zcdma_ring_advance(ring, ret);
	}
	return done;
}

static ssize_t read_locked(struct zcdma_ring *ring, struct kiocb *iocb, struct iov_iter *to,
			   bool nonblock)
{
	ssize_t ret;

	if (iocb->ki_pos)
		return read_at(ring, iocb->ki_pos, to);
	if (nonblock) {
		if (!mutex_trylock(&ring->read_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&ring->read_lock)) {
		return -ERESTARTSYS;
	}
	ret = read_stream(ring, to, nonblock);
	mutex_unlock(&ring->read_lock);
	return ret;
}

ssize_t zcdma_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct zcdma_file *zf = iocb->ki_filp->private_data;
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct zcdma_ring *ring;
	ssize_t ret;

	ring = zcdma_file_enter(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = read_locked(ring, iocb, to, nonblock);
	zcdma_device_leave(zf->zdev);
	if (ret > 0) {
		spin_lock_irq(&zf->zdev->lock);
		zf->zdev->stats.read_bytes += ret;
		spin_unlock_irq(&zf->zdev->lock);
	}
	return ret;
}
