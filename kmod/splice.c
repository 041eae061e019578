// SPDX-License-Identifier: GPL-2.0-only
/* splice_read: the pages of the ring go into a pipe. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched.h>
#include <linux/splice.h>

#include "device.h"
#include "ring.h"

/* Copy up to *@len bytes at @off to a new page, for memory without struct pages. */
static struct page *copy_of_page(struct zcdma_ring *ring, const struct zcdma_buf *buf, u64 off,
				 size_t *len)
{
	struct page *page = alloc_page(GFP_USER);

	*len = min_t(size_t, *len, PAGE_SIZE - offset_in_page(off));
	if (page)
		memcpy(page_address(page) + offset_in_page(off), ring->mem.ops->vaddr(buf, off),
		       *len);
	return page;
}

/*
 * Put up to @left bytes from @off of a block into the pipe, whose lock the caller holds. Returns
 * how many, or a negative errno.
 *
 * One pipe buffer takes as much of a compound page as is wanted, as a socket's cost is by the
 * buffer. Readers of pipes know such buffers from sockets: see __splice_segment() in
 * net/core/skbuff.c, and nfsd_splice_actor() in fs/nfsd/vfs.c.
 *
 * Once in the pipe a page is the kernel's: nosteal_pipe_buf_ops only counts references, so a pipe
 * keeps neither the ring nor this module alive.
 */
static ssize_t splice_block(struct zcdma_ring *ring, struct zcdma_block *block, u64 off, u64 left,
			    struct pipe_inode_info *pipe)
{
	struct zcdma_buf *buf = zcdma_ring_buf(ring, block);
	ssize_t ret = 0, done = 0;
	size_t len;

	while (left) {
		struct pipe_buffer pb = {
			.offset = offset_in_page(off),
			.ops = &nosteal_pipe_buf_ops,
		};

		len = left;
		if (ring->mem.ops->get_page)
			pb.page = ring->mem.ops->get_page(buf, off, &len);
		else
			pb.page = copy_of_page(ring, buf, off, &len);
		ret = -ENOMEM;
		if (!pb.page)
			break;
		pb.len = len;
		/* It drops the page where it fails: -EAGAIN is a full pipe. */
		ret = add_to_pipe(pipe, &pb);
		if (ret < 0)
			break;
		done += ret;
		off += ret;
		left -= ret;
	}
	return done ?: ret;
}

static ssize_t splice_at(struct zcdma_ring *ring, loff_t pos, struct pipe_inode_info *pipe,
			 size_t len)
{
	struct zcdma_block *block;
	u64 off, left;
	ssize_t ret;

	block = zcdma_file_pin(ring, pos, &off, &left);
	if (IS_ERR(block))
		return PTR_ERR(block);
	ret = splice_block(ring, block, off, min_t(u64, left, len), pipe);
	zcdma_ring_unpin(ring, block);
	return ret;
}

static ssize_t splice_stream(struct zcdma_ring *ring, struct pipe_inode_info *pipe, size_t len)
{
	struct zcdma_block *block;
	ssize_t ret, done = 0;
	u64 left;

	while (len) {
		block = zcdma_ring_cursor(ring, true, done);
		if (IS_ERR(block)) {
			ret = PTR_ERR(block);
			if (ret == -ENODATA)
				ret = 0;
			return done ?: ret;
		}
		left = min_t(u64, len, block->length - ring->cursor_off);
		ret = splice_block(ring, block, ring->cursor_off, left, pipe);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		len -= ret;
		zcdma_ring_advance(ring, ret);
		if (ret < left)
			return done;
	}
	return done;
}

static ssize_t splice_ring(struct zcdma_ring *ring, loff_t *pos, struct pipe_inode_info *pipe,
			   size_t len)
{
	ssize_t ret;

	if (*pos) {
		ret = splice_at(ring, *pos, pipe, len);
		if (ret > 0)
			*pos += ret;
		return ret;
	}
	/* sendfile() would drop what its socket does not take: splice_direct_to_actor() rewinds. */
	if (pipe == current->splice_pipe)
		return -EINVAL;
	/* The pipe is locked, which blocks all its users: do not wait for a reader as well. */
	if (!mutex_trylock(&ring->read_lock))
		return -EAGAIN;
	ret = splice_stream(ring, pipe, len);
	mutex_unlock(&ring->read_lock);
	return ret;
}

static void count(struct zcdma_device *zdev, struct zcdma_ring *ring, ssize_t bytes)
{
	spin_lock_irq(&zdev->lock);
	if (ring->mem.ops->get_page)
		zdev->stats.splice_bytes += bytes;
	else
		zdev->stats.splice_copied_bytes += bytes;
	spin_unlock_irq(&zdev->lock);
}

ssize_t zcdma_splice_read(struct file *file, loff_t *pos, struct pipe_inode_info *pipe, size_t len,
			  unsigned int flags)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_ring *ring;
	ssize_t ret;

	ring = zcdma_file_enter(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = -EINVAL;
	if (!ring->out)
		ret = splice_ring(ring, pos, pipe, len);
	if (ret > 0)
		count(zf->zdev, ring, ret);
	zcdma_device_leave(zf->zdev);
	return ret;
}
