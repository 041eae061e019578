// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dev: - the ring of a device that captures, which <linux/zcdma.h> specifies. When a block may be filled again
 * is the driver's affair: it sees what still refers to the pages.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/ring.h"
#include "source/dev_control.h"
#include "source/dev_node.h"
#include "source/dev_ring.h"
#include "source/options.h"
#include "source/together.h"

struct dev {
	struct zcdma_source src;
	struct zc_dev_ring ring;
	struct zc_together together;
	struct zc_dev_parent parent; /* where it starts with others */
	bool began, left;	     /* to start with them; stopped before that */
	int error;		     /* of a put(), a negative errno */
};

static const char *const clocks[] = {
	[ZCDMA_DEV_CLOCK_MONOTONIC] = "monotonic",
	[ZCDMA_DEV_CLOCK_TAI] = "tai",
	[ZCDMA_DEV_CLOCK_COUNTER] = "counter",
};

/*
 * Opening
 */

static int map_ring(struct dev *d, unsigned uses)
{
	/* Unmapped pages are cheaper to watch. */
	if (uses & ZC_USE_FD && !(uses & ZC_USE_READ))
		return 0;
	return zc_dev_ring_map(&d->ring, PROT_READ | (uses & ZC_USE_WRITE ? PROT_WRITE : 0));
}

static void describe(struct dev *d)
{
	const struct zcdma_dev_setup *setup = &d->ring.setup;
	struct zcdma_source *src = &d->src;

	src->poll_fd = d->ring.fd;
	src->info.block_size = setup->block_size;
	src->info.blocks = setup->blocks;
	src->info.page_size = d->ring.info.page_size;
	src->info.pieces = setup->chunks;
	src->info.model = zc_dev_models[setup->model];
	src->info.caps = ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET | (d->ring.map ? ZCDMA_CAP_MEMORY : 0);
	src->info.lossy = setup->rate;
	src->info.bounced = setup->bounced;
	if (d->ring.info.clock < ARRAY_SIZE(clocks))
		src->info.clock = clocks[d->ring.info.clock];
	src->info.clock_hz = d->ring.info.clock_hz;
	if (zc_dev_ring_is_together(&d->ring) && zc_dev_get_parent(d->ring.fd, &d->parent)) {
		src->info.channels = (unsigned)d->ring.opt.together;
		src->info.device = d->parent.name;
	}
	if (setup->model == ZCDMA_DEV_COHERENT)
		src->fault_hint = zc_dev_fault_hint;
}

static int dev_open(struct zcdma_source *src, const char *arg)
{
	struct dev *d = (struct dev *)src;
	int rc;

	d->ring.ctx = src->ctx;
	d->ring.kind = "source";
	d->ring.name = src->name;
	arg = zc_dev_ring_init(&d->ring, arg);
	rc = zc_source_options_parse(src, arg);
	if (!rc)
		rc = zc_dev_ring_open(&d->ring, O_RDONLY);
	if (rc)
		return rc;
	if (d->ring.info.flags & ZCDMA_DEV_INFO_OUT) {
		close(d->ring.fd);
		rc = zc_fail_plain(src->ctx, EINVAL,
				   "open %s: the device plays data, and captures none",
				   d->ring.path);
		zc_hint(src->ctx, "to play to it: zcdma play dev:%s SOURCE", d->ring.path);
		return rc;
	}
	src->info.endless = true;
	src->info.simulated = !strcmp(d->ring.info.source, "sim"); /* kmod/drivers/sim.c */
	return 0;
}

/* Open the device again for a second ring: a ring belongs to an open file, and so does the right to map it for writing. */
static int open_again(struct dev *d, unsigned uses)
{
	const bool writable = uses & ZC_USE_WRITE || d->ring.wants_control;
	int fd;

	if (!writable && !d->ring.setup.size)
		return 0;
	fd = zc_dev_open(d->src.ctx, d->ring.path, writable ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return fd;
	close(d->ring.fd);
	d->ring.fd = fd;
	return 0;
}

static int dev_activate(struct zcdma_source *src, unsigned uses)
{
	struct dev *d = (struct dev *)src;
	int rc;

	d->ring.wants_control = zc_dev_control_is_possible(&d->ring);
	rc = open_again(d, uses);
	if (!rc)
		rc = zc_dev_ring_set_up(&d->ring);
	if (!rc)
		rc = map_ring(d, uses);
	if (rc)
		return rc;
	rc = d->ring.wants_control ? zc_dev_control_map(&d->ring) : 0;
	if (rc) {
		zc_dev_ring_unmap(&d->ring);
		return rc;
	}
	describe(d);
	return 0;
}

static void dev_deactivate(struct zcdma_source *src)
{
	struct dev *d = (struct dev *)src;

	zc_together_leave(&d->together);
	zc_dev_control_unmap(&d->ring);
	zc_dev_ring_unmap(&d->ring);
	src->poll_fd = -1;
}

/*
 * The source's operations
 */

static int begin_together(struct dev *d)
{
	int rc;

	if (d->began)
		return zc_dev_ring_fail(&d->ring, EBUSY, "start");
	rc = zc_together_begin(&d->together, &d->ring);
	if (rc)
		return rc;
	d->began = true;
	d->src.poll_fd = d->together.alarm.fd;
	d->src.info.channels_missing = d->together.missing;
	return 0;
}

/* Returns 0 once all have started, -EAGAIN before that, or another negative errno. */
static int look_together(struct dev *d)
{
	int rc = zc_together_look(&d->together);

	d->src.info.channels_missing = d->together.missing;
	if (d->together.ring)
		return rc;
	d->src.poll_fd = d->ring.fd;
	d->src.info.start_time = d->together.device_time;
	return rc;
}

static int dev_start(struct zcdma_source *src)
{
	struct dev *d = (struct dev *)src;

	if (zc_dev_ring_is_together(&d->ring))
		return begin_together(d);
	return ioctl(d->ring.fd, ZCDMA_IOC_START, 0) ? zc_dev_ring_fail(&d->ring, errno, "start")
						     : 0;
}

/* Take the next block. Returns 1, or a negative errno: -ENODATA is the end of the stream. */
static int take(struct dev *d, struct zcdma_dev_block *k)
{
	if (d->ring.control.page)
		return zc_dev_control_take(&d->ring, k);
	return ioctl(d->ring.fd, ZCDMA_IOC_TAKE, k) ? -errno : 1;
}

/* Put a block back, however: the driver waits for what is still in flight. */
static void give(struct dev *d, uint32_t index)
{
	struct zcdma_dev_give g = { .size = sizeof(g), .index = index };

	if (d->ring.control.page)
		zc_dev_control_give(&d->ring, index);
	else if (ioctl(d->ring.fd, ZCDMA_IOC_GIVE, &g))
		d->error = -errno;
}

/* End the stream before a failed block, none of whose data is good. */
static int failed_block(struct dev *d, const struct zcdma_dev_block *k)
{
	struct zcdma_ctx *ctx = d->src.ctx;

	give(d, k->index);
	zc_fail_plain(ctx, EIO, "read %s: the device could not fill the block at offset %llu: %s",
		      d->src.name, (unsigned long long)k->offset, strerror((int)k->error));
	zc_hint(ctx, "the kernel log may tell more (dmesg); the next start begins anew");
	return -EIO;
}

static int dev_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct dev *d = (struct dev *)src;
	struct zcdma_dev_block k = { .size = sizeof(k) };
	int rc;

	(void)max;
	if (d->error)
		return zc_dev_ring_fail(&d->ring, -d->error, "give a block back to");
	if (d->left)
		return 0;
	rc = d->together.ring ? look_together(d) : 0;
	if (rc)
		return rc;
	rc = take(d, &k);
	if (rc == -ENODATA)
		return 0;
	if (rc == -EAGAIN || rc == -EINTR)
		return -EAGAIN;
	if (rc < 0)
		return zc_dev_ring_fail(&d->ring, -rc, "read");
	if (k.flags & ZCDMA_DEV_BLOCK_ERROR)
		return failed_block(d, &k);
	*b = (struct zcdma_block){
		.data = d->ring.map ? d->ring.map + k.mmap_offset : NULL,
		.len = k.length,
		.offset = k.offset,
		.seq = k.seq,
		.time_ns = k.time_ns,
		.device_time = k.clock ? k.device_time : 0,
		.index = k.index,
		.flags = (k.flags & ZCDMA_DEV_BLOCK_LOST ? ZCDMA_BLOCK_LOST : 0) |
			 (k.flags & ZCDMA_DEV_BLOCK_GAP ? ZCDMA_BLOCK_DISCONTINUITY : 0),
		.fd = d->ring.fd,
		.fd_offset = (int64_t)k.position,
	};
	return 1;
}

static void dev_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	(void)how;
	give((struct dev *)src, b->index);
}

static void dev_stop(struct zcdma_source *src)
{
	struct dev *d = (struct dev *)src;

	if (d->together.ring) {
		zc_together_leave(&d->together);
		src->poll_fd = d->ring.fd;
		src->info.channels_missing = 0;
		d->left = true;
	}
	/* A device that is gone has stopped. */
	ioctl(d->ring.fd, ZCDMA_IOC_STOP, 0);
}

static void dev_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct zc_dev_ring *ring = &((struct dev *)src)->ring;

	zc_dev_ring_look(ring);
	stats->overruns = ring->stats.overruns;
	stats->lost_bytes = ring->stats.lost_bytes;
	stats->next_seq = ring->stats.next_seq;
	stats->busy_at_release = ring->stats.busy_at_release;
	stats->driver_copied_bytes = ring->stats.splice_copied_bytes;
}

static int dev_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	const struct zc_dev_ring *ring = &((const struct dev *)src)->ring;

	*desc = (struct zc_ring_desc){
		.kind = ZC_RING_DEVICE,
		.blocks = ring->setup.blocks,
		.block_size = ring->setup.block_size,
		.stride = ring->setup.stride,
		.page_size = src->info.page_size,
	};
	return ring->fd;
}

static int dev_export_block(struct zcdma_source *src, const struct zcdma_block *b)
{
	struct dev *d = (struct dev *)src;
	struct zcdma_dev_export e = { .size = sizeof(e), .index = b->index, .flags = O_CLOEXEC };
	int err;

	if (!ioctl(d->ring.fd, ZCDMA_IOC_EXPORT, &e))
		return e.fd;
	err = errno;
	zc_dev_ring_fail(&d->ring, err, "export a block of");
	if (d->ring.setup.model == ZCDMA_DEV_COHERENT)
		zc_hint(src->ctx,
			"coherent memory goes with the device: use model=compound, pages or scatter");
	else if (!(d->ring.info.flags & ZCDMA_DEV_INFO_EXPORT))
		zc_hint(src->ctx, "the driver that is loaded, or this kernel, has no dma-buf");
	return -err;
}

static void dev_close(struct zcdma_source *src)
{
	close(((struct dev *)src)->ring.fd);
}

const struct zc_source_ops zc_source_dev = {
	.type = {
		.name = "dev",
		.syntax =
			"dev:[PATH,model=NAME,blocks=N,block=SIZE,rate=SIZE,seed=N,policy=NAME,timeout=TIME,watermark=N,node=N,together=N]",
		.summary = "a device of the driver",
		.tracks_pages = true,
		.memory = "model",
		.memories = zc_dev_models,
	},
	.size = sizeof(struct dev),
	.options = zc_dev_options,
	.option_count = ZC_DEV_OPTIONS,
	.option_values = offsetof(struct dev, ring.opt),
	.open = dev_open,
	.activate = dev_activate,
	.deactivate = dev_deactivate,
	.start = dev_start,
	.next = dev_next,
	.put = dev_put,
	.stop = dev_stop,
	.get_stats = dev_get_stats,
	.share = dev_share,
	.export_block = dev_export_block,
	.close = dev_close,
};
