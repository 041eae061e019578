// SPDX-License-Identifier: GPL-2.0-only
/* read() and pread(): copies of what is in the ring. */
#include <linux/math64.h>

#include "device.h"
#include "stream.h"

static ssize_t copy_out(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off,
			size_t bytes, struct iov_iter *to, void *aside)
{
	if (!aside)
		return copy_to_iter(ring->mem.ops->vaddr(buf, off), bytes, to);
	if (!zcdma_device_enter(ring->zdev))
		return -ENODEV;
	memcpy(aside, ring->mem.ops->vaddr(buf, off), bytes);
	zcdma_device_leave(ring->zdev);
	return copy_to_iter(aside, bytes, to);
}

struct zcdma_block *zcdma_file_pin(struct zcdma_ring *ring, loff_t pos, u64 *off, u64 *left)
{
	struct zcdma_block *block;
	u64 index;

	if (ring->mem.ops->foreign)
		return ERR_PTR(-EOPNOTSUPP);
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
	ret = zcdma_copy_block(ring, block, off, left, to, copy_out);
	zcdma_ring_unpin(ring, block);
	return ret;
}

static ssize_t read_stream(struct zcdma_ring *ring, struct iov_iter *to, bool nonblock)
{
	struct zcdma_block *block;
	ssize_t ret, done = 0;

	while (iov_iter_count(to)) {
		block = zcdma_stream_cursor(ring, nonblock, done);
		if (IS_ERR(block)) {
			ret = PTR_ERR(block);
			if (ret == -ENODATA)
				ret = 0;
			return done ?: ret;
		}
		ret = zcdma_copy_block(ring, block, ring->cursor_off,
				       block->length - ring->cursor_off, to, copy_out);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		zcdma_stream_advance(ring, ret);
	}
	return done;
}

static ssize_t read_ring(struct zcdma_ring *ring, struct kiocb *iocb, struct iov_iter *to)
{
	bool nonblock = zcdma_stream_nonblock(iocb);
	ssize_t ret;

	if (iocb->ki_pos)
		return read_at(ring, iocb->ki_pos, to);
	ret = zcdma_stream_lock(ring, nonblock);
	if (ret)
		return ret;
	ret = read_stream(ring, to, nonblock);
	zcdma_stream_unlock(ring);
	return ret;
}

ssize_t zcdma_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct zcdma_file *zf = iocb->ki_filp->private_data;
	struct zcdma_ring *ring;
	ssize_t ret;

	ring = zcdma_file_enter(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	/* The ring stays for as long as the file. */
	zcdma_device_leave(zf->zdev);
	if (ring->out)
		return -EINVAL;
	ret = read_ring(ring, iocb, to);
	if (ret > 0) {
		spin_lock_irq(&zf->zdev->lock);
		zf->zdev->stats.read_bytes += ret;
		spin_unlock_irq(&zf->zdev->lock);
	}
	return ret;
}
