// SPDX-License-Identifier: GPL-2.0-only
/* write() and fsync(): copies into blocks of an output device. */
#include "device.h"
#include "stream.h"

ssize_t zcdma_copy_in(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off, size_t bytes,
		      struct iov_iter *from, void *aside)
{
	size_t copied;

	if (!aside)
		return copy_from_iter(ring->mem.ops->vaddr(buf, off), bytes, from);
	copied = copy_from_iter(aside, bytes, from);
	if (!zcdma_device_enter(ring->zdev))
		return -ENODEV;
	memcpy(ring->mem.ops->vaddr(buf, off), aside, copied);
	zcdma_device_leave(ring->zdev);
	return copied;
}

/* A call that waits does so until all is written, unlike read(). */
static ssize_t write_stream(struct zcdma_ring *ring, struct iov_iter *from, bool nonblock)
{
	struct zcdma_block *block;
	ssize_t ret, done = 0;

	while (iov_iter_count(from)) {
		block = zcdma_stream_cursor(ring, nonblock, 0);
		if (IS_ERR(block))
			return done ?: PTR_ERR(block);
		ret = zcdma_copy_block(ring, block, ring->cursor_off,
				       ring->mem.block_size - ring->cursor_off, from,
				       zcdma_copy_in);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		zcdma_stream_advance(ring, ret);
	}
	return done;
}

struct zcdma_ring *zcdma_file_out_ring(struct zcdma_file *zf)
{
	struct zcdma_ring *ring = zcdma_file_enter(zf);

	if (IS_ERR(ring))
		return ring;
	zcdma_device_leave(zf->zdev);
	return ring->out ? ring : ERR_PTR(-EINVAL);
}

ssize_t zcdma_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct zcdma_file *zf = iocb->ki_filp->private_data;
	bool nonblock = zcdma_stream_nonblock(iocb);
	struct zcdma_ring *ring;
	ssize_t ret;

	ring = zcdma_file_out_ring(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = zcdma_stream_lock(ring, nonblock);
	if (ret)
		return ret;
	ret = write_stream(ring, from, nonblock);
	zcdma_stream_unlock(ring);
	if (ret > 0) {
		spin_lock_irq(&zf->zdev->lock);
		zf->zdev->stats.write_bytes += ret;
		spin_unlock_irq(&zf->zdev->lock);
	}
	return ret;
}

/*
 * Queue what is begun. A writer may wait for its memory with the lock held, as long as user space
 * likes: nothing is held of the device until it comes.
 */
static int flush(struct zcdma_ring *ring)
{
	int ret;

	ret = zcdma_stream_lock(ring, false);
	if (ret)
		return ret;
	ret = -ENODEV;
	if (zcdma_device_enter(ring->zdev)) {
		ret = zcdma_ring_flush(ring);
		zcdma_device_leave(ring->zdev);
	}
	zcdma_stream_unlock(ring);
	return ret;
}

int zcdma_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_ring *ring;
	int ret;

	ring = zcdma_file_out_ring(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = flush(ring);
	if (ret)
		return ret;
	if (!zcdma_device_enter(zf->zdev))
		return -ENODEV;
	ret = zcdma_ring_drain(ring);
	zcdma_device_leave(zf->zdev);
	return ret;
}
