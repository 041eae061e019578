// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * v4l2: - the frames of a camera, a frame grabber or a radio whose driver is the kernel's own: each is a block. A frame is
 * filled by the driver, and its buffer is queued again when a path has proof that nothing reads its pages any more.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "source/options.h"
#include "source/v4l2_buffers.h"
#include "source/v4l2_device.h"

#define DEFAULT_PATH   "/dev/video0"
#define DEFAULT_BLOCKS 8
#define MOST_BLOCKS    32 /* VIDEO_MAX_FRAME */

struct v4l2_options {
	uint64_t blocks, size, format, fps, way;
};

struct v4l2 {
	struct zcdma_source src;
	struct v4l2_options opt;
	char path[256];
	struct zc_v4l2 device;
	struct zc_v4l2_buffers buffers;
	struct zc_error failed; /* or .rc 0 */
	bool stopping, ended;
	bool began;	      /* a frame came */
	uint32_t number;      /* of the frame before, by the driver */
	uint64_t seq, offset; /* of the block to come */
	char copies_reason[600];
};

/*
 * Options
 */

static int parse_blocks(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 2, MOST_BLOCKS);
}

static int parse_size(const char *text, uint64_t *value)
{
	unsigned width, height;
	int end = 0;

	/* sscanf() itself takes leading space and a sign. */
	if (text[strspn(text, "0123456789x")] ||
	    sscanf(text, "%5ux%5u%n", &width, &height, &end) != 2 || text[end] || !width || !height)
		return -EINVAL;
	*value = (uint64_t)width << 32 | height;
	return 0;
}

/* The top bit of a big-endian one is written as it is printed: "Y16-BE". */
static int parse_format(const char *text, uint64_t *value)
{
	const size_t all = strlen(text), len = strcspn(text, "-");
	const bool big_endian = !strcmp(text + len, "-BE");

	if (!len || len > 4 || (len < all && !big_endian))
		return -EINVAL;
	*value = big_endian ? UINT64_C(1) << 31 : 0;
	for (size_t i = 0; i < 4; i++)
		*value |= (uint64_t)(i < len ? text[i] & 0x7f : ' ') << 8 * i;
	return 0;
}

/* In thousandths. */
static int parse_fps(const char *text, uint64_t *value)
{
	char *end;
	double fps = strtod(text, &end);

	/* strtod() itself takes a sign, "inf" and hexadecimal digits. */
	if (text[strspn(text, "0123456789.")] || end == text || *end ||
	    !(fps >= 0.001 && fps <= 100000))
		return -EINVAL;
	*value = (uint64_t)(fps * 1000 + 0.5);
	return 0;
}

static int parse_way(const char *text, uint64_t *value)
{
	return zc_option_name(text, zc_v4l2_way_names, value);
}

static const struct zc_option options[] = {
	{ "blocks", offsetof(struct v4l2_options, blocks), parse_blocks, "a number from 2 to 32" },
	{ "size", offsetof(struct v4l2_options, size), parse_size,
	  "a width and a height, for example 1280x720" },
	{ "format", offsetof(struct v4l2_options, format), parse_format,
	  "up to four characters, for example YUYV, and -BE after those of a big-endian one" },
	{ "fps", offsetof(struct v4l2_options, fps), parse_fps, "frames a second, for example 30" },
	{ "memory", offsetof(struct v4l2_options, way), parse_way,
	  "auto, import, import-huge, userptr, mmap or copy" },
};

static int v4l2_open(struct zcdma_source *src, const char *arg)
{
	struct v4l2 *v = (struct v4l2 *)src;
	int rc;

	v->opt.blocks = DEFAULT_BLOCKS;
	v->buffers.device = &v->device;
	v->buffers.udmabuf_fd = -1;
	arg = zc_option_path(arg, DEFAULT_PATH, v->path, sizeof(v->path));
	rc = zc_source_options_parse(src, arg);
	if (rc)
		return rc;
	v->device = (struct zc_v4l2){ .ctx = src->ctx, .path = v->path };
	rc = zc_v4l2_open(&v->device);
	if (rc)
		return rc;
	src->info.endless = true;
	src->info.lossy = true;
	src->info.simulated = v->device.simulated;
	return 0;
}

/*
 * The ring
 */

static void describe(struct v4l2 *v)
{
	const struct zc_ring *ring = zc_v4l2_buffers_ring(&v->buffers);
	struct zcdma_source_info *info = &v->src.info;

	v->src.poll_fd = v->device.fd;
	v->src.poll_events = POLLIN | POLLPRI;
	info->blocks = v->buffers.count;
	info->caps = ZCDMA_CAP_MEMORY;
	info->block_size = ring ? ring->block_size : v->buffers.slots[0].len;
	info->page_size = ring ? ring->page_size : zc_page_size();
	info->format = v->device.format;
	info->buffers = zc_v4l2_buffers_text(&v->buffers);
	info->buffers_reason = v->buffers.reason[0] ? v->buffers.reason : NULL;
	if (!ring)
		return;
	if (ring->fd >= 0)
		info->caps |= ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	zc_source_offer_ring(&v->src, ring);
}

static int v4l2_activate(struct zcdma_source *src, unsigned uses)
{
	struct v4l2 *v = (struct v4l2 *)src;
	const struct zc_v4l2_wish wish = {
		.fourcc = (uint32_t)v->opt.format,
		.width = (uint32_t)(v->opt.size >> 32),
		.height = (uint32_t)v->opt.size,
		.fps = (double)v->opt.fps / 1000,
	};
	int rc = zc_v4l2_set_format(&v->device, &wish);

	if (!rc)
		rc = zc_v4l2_buffers_make(&v->buffers, (unsigned)v->opt.blocks, uses, v->opt.way);
	if (rc)
		return rc;
	describe(v);
	return 0;
}

static void v4l2_deactivate(struct zcdma_source *src)
{
	struct v4l2 *v = (struct v4l2 *)src;

	zc_v4l2_buffers_free(&v->buffers);
	src->poll_fd = -1;
	src->ring = NULL;
	src->info.blocks = 0;
}

static int v4l2_start(struct zcdma_source *src)
{
	struct v4l2 *v = (struct v4l2 *)src;
	int rc;

	if (src->started)
		return zc_fail_plain(src->ctx, EBUSY, "%s has been started already", src->name);
	rc = zc_v4l2_buffers_queue_all(&v->buffers);
	if (rc)
		return zc_v4l2_fail(&v->device, -rc, "queue the buffers of");
	rc = zc_v4l2_stream(&v->device, true);
	return rc ? zc_v4l2_fail(&v->device, -rc, "start") : 0;
}

/*
 * Frames
 */

/* Count the frame by the driver's number, and set what was lost before it. */
static void number_block(struct v4l2 *v, uint32_t number, struct zcdma_block *b)
{
	const uint32_t step = number - v->number;

	if (!step || step > UINT32_MAX / 2) {
		/* The driver does not count, or began anew. */
		b->flags |= ZCDMA_BLOCK_DISCONTINUITY;
	} else if (step > 1) {
		b->flags |= ZCDMA_BLOCK_LOST;
		v->seq += step - 1;
		if (!v->device.is_compressed)
			v->offset += (uint64_t)(step - 1) * v->device.frame_bytes;
	}
	v->number = number;
	b->seq = v->seq++;
	b->offset = v->offset;
	v->offset += b->len;
}

/* Deliver the frame from where the driver wrote it. */
static void deliver(struct v4l2 *v, const struct zc_v4l2_frame *f, struct zcdma_block *b)
{
	const struct zc_ring *ring = zc_v4l2_buffers_ring(&v->buffers);
	const bool in_file = ring && ring->fd >= 0;
	const uint64_t at = in_file ? f->index * (uint64_t)ring->block_size + f->offset : 0;

	*b = (struct zcdma_block){
		.data = v->buffers.slots[f->index].data + f->offset,
		.len = f->bytes,
		.time_ns = f->time_ns,
		.index = f->index,
		.fd = in_file ? ring->fd : -1,
		.fd_offset = in_file ? (int64_t)at : -1,
	};
	number_block(v, f->seq, b);
}

/* Copy the frame to the ring, in which a block is free, and queue its buffer again. Returns 0, or a negative errno. */
static int deliver_copy(struct v4l2 *v, const struct zc_v4l2_frame *f, struct zcdma_block *b)
{
	struct zc_pool *pool = &v->buffers.pool;
	const uint32_t index = zc_pool_take(pool);
	const bool in_file = v->src.info.caps & ZCDMA_CAP_FD;

	*b = (struct zcdma_block){
		.data = zc_ring_block(&pool->ring, index),
		.len = f->bytes,
		.time_ns = f->time_ns,
		.index = index,
		.fd = in_file ? pool->ring.fd : -1,
		.fd_offset = in_file ? (int64_t)(index * (uint64_t)pool->ring.block_size) : -1,
	};
	memcpy(zc_ring_block(&pool->ring, index), v->buffers.slots[f->index].data + f->offset,
	       f->bytes);
	v->src.stats.copied_bytes += f->bytes;
	number_block(v, f->seq, b);
	return v->stopping ? 0 : zc_v4l2_buffers_queue(&v->buffers, f->index);
}

/* End the stream, and keep why. Returns @rc. */
static int end(struct v4l2 *v, int rc)
{
	return zc_error_keep(&v->failed, v->src.ctx, rc);
}

static int end_changed(struct v4l2 *v)
{
	zc_fail_plain(v->src.ctx, EIO,
		      "read %s: what it captures changed its format, and frames are no longer %s",
		      v->src.name, v->device.format);
	zc_hint(v->src.ctx, "begin anew: the next start takes the new format");
	return end(v, -EIO);
}

static int end_unwritten(struct v4l2 *v, const struct zc_v4l2_frame *f, size_t unwritten)
{
	zc_fail_plain(v->src.ctx, EIO,
		      "read %s: of frame %u %zu of %u bytes were not written to its buffer",
		      v->src.name, f->seq, unwritten, f->bytes);
	zc_hint(v->src.ctx, "use memory=copy: the driver does not fill the memory it is given");
	return end(v, -EIO);
}

/* The driver's buffers may be larger than the frames that it had said: another program can set the format before we do. */
static int end_too_large(struct v4l2 *v, const struct zc_v4l2_frame *f)
{
	zc_fail_plain(v->src.ctx, EIO,
		      "read %s: frame %u has %u bytes, and those of %s have at most %u",
		      v->src.name, f->seq, f->bytes, v->device.format, v->device.frame_bytes);
	zc_hint(v->src.ctx, "another program changed the format: begin anew");
	return end(v, -EIO);
}

/* Take a frame that is whole. Returns 1; 0 at the end; -EAGAIN; or another negative errno. */
static int take(struct v4l2 *v, struct zc_v4l2_frame *f)
{
	for (;;) {
		int rc = zc_v4l2_buffers_dequeue(&v->buffers, f);

		if (rc == -EAGAIN)
			return v->stopping ? 0 : -EAGAIN;
		if (rc == -EPIPE)
			return 0;
		/* The first frame is the beginning of the stream, whatever its number. */
		if (!rc && !v->began) {
			v->number = f->seq - 1;
			v->began = true;
		}
		v->ended |= !rc && f->last;
		if (!rc && f->bytes && !f->damaged)
			return 1;
		/* What is damaged is lost: the next one's number says so. */
		if (!rc && !v->stopping)
			rc = zc_v4l2_buffers_queue(&v->buffers, f->index);
		if (rc) {
			zc_v4l2_fail(&v->device, -rc, "read");
			return end(v, rc);
		}
		if (v->ended)
			return 0;
	}
}

static bool is_starved(const struct v4l2 *v)
{
	return zc_v4l2_buffers_copy(&v->buffers) ? !v->buffers.pool.unused_count
						 : !v->buffers.queued;
}

static int v4l2_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct v4l2 *v = (struct v4l2 *)src;
	struct zc_v4l2_frame f;
	size_t unwritten;
	int rc;

	(void)max;
	if (v->failed.rc)
		return zc_error_again(&v->failed, src->ctx);
	if (v->ended)
		return 0;
	src->starved = is_starved(v);
	if (src->starved)
		return v->stopping && !zc_v4l2_buffers_copy(&v->buffers) ? 0 : -EAGAIN;
	if (zc_v4l2_has_changed(&v->device))
		return end_changed(v);
	rc = take(v, &f);
	if (rc != 1)
		return rc;
	src->info.frame_clock = f.clock;
	unwritten = zc_v4l2_buffers_unwritten(&v->buffers, &f);
	if (unwritten)
		return end_unwritten(v, &f, unwritten);
	if (!zc_v4l2_buffers_copy(&v->buffers)) {
		deliver(v, &f, b);
		return 1;
	}
	if (f.bytes > v->buffers.pool.ring.block_size)
		return end_too_large(v, &f);
	rc = deliver_copy(v, &f, b);
	if (rc) {
		/* This frame is whole; the next call says what became of the device. */
		zc_v4l2_fail(&v->device, -rc, "queue a buffer of");
		end(v, rc);
	}
	return 1;
}

static void v4l2_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct v4l2 *v = (struct v4l2 *)src;
	int rc = 0;

	src->stats.replaced += how == ZC_PUT_REPLACE;
	src->starved = false;
	if (zc_v4l2_buffers_copy(&v->buffers)) {
		zc_pool_put(&v->buffers.pool, b->index, how);
		rc = v->buffers.pool.error;
	} else if (!v->stopping) {
		if (how == ZC_PUT_REPLACE)
			rc = zc_v4l2_buffers_renew(&v->buffers, b->index);
		if (!rc)
			rc = zc_v4l2_buffers_queue(&v->buffers, b->index);
	}
	if (rc && !v->failed.rc) {
		/* Whichever call finds that the device is gone, it is one error. */
		zc_v4l2_fail(&v->device, -rc, rc == -ENODEV ? "read" : "give a buffer back to");
		end(v, rc);
	}
}

static void v4l2_stop(struct zcdma_source *src)
{
	((struct v4l2 *)src)->stopping = true;
}

static void v4l2_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct v4l2 *v = (struct v4l2 *)src;

	stats->next_seq = v->seq;
	/* A driver that does not count, or began anew, does not say how many frames are missing. */
	if (stats->discontinuities)
		stats->overruns = stats->lost_bytes = ZCDMA_UNKNOWN;
	if (!zc_v4l2_buffers_copy(&v->buffers))
		return;
	snprintf(v->copies_reason, sizeof(v->copies_reason),
		 "each frame is copied from the driver's buffers%s%s",
		 v->buffers.reason[0] ? ": " : "", v->buffers.reason);
	stats->copies_reason = v->copies_reason;
	stats->copies_hint = v->buffers.hint[0] ? v->buffers.hint : NULL;
}

static int v4l2_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	return zc_source_share_ring(src, zc_v4l2_buffers_ring(&((const struct v4l2 *)src)->buffers),
				    desc);
}

static void v4l2_close(struct zcdma_source *src)
{
	close(((struct v4l2 *)src)->device.fd);
}

const struct zc_source_ops zc_source_v4l2 = {
	.type = {
		.name = "v4l2",
		.syntax = "v4l2:[PATH,blocks=N,size=WIDTHxHEIGHT,format=FOURCC,fps=N,memory=NAME]",
		.summary = "the frames of a camera or another device of a V4L2 driver",
	},
	.size = sizeof(struct v4l2),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct v4l2, opt),
	.open = v4l2_open,
	.activate = v4l2_activate,
	.deactivate = v4l2_deactivate,
	.start = v4l2_start,
	.next = v4l2_next,
	.put = v4l2_put,
	.stop = v4l2_stop,
	.get_stats = v4l2_get_stats,
	.share = v4l2_share,
	.close = v4l2_close,
};
