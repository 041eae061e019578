// SPDX-License-Identifier: GPL-2.0-only
/* read() and pread(): copies of what is in the ring. */
#include <linux/gfp.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "device.h"
#include "fault_inject.h"
#include "ring.h"

/*
 * Copy memory that goes with the device to a page of the call's own first: the caller's memory may
 * take any time to answer, and the device does not wait for that.
 */
static int copy_aside(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off, size_t bytes,
		      void *aside)
{
	if (!zcdma_device_enter(ring->zdev))
		return -ENODEV;
	memcpy(aside, ring->mem.ops->vaddr(buf, off), bytes);
	zcdma_device_leave(ring->zdev);
	return 0;
}

/*
 * Copy up to @left bytes at @off of a block, which is held. The device may go meanwhile. Returns
 * how many, or for none -EFAULT where @to is bad, -EINTR, or -ENODEV.
 */
static ssize_t copy_pages(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off, u64 left,
			  struct iov_iter *to, void *aside)
{
	size_t bytes, copied, done = 0;
	void *from;
	int ret;

	for (left = min_t(u64, left, iov_iter_count(to)); left; left -= copied) {
		if (fatal_signal_pending(current))
			return done ?: -EINTR;
		cond_resched();
		bytes = min_t(u64, left, PAGE_SIZE - offset_in_page(off));
		ret = aside ? copy_aside(ring, buf, off, bytes, aside) : 0;
		if (ret)
			return done ?: ret;
		from = aside ?: ring->mem.ops->vaddr(buf, off);
		copied = copy_to_iter(from, bytes, to);
		done += copied;
		if (copied < bytes)
			return done ?: -EFAULT;
		off += copied;
	}
	return done;
}

static ssize_t copy_block(struct zcdma_ring *ring, const struct zcdma_block *block, u64 off,
			  u64 left, struct iov_iter *to)
{
	unsigned long aside = 0;
	ssize_t ret;

	if (ring->mem.ops->bound) {
		aside = __get_free_page(GFP_KERNEL);
		if (!aside)
			return -ENOMEM;
	}
	ret = copy_pages(ring, zcdma_ring_buf(ring, block), off, left, to, (void *)aside);
	free_page(aside);
	return ret;
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

static struct zcdma_block *get_cursor(struct zcdma_ring *ring, bool nonblock, size_t done)
{
	struct zcdma_block *block;

	if (!zcdma_device_enter(ring->zdev))
		return ERR_PTR(-ENODEV);
	block = zcdma_ring_cursor(ring, nonblock, done);
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

static ssize_t read_stream(struct zcdma_ring *ring, struct iov_iter *to, bool nonblock)
{
	struct zcdma_block *block;
	ssize_t ret, done = 0;

	while (iov_iter_count(to)) {
		block = get_cursor(ring, nonblock, done);
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
		advance(ring, ret);
	}
	return done;
}

static int lock_cursor(struct zcdma_ring *ring, bool nonblock)
{
	if (zcdma_mutant("lock"))
		return 0;
	if (nonblock)
		return mutex_trylock(&ring->read_lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&ring->read_lock) ? -ERESTARTSYS : 0;
}

static void unlock_cursor(struct zcdma_ring *ring)
{
	if (!zcdma_mutant("lock"))
		mutex_unlock(&ring->read_lock);
}

static ssize_t read_ring(struct zcdma_ring *ring, struct kiocb *iocb, struct iov_iter *to)
{
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	ssize_t ret;

	if (iocb->ki_pos)
		return read_at(ring, iocb->ki_pos, to);
	ret = lock_cursor(ring, nonblock);
	if (ret)
		return ret;
	ret = read_stream(ring, to, nonblock);
	unlock_cursor(ring);
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
