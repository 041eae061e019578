// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * iio: - the samples of a converter or a radio whose driver is the kernel's own, for the industrial I/O subsystem. It
 * imports a ring of ours, a dma-buf for each block; a block is queued again when a path has proof that nothing reads its
 * pages any more.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "memory/poison.h"
#include "memory/udmabuf.h"
#include "source/iio_device.h"
#include "source/options.h"

#define DEFAULT_PATH   "/dev/iio:device0"
#define DEFAULT_BLOCK  (1u << 20)
#define DEFAULT_BLOCKS 16
#define MOST_BLOCKS    1024	   /* each has two descriptors */
#define MOST_BLOCK     (64u << 20) /* size_limit_mb in drivers/dma-buf/udmabuf.c */

struct iio_options {
	uint64_t blocks, block_size;
};

struct slot {
	int dmabuf, fence; /* or -1 */
	bool reading;	   /* the processor sees what the device wrote */
	bool checked;	   /* the device had written all of it once */
	bool late;	   /* the device may have had no block before it */
};

struct iio {
	struct zcdma_source src;
	struct iio_options opt;
	char path[256];
	struct zc_iio device;
	int udmabuf_fd;
	struct zc_ring ring;
	struct slot *slots;
	uint32_t *queue; /* of the device: in this order it fills them */
	unsigned first, count;
	uint64_t poison;	/* what a slot holds before it is filled */
	struct zc_error failed; /* or .rc 0 */
	bool began;		/* the device had all blocks */
	bool stopping;
	uint64_t seq, offset; /* of the block to come */
};

/*
 * Options
 */

static int parse_blocks(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 2, MOST_BLOCKS);
}

static int parse_block(const char *text, uint64_t *value)
{
	return zc_option_pages(text, value, MOST_BLOCK);
}

static const struct zc_option options[] = {
	{ "block", offsetof(struct iio_options, block_size), parse_block,
	  "a size that is a multiple of the page size, up to 64M" },
	{ "blocks", offsetof(struct iio_options, blocks), parse_blocks, "a number from 2 to 1024" },
};

static int iio_open(struct zcdma_source *src, const char *arg)
{
	struct iio *io = (struct iio *)src;
	int rc;

	io->opt = (struct iio_options){ .blocks = DEFAULT_BLOCKS, .block_size = DEFAULT_BLOCK };
	io->udmabuf_fd = -1;
	arg = zc_option_path(arg, DEFAULT_PATH, io->path, sizeof(io->path));
	io->device = (struct zc_iio){ .ctx = src->ctx, .path = io->path };
	rc = zc_source_options_parse(src, arg);
	if (!rc)
		rc = zc_iio_open(&io->device);
	src->info.endless = true;
	return rc;
}

/*
 * The queue
 */

static struct slot *oldest(struct iio *io)
{
	return &io->slots[io->queue[io->first]];
}

static struct slot *newest(struct iio *io)
{
	return &io->slots[io->queue[(io->first + io->count - 1) % io->ring.blocks]];
}

static int end_read(struct slot *s)
{
	int rc = s->reading ? zc_dmabuf_end_read(s->dmabuf) : 0;

	s->reading = false;
	return rc;
}

/* Have .poll_fd tell when the block is full. */
static int watch(const struct iio *io, int fence)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(io->src.poll_fd, EPOLL_CTL_ADD, fence, &event) < 0 ? -errno : 0;
}

/* Queue a block. Returns 0, or a negative errno. */
static int queue(struct iio *io, uint32_t index)
{
	struct slot *s = &io->slots[index], *before = io->count ? newest(io) : NULL;
	int rc = end_read(s);

	if (rc)
		return rc;
	/* What is queued after the device was removed is never filled, and no error. */
	if (!before && zc_iio_is_gone(&io->device))
		return -ENODEV;
	s->fence = zc_iio_queue(&io->device, s->dmabuf, io->ring.block_size);
	if (s->fence < 0)
		return s->fence;
	/* If the one before is full already, the device may have been without one. */
	s->late = io->began && (!before || zc_iio_is_full(before->fence));
	io->queue[(io->first + io->count++) % io->ring.blocks] = index;
	return watch(io, s->fence);
}

static void pop(struct iio *io)
{
	struct slot *s = oldest(io);

	close(s->fence);
	s->fence = -1;
	io->first = (io->first + 1) % io->ring.blocks;
	io->count--;
}

/*
 * The ring
 */

static int fail_attach(struct iio *io, int err)
{
	struct zcdma_ctx *ctx = io->src.ctx;

	if (err != ENOTTY && err != EPERM)
		return zc_iio_fail(&io->device, err, "import memory to");
	zc_fail_plain(ctx, EOPNOTSUPP,
		      err == EPERM ? "import memory to %s: its driver takes no dma-bufs"
				   : "import memory to %s: this kernel has no dma-bufs for IIO",
		      io->path);
	zc_hint(ctx, "from Linux 6.10 on drivers with a DMA buffer do; read:%s copies", io->path);
	return -EOPNOTSUPP;
}

/* Export a block's pages, as they are now, and have the driver import them. Returns 0, or a negative errno. */
static int import_block(struct iio *io, uint32_t index)
{
	const uint64_t at = index * (uint64_t)io->ring.block_size;
	int fd = zc_udmabuf_export(io->udmabuf_fd, io->ring.fd, at, io->ring.block_size);
	int rc;

	if (fd < 0)
		return fd;
	rc = zc_iio_attach(&io->device, fd);
	if (rc) {
		close(fd);
		return rc;
	}
	io->slots[index].dmabuf = fd;
	return 0;
}

/* Forget a block's dma-buf, which keeps the pages until the driver lets go of them. */
static void drop_block(struct iio *io, uint32_t index)
{
	struct slot *s = &io->slots[index];

	zc_iio_detach(&io->device, s->dmabuf);
	close(s->dmabuf);
	s->dmabuf = -1;
}

static int renew(struct iio *io, uint32_t index)
{
	unsigned first;
	int rc = end_read(&io->slots[index]);

	if (!rc)
		rc = zc_ring_renew(&io->ring, index, &first);
	if (rc < 0)
		return rc;
	drop_block(io, index);
	return import_block(io, index);
}

static int open_udmabuf(struct iio *io)
{
	struct zcdma_ctx *ctx = io->src.ctx;
	int err;

	io->udmabuf_fd = open(ZC_UDMABUF_PATH, O_RDWR | O_CLOEXEC);
	if (io->udmabuf_fd >= 0)
		return 0;
	err = errno;
	zc_fail(ctx, err, "open " ZC_UDMABUF_PATH);
	if (zc_udmabuf_hint(err))
		zc_hint(ctx, "%s", zc_udmabuf_hint(err));
	return -err;
}

static int make_ring(struct iio *io, unsigned uses)
{
	const unsigned blocks = (unsigned)io->opt.blocks;
	int rc = zc_ring_alloc(io->src.ctx, &io->ring, ZC_MEMORY_MEMFD, io->opt.block_size, blocks,
			       uses);

	if (rc)
		return rc;
	/* Before it is exported: its pages must be there. */
	io->poison = zc_poison();
	zc_poison_fill(io->ring.base, io->ring.block_size * blocks, io->poison);
	io->slots = calloc(blocks, sizeof(*io->slots));
	io->queue = calloc(blocks, sizeof(*io->queue));
	for (unsigned i = 0; io->slots && i < blocks; i++)
		io->slots[i] = (struct slot){ .dmabuf = -1, .fence = -1 };
	if (!io->slots || !io->queue)
		return zc_fail(io->src.ctx, ENOMEM, "source %s", io->src.name);
	for (unsigned i = 0; i < blocks && !rc; i++)
		rc = import_block(io, i);
	return rc ? fail_attach(io, -rc) : 0;
}

static void free_all(struct iio *io)
{
	for (unsigned i = 0; io->slots && i < io->ring.blocks; i++) {
		if (io->slots[i].fence >= 0)
			close(io->slots[i].fence);
		if (io->slots[i].dmabuf >= 0)
			drop_block(io, i);
	}
	free(io->slots);
	free(io->queue);
	zc_ring_free(&io->ring);
	if (io->src.poll_fd >= 0)
		close(io->src.poll_fd);
	if (io->udmabuf_fd >= 0)
		close(io->udmabuf_fd);
	io->slots = NULL;
	io->queue = NULL;
	io->first = io->count = 0;
	io->began = false;
	io->ring = (struct zc_ring){ .fd = -1 };
	io->udmabuf_fd = -1;
	io->src.poll_fd = -1;
	io->src.ring = NULL;
	io->src.info.blocks = 0;
}

static void describe(struct iio *io)
{
	struct zcdma_source_info *info = &io->src.info;

	info->block_size = io->ring.block_size;
	info->blocks = io->ring.blocks;
	info->page_size = io->ring.page_size;
	info->caps = ZCDMA_CAP_MEMORY | ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	zc_source_offer_ring(&io->src, &io->ring);
}

static int iio_activate(struct zcdma_source *src, unsigned uses)
{
	struct iio *io = (struct iio *)src;
	int rc = open_udmabuf(io);

	if (!rc)
		rc = make_ring(io, uses);
	if (!rc) {
		src->poll_fd = epoll_create1(EPOLL_CLOEXEC);
		rc = src->poll_fd < 0 ? zc_fail(src->ctx, errno, "source %s", src->name) : 0;
	}
	if (rc)
		free_all(io);
	else
		describe(io);
	return rc;
}

static void iio_deactivate(struct zcdma_source *src)
{
	struct iio *io = (struct iio *)src;

	if (io->device.enabled)
		zc_iio_enable(&io->device, false);
	free_all(io);
}

static int iio_start(struct zcdma_source *src)
{
	struct iio *io = (struct iio *)src;
	int rc;

	if (src->started)
		return zc_fail_plain(src->ctx, EBUSY, "%s has been started already", src->name);
	/* First: what was queued to a buffer that is not enabled is filled when another program enables it. */
	rc = zc_iio_enable(&io->device, true);
	if (rc)
		return rc;
	for (unsigned i = 0; i < io->ring.blocks && !rc; i++)
		rc = queue(io, i);
	io->began = true;
	return rc ? zc_iio_fail(&io->device, -rc, "queue a block of") : 0;
}

/*
 * Blocks
 */

/* End the stream, and keep why. Returns @rc. */
static int end(struct iio *io, int rc)
{
	return zc_error_keep(&io->failed, io->src.ctx, rc);
}

/* End it with the error of a transfer, which a device that is removed ends with any. */
static int end_failed(struct iio *io, int rc)
{
	return end(io,
		   zc_iio_fail(&io->device, zc_iio_is_gone(&io->device) ? ENODEV : -rc, "read"));
}

static int end_unwritten(struct iio *io, size_t unwritten)
{
	zc_fail_plain(io->src.ctx, EIO, "read %s: of block %llu %zu of %zu bytes were not written",
		      io->path, (unsigned long long)io->seq, unwritten, io->ring.block_size);
	zc_hint(io->src.ctx, "use read:%s: the driver does not fill the memory it is given",
		io->path);
	return end(io, -EIO);
}

static void deliver(struct iio *io, uint32_t index, struct zcdma_block *b)
{
	*b = (struct zcdma_block){
		.data = zc_ring_block(&io->ring, index),
		.len = io->ring.block_size,
		.offset = io->offset,
		.seq = io->seq++,
		.time_ns = zc_now_ns(),
		.index = index,
		.flags = io->slots[index].late ? ZCDMA_BLOCK_DISCONTINUITY : 0,
		.fd = io->ring.fd,
		.fd_offset = (int64_t)(index * (uint64_t)io->ring.block_size),
	};
	io->offset += b->len;
}

/* Have the processor see a full block, of which the first shows whether the driver fills it. */
static int begin_read(struct iio *io, uint32_t index)
{
	struct slot *s = &io->slots[index];
	const size_t len = io->ring.block_size;
	int rc = zc_dmabuf_begin_read(s->dmabuf);
	size_t unwritten = 0;

	if (rc)
		return end_failed(io, rc);
	s->reading = true;
	if (!s->checked)
		unwritten = zc_poison_left(zc_ring_block(&io->ring, index), 0, len, io->poison);
	s->checked = true;
	return unwritten ? end_unwritten(io, unwritten) : 0;
}

static int iio_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct iio *io = (struct iio *)src;
	uint32_t index;
	int rc;

	(void)max;
	if (io->failed.rc)
		return zc_error_again(&io->failed, src->ctx);
	src->starved = !io->count;
	rc = io->count ? zc_iio_is_full(oldest(io)->fence) : 0;
	if (!rc)
		return io->stopping ? 0 : -EAGAIN;
	if (rc < 0)
		return end_failed(io, rc);
	index = io->queue[io->first];
	pop(io);
	rc = begin_read(io, index);
	if (rc)
		return rc;
	deliver(io, index, b);
	return 1;
}

static void iio_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct iio *io = (struct iio *)src;
	int rc = 0;

	src->stats.replaced += how == ZC_PUT_REPLACE;
	src->starved = false;
	if (io->stopping || io->failed.rc)
		return;
	if (how == ZC_PUT_REPLACE)
		rc = renew(io, b->index);
	if (!rc)
		rc = queue(io, b->index);
	if (rc)
		end_failed(io, rc);
}

static void iio_stop(struct zcdma_source *src)
{
	((struct iio *)src)->stopping = true;
}

static void iio_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	stats->next_seq = ((struct iio *)src)->seq;
	/* No driver counts what its device loses while it has no block. */
	if (stats->discontinuities)
		stats->overruns = stats->lost_bytes = ZCDMA_UNKNOWN;
}

static int iio_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	return zc_source_share_ring(src, &((const struct iio *)src)->ring, desc);
}

static void iio_close(struct zcdma_source *src)
{
	zc_iio_close(&((struct iio *)src)->device);
}

const struct zc_source_ops zc_source_iio = {
	.type = {
		.name = "iio",
		.syntax = "iio:[PATH,block=SIZE,blocks=N]",
		.summary = "the samples of a converter or another device of an IIO driver",
	},
	.size = sizeof(struct iio),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct iio, opt),
	.open = iio_open,
	.activate = iio_activate,
	.deactivate = iio_deactivate,
	.start = iio_start,
	.next = iio_next,
	.put = iio_put,
	.stop = iio_stop,
	.get_stats = iio_get_stats,
	.share = iio_share,
	.close = iio_close,
};
