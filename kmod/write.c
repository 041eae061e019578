// SPDX-License-Identifier: GPL-2.0-only
/* write() and fsync(): copies into blocks of an output device. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "device.h"
#include "ring.h"

/*
 * Copy to memory that goes with the device from a page of the call's own: the caller's memory may take
 * any time to answer, and the device does not wait for that.
 */
static int copy_from_aside(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off,
			   size_t bytes, const void *aside)
{
	if (!zcdma_device_enter(ring->zdev))
		return -ENODEV;
	memcpy(ring->mem.ops->vaddr(buf, off), aside, bytes);
	zcdma_device_leave(ring->zdev);
	return 0;
}

/*
 * Copy up to @left bytes to @off of a block, which is held. The device may go meanwhile. Returns how
 * many, or for none -EFAULT where @from is bad, -EINTR, or -ENODEV.
 */
static ssize_t copy_pages(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off, u64 left,
			  struct iov_iter *from, void *aside)
{
	size_t bytes, copied, done = 0;
	int ret;

	for (left = min_t(u64, left, iov_iter_count(from)); left; left -= copied) {
		if (fatal_signal_pending(current))
			return done ?: -EINTR;
		cond_resched();
		bytes = min_t(u64, left, PAGE_SIZE - offset_in_page(off));
		copied = copy_from_iter(aside ?: ring->mem.ops->vaddr(buf, off), bytes, from);
		ret = aside ? copy_from_aside(ring, buf, off, copied, aside) : 0;
		if (ret)
			return done ?: ret;
		done += copied;
		if (copied < bytes)
			return done ?: -EFAULT;
		off += copied;
	}
	return done;
}

static ssize_t copy_block(struct zcdma_ring *ring, const struct zcdma_block *block, u64 off,
			  u64 left, struct iov_iter *from)
{
	unsigned long aside = 0;
	ssize_t ret;

	if (ring->mem.ops->bound) {
		aside = __get_free_page(GFP_KERNEL);
		if (!aside)
			return -ENOMEM;
	}
	ret = copy_pages(ring, zcdma_ring_buf(ring, block), off, left, from, (void *)aside);
	free_page(aside);
	return ret;
}

/* A call that waits does so until all is written, unlike read(). */
static struct zcdma_block *get_cursor(struct zcdma_ring *ring, bool nonblock)
{
	struct zcdma_block *block;

	if (!zcdma_device_enter(ring->zdev))
		return ERR_PTR(-ENODEV);
	block = zcdma_ring_cursor(ring, nonblock, 0);
	zcdma_device_leave(ring->zdev);
	return block;
}

/* Go on to the next block. If the device is gone, only the next call fails. */
static void advance(struct zcdma_ring *ring, size_t bytes)
{
	if (!zcdma_device_enter(ring->zdev))
		return;
	zcdma_ring_advance(ring, bytes);
	zcdma_device_leave(ring->zdev);
}

static ssize_t write_stream(struct zcdma_ring *ring, struct iov_iter *from, bool nonblock)
{
	struct zcdma_block *block;
	ssize_t ret, done = 0;

	while (iov_iter_count(from)) {
		block = get_cursor(ring, nonblock);
		if (IS_ERR(block))
			return done ?: PTR_ERR(block);
		ret = copy_block(ring, block, ring->cursor_off,
				 ring->mem.block_size - ring->cursor_off, from);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		advance(ring, ret);
	}
	return done;
}

static int lock_cursor(struct zcdma_ring *ring, bool nonblock)
{
	if (nonblock)
		return mutex_trylock(&ring->read_lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&ring->read_lock) ? -ERESTARTSYS : 0;
}

ssize_t zcdma_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct zcdma_file *zf = iocb->ki_filp->private_data;
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct zcdma_ring *ring;
	ssize_t ret;

	ring = zcdma_file_enter(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	/* The ring stays for as long as the file. */
	zcdma_device_leave(zf->zdev);
	if (!ring->out)
		return -EINVAL;
	ret = lock_cursor(ring, nonblock);
	if (ret)
		return ret;
	ret = write_stream(ring, from, nonblock);
	mutex_unlock(&ring->read_lock);
	if (ret > 0) {
		spin_lock_irq(&zf->zdev->lock);
		zf->zdev->stats.write_bytes += ret;
		spin_unlock_irq(&zf->zdev->lock);
	}
	return ret;
}

/*
 * Queue what is begun. A writer may wait for its memory with the lock held, as long as user space likes:
 * nothing is held of the device until it comes.
 */
static int flush(struct zcdma_ring *ring)
{
	int ret;

	ret = lock_cursor(ring, false);
	if (ret)
		return ret;
	ret = -ENODEV;
	if (zcdma_device_enter(ring->zdev)) {
		ret = zcdma_ring_flush(ring);
		zcdma_device_leave(ring->zdev);
	}
	mutex_unlock(&ring->read_lock);
	return ret;
}

int zcdma_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_ring *ring;
	int ret;

	ring = zcdma_file_enter(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	/* The ring stays for as long as the file. */
	zcdma_device_leave(zf->zdev);
	if (!ring->out)
		return -EINVAL;
	ret = flush(ring);
	if (ret)
		return ret;
	if (!zcdma_device_enter(zf->zdev))
		return -ENODEV;
	ret = zcdma_ring_drain(ring);
	zcdma_device_leave(zf->zdev);
	return ret;
}
