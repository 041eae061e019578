// SPDX-License-Identifier: GPL-2.0-only
/* What read() and write() of the stream share. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "device.h"
#include "fault_inject.h"
#include "stream.h"

int zcdma_stream_lock(struct zcdma_ring *ring, bool nonblock)
{
	if (zcdma_mutant("lock"))
		return 0;
	if (nonblock)
		return mutex_trylock(&ring->read_lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&ring->read_lock) ? -ERESTARTSYS : 0;
}

void zcdma_stream_unlock(struct zcdma_ring *ring)
{
	if (!zcdma_mutant("lock"))
		mutex_unlock(&ring->read_lock);
}

struct zcdma_block *zcdma_stream_cursor(struct zcdma_ring *ring, bool nonblock, size_t done)
{
	struct zcdma_block *block;

	if (!zcdma_device_enter(ring->zdev))
		return ERR_PTR(-ENODEV);
	block = zcdma_ring_cursor(ring, nonblock, done);
	zcdma_device_leave(ring->zdev);
	return block;
}

void zcdma_stream_advance(struct zcdma_ring *ring, size_t bytes)
{
	if (!zcdma_device_enter(ring->zdev))
		return;
	zcdma_ring_advance(ring, bytes);
	zcdma_device_leave(ring->zdev);
}

static ssize_t copy_pages(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off, u64 left,
			  struct iov_iter *iter, void *aside, zcdma_copy_page *copy)
{
	ssize_t copied, done = 0;
	size_t bytes;

	for (left = min_t(u64, left, iov_iter_count(iter)); left; left -= copied) {
		if (fatal_signal_pending(current))
			return done ?: -EINTR;
		cond_resched();
		bytes = min_t(u64, left, PAGE_SIZE - offset_in_page(off));
		copied = copy(ring, buf, off, bytes, iter, aside);
		if (copied < 0)
			return done ?: copied;
		done += copied;
		if (copied < bytes)
			return done ?: -EFAULT;
		off += copied;
	}
	return done;
}

ssize_t zcdma_copy_block(struct zcdma_ring *ring, const struct zcdma_block *block, u64 off,
			 u64 left, struct iov_iter *iter, zcdma_copy_page *copy)
{
	unsigned long aside = 0;
	ssize_t ret;

	if (ring->mem.ops->bound) {
		aside = __get_free_page(GFP_KERNEL);
		if (!aside)
			return -ENOMEM;
	}
	ret = copy_pages(ring, zcdma_ring_buf(ring, block), off, left, iter, (void *)aside, copy);
	free_page(aside);
	return ret;
}
