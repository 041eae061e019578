// SPDX-License-Identifier: GPL-2.0-only
/*
 * splice_write: an output device fetches the pages of a pipe. An empty block of the ring goes its
 * usual way to the device, but with those pages in the place of its memory. What the device cannot
 * fetch is copied into that memory, as write() does.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "block.h"
#include "device.h"
#include "fault_inject.h"
#include "frags.h"
#include "stream.h"

/* A look into the pipe: what goes into one block. */
struct look {
	struct zcdma_ring *ring;
	struct zcdma_block *block;	/* of the cursor */
	struct zcdma_frags *frags;	/* what is to be fetched; NULL without memory for it */
	size_t copied;			/* into the block, from the cursor on */
	bool again;			/* there is more, for another block */
	u64 *copied_by;			/* bytes, by enum zcdma_dev_copied */
};

/*
 * Return whether a reference to the page of a buffer is all it takes to keep what is in it.
 * generic_pipe_buf_get() alone does not say so: relay and SMC use it as well, but write to the page
 * again after .release.
 */
static bool is_kept_by_reference(const struct pipe_buf_operations *ops)
{
	if (ops->get != generic_pipe_buf_get)
		return false;
	/* An owner that lets the page be stolen, with the reference, does not use it again. */
	return ops->release == generic_pipe_buf_release ||
	       (ops->try_steal && ops->try_steal != generic_pipe_buf_try_steal);
}

/*
 * Return why the device cannot fetch the @bytes of a buffer, an enum zcdma_dev_copied; or -1, and
 * *@bytes is how many it can.
 *
 * A reference to a page keeps it from being stolen or used again, as long as the references of the
 * buffer are just that. Those of a tracer's buffer are not: what it has is overwritten.
 */
static int why_not(const struct look *look, const struct pipe_buffer *buf, size_t *bytes)
{
	struct zcdma_ring *ring = look->ring;
	u32 align = ring->zdev->limits.frag_align;
	phys_addr_t begin;

	if (!ring->zdev->limits.frags_max)
		return ZCDMA_DEV_COPIED_DEVICE;
	if (!look->frags)
		return ZCDMA_DEV_COPIED_UNMAPPED;
	if (!is_kept_by_reference(buf->ops) || !sendpage_ok(buf->page))
		return ZCDMA_DEV_COPIED_PAGE;
	begin = page_to_phys(buf->page) + buf->offset;
	if (!IS_ALIGNED(begin, align) || *bytes < align || ring->mem.block_size < align)
		return ZCDMA_DEV_COPIED_ALIGN;
	*bytes = round_down(*bytes, align);
	if (begin + *bytes - 1 > ring->mem.reach_frag)
		return ZCDMA_DEV_COPIED_REACH;
	/* The CPU, in the device's place, has no address for it. */
	if (ring->mem.dir == DMA_BIDIRECTIONAL && PageHighMem(buf->page))
		return ZCDMA_DEV_COPIED_REACH;
	return -1;
}

/* Add a buffer to what is to be fetched. Returns the bytes of it that the block has room for. */
static size_t add_frags(struct look *look, struct pipe_inode_info *pipe, struct pipe_buffer *buf,
			size_t bytes)
{
	struct zcdma_frags *frags = look->frags;
	const struct zcdma_device *zdev = look->ring->zdev;
	size_t done = 0, n;

	bytes = min_t(size_t, bytes, round_down(look->ring->mem.block_size - frags->bytes,
						zdev->limits.frag_align));
	for (; done < bytes && frags->count < frags->most; done += n) {
		n = min(bytes - done, zdev->frag_bytes_max);
		if (!zcdma_mutant("hold") && !pipe_buf_get(pipe, buf))
			break;
		frags->frag[frags->count++] = (struct zcdma_frag){
			.page = buf->page,
			.offset = buf->offset + done,
			.bytes = n,
			.first = frags->bytes,
		};
		frags->bytes += n;
	}
	look->again |= !done;
	return done;
}

/* Copy @bytes at @offset of a page into the block. Returns how many, or as zcdma_copy_block(). */
static ssize_t copy_page_in(struct look *look, struct page *page, size_t offset, size_t bytes)
{
	struct bio_vec bvec = { .bv_page = page, .bv_len = bytes, .bv_offset = offset };
	u64 at = look->ring->cursor_off + look->copied;
	struct iov_iter iter;
	ssize_t ret;

	iov_iter_bvec(&iter, WRITE, &bvec, 1, bytes);
	ret = zcdma_copy_block(look->ring, look->block, at, look->ring->mem.block_size - at, &iter,
			       zcdma_copy_in);
	if (ret > 0)
		look->copied += ret;
	return ret;
}

/*
 * Take a buffer, or a part of it; 0 if it is for another block. Called with the pipe locked, and
 * the buffer confirmed: its data is there.
 */
static int take_buffer(struct pipe_inode_info *pipe, struct pipe_buffer *buf,
		       struct splice_desc *sd)
{
	struct look *look = sd->u.data;
	struct zcdma_ring *ring = look->ring;
	u64 at = ring->cursor_off + look->copied;
	bool listed = look->frags && look->frags->count;
	size_t bytes = sd->len;
	int why = why_not(look, buf, &bytes);
	ssize_t ret;

	if (why < 0 && !at) {
		bytes = add_frags(look, pipe, buf, bytes);
		if (bytes || listed)
			return bytes;
		why = ZCDMA_DEV_COPIED_PAGE;
	}
	/* What is in the block goes first, if it is of a length that the device takes. */
	look->again = listed || at == ring->mem.block_size ||
		      (why < 0 && zcdma_ring_plays(ring, at));
	if (look->again)
		return 0;
	ret = copy_page_in(look, buf->page, buf->offset, sd->len);
	if (ret > 0)
		look->copied_by[why < 0 ? ZCDMA_DEV_COPIED_ALIGN : why] += ret;
	return ret;
}

/* Copy what was to be fetched into the block, as it cannot be. Returns 0, or a negative errno. */
static int copy_frags(struct look *look, int why)
{
	struct zcdma_frags *frags = look->frags;
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < frags->count; i++) {
		ret = copy_page_in(look, frags->frag[i].page, frags->frag[i].offset,
				   frags->frag[i].bytes);
		if (ret < 0)
			return ret;
		if (ret < (ssize_t)frags->frag[i].bytes)
			return -EINTR;
	}
	look->copied_by[why] += frags->bytes;
	return 0;
}

/* Queue the block with the list in the place of its memory. */
static int queue_frags(struct look *look)
{
	struct zcdma_ring *ring = look->ring;
	struct zcdma_frags *frags = look->frags;
	int why;

	if (!zcdma_device_enter(ring->zdev))
		return -ENODEV;
	why = zcdma_frags_map(ring, frags);
	if (!why) {
		if (frags->bounced)
			look->copied_by[ZCDMA_DEV_COPIED_BOUNCED] += frags->bytes;
		look->block->frags = frags;
		look->frags = NULL;
		zcdma_ring_advance(ring, frags->bytes);
		why = zcdma_ring_flush(ring);
	}
	zcdma_device_leave(ring->zdev);
	return why;
}

/* Queue what was found. Returns 0, or a negative errno: then it is lost, and fsync() says so. */
static int queue_found(struct look *look)
{
	struct zcdma_ring *ring = look->ring;
	int ret = 0;

	if (look->frags && look->frags->count)
		ret = queue_frags(look);
	if (ret > 0)
		ret = copy_frags(look, ret);
	if (ret < 0) {
		spin_lock_irq(&ring->zdev->lock);
		ring->failed = true;
		spin_unlock_irq(&ring->zdev->lock);
		return ret;
	}
	if (look->copied)
		zcdma_stream_advance(ring, look->copied);
	return 0;
}

/* Queue a block that was begun, or return one that was not. */
static void end_block(struct zcdma_ring *ring)
{
	if (!zcdma_device_enter(ring->zdev))
		return;
	zcdma_ring_flush(ring);
	zcdma_device_leave(ring->zdev);
}

/*
 * Have one block take what is in the pipe. Removal of the device does not wait for the pipe's data:
 * a page of a file may take any time to come.
 */
static ssize_t fill_block(struct zcdma_ring *ring, struct pipe_inode_info *pipe, size_t len,
			  bool nonblock, u64 *copied_by, bool *again)
{
	struct splice_desc sd = { .total_len = len, .flags = SPLICE_F_NONBLOCK };
	struct look look = { .ring = ring, .copied_by = copied_by };
	ssize_t ret;
	int error;

	look.block = zcdma_stream_cursor(ring, nonblock, 0);
	if (IS_ERR(look.block))
		return PTR_ERR(look.block);
	if (ring->zdev->limits.frags_max)
		look.frags = zcdma_frags_alloc(ring->zdev);
	sd.u.data = &look;
	pipe_lock(pipe);
	ret = __splice_from_pipe(pipe, &sd, take_buffer);
	pipe_unlock(pipe);
	error = queue_found(&look);
	zcdma_frags_free(look.frags);
	*again = look.again;
	if (error)
		return error;
	if (ring->cursor && (look.again || !ring->cursor_off))
		end_block(ring);
	return ret;
}

static bool has_data(struct pipe_inode_info *pipe)
{
	return !pipe_empty(READ_ONCE(pipe->head), READ_ONCE(pipe->tail));
}

/*
 * Wait for data, without a lock, as it may never come. Returns 1, 0 at the end, or a negative
 * errno.
 */
static int wait_for_data(struct pipe_inode_info *pipe, bool nonblock)
{
	int ret;

	if (has_data(pipe))
		return 1;
	if (!READ_ONCE(pipe->writers))
		return 0;
	if (nonblock)
		return -EAGAIN;
	ret = wait_event_interruptible(pipe->rd_wait, has_data(pipe) || !READ_ONCE(pipe->writers));
	return ret ?: has_data(pipe);
}

/* Move what the pipe has, up to @len. Returns how many bytes, or for none a negative errno. */
static ssize_t splice_all(struct zcdma_ring *ring, struct pipe_inode_info *pipe, size_t len,
			  bool nonblock, u64 *copied_by)
{
	ssize_t ret, done = 0;
	bool again = true;

	while (done < len && again) {
		ret = fill_block(ring, pipe, len - done, nonblock, copied_by, &again);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		again |= ret && has_data(pipe);
	}
	return done;
}

static void count(struct zcdma_device *zdev, u64 bytes, const u64 *copied_by)
{
	u64 copied = 0;
	unsigned int i;

	for (i = 0; i < ZCDMA_DEV_COPIED_REASONS; i++)
		copied += copied_by[i];
	spin_lock_irq(&zdev->lock);
	zdev->stats.splice_bytes += bytes - min(bytes, copied);
	zdev->stats.splice_copied_bytes += copied;
	for (i = 0; i < ZCDMA_DEV_COPIED_REASONS; i++)
		zdev->stats.splice_copied_by[i] += copied_by[i];
	spin_unlock_irq(&zdev->lock);
}

static ssize_t splice_ring(struct zcdma_ring *ring, struct pipe_inode_info *pipe, size_t len,
			   bool wait_pipe, bool wait_device)
{
	u64 copied_by[ZCDMA_DEV_COPIED_REASONS] = {};
	ssize_t ret;

	/* Another reader of the pipe may be faster. */
	do {
		ret = wait_for_data(pipe, !wait_pipe);
		if (ret <= 0)
			return ret;
		ret = zcdma_stream_lock(ring, !wait_device);
		if (ret)
			return ret;
		ret = splice_all(ring, pipe, len, !wait_device, copied_by);
		zcdma_stream_unlock(ring);
	} while (ret == -EAGAIN && wait_pipe && wait_device);
	if (ret > 0)
		count(ring->zdev, ret, copied_by);
	return ret;
}

ssize_t zcdma_splice_write(struct pipe_inode_info *pipe, struct file *file, loff_t *pos, size_t len,
			   unsigned int flags)
{
	struct zcdma_ring *ring = zcdma_file_out_ring(file->private_data);
	bool nonblock = flags & SPLICE_F_NONBLOCK;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	if (!len)
		return 0;
	return splice_ring(ring, pipe, len, !nonblock, !nonblock && !(file->f_flags & O_NONBLOCK));
}
