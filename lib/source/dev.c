// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dev: - the ring of the driver, which <linux/zcdma.h> specifies. When a block may be filled again
 * is the driver's affair: it sees what still refers to the pages.
 */
#include <fcntl.h>
#include <linux/zcdma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memory/ring.h"
#include "source/dev_node.h"
#include "source/options.h"

#define UNSET UINT64_MAX

struct dev_options {
	uint64_t model, policy, blocks, block_size, rate, seed;
};

struct dev {
	struct zcdma_source src;
	int fd;
	char path[256];
	struct dev_options opt;
	struct zcdma_dev_info info;
	struct zcdma_dev_setup setup;
	unsigned char *map; /* the ring, or NULL where nobody wants its memory */
	struct zcdma_dev_stats stats;
	int error; /* of a put(), a negative errno */
};

/*
 * Options
 */

static const char *const models[] = {
	[ZCDMA_DEV_COHERENT] = "coherent",
	[ZCDMA_DEV_PAGES] = "pages",
	[ZCDMA_DEV_COMPOUND] = "compound",
	[ZCDMA_DEV_SCATTER] = "scatter",
	NULL,
};

static const char *const policies[] = {
	[ZCDMA_DEV_TRACK] = "track",
	[ZCDMA_DEV_STRICT] = "strict",
	NULL,
};

static int parse_model(const char *text, uint64_t *value)
{
	return zc_option_name(text, models, value);
}

static int parse_policy(const char *text, uint64_t *value)
{
	return zc_option_name(text, policies, value);
}

/* Parse the number of blocks; the driver's limits are checked by check_limits(). */
static int parse_blocks(const char *text, uint64_t *value)
{
	int rc = zc_option_number(text, value);

	return rc ? rc : *value <= UINT32_MAX ? 0 : -ERANGE;
}

static const struct zc_option options[] = {
	{ "model", offsetof(struct dev_options, model), parse_model,
	  "coherent, pages, compound or scatter" },
	{ "blocks", offsetof(struct dev_options, blocks), parse_blocks, "a number" },
	{ "block", offsetof(struct dev_options, block_size), zcdma_size_parse,
	  "a size, for example 1M" },
	{ "rate", offsetof(struct dev_options, rate), zc_option_rate,
	  "bytes per second, for example 360M" },
	{ "seed", offsetof(struct dev_options, seed), zc_option_number,
	  "a number, decimal or 0x..." },
	{ "policy", offsetof(struct dev_options, policy), parse_policy, "track or strict" },
};

/* Split "[PATH][,OPTIONS]": the first item, unless it is an option, goes into @path of @len bytes. */
static const char *split_path(const char *arg, char *path, size_t len)
{
	size_t first = strcspn(arg, ",");

	if (!first || memchr(arg, '=', first) || first >= len) {
		snprintf(path, len, "%s", ZC_DEV_FIRST);
		return arg;
	}
	memcpy(path, arg, first);
	path[first] = '\0';
	return arg + first + (arg[first] == ',');
}

/*
 * Opening
 */

static int get_info(struct dev *d, const char *path, struct zcdma_dev_info *info)
{
	*info = (struct zcdma_dev_info){ .size = sizeof(*info) };
	if (!ioctl(d->fd, ZCDMA_IOC_INFO, info))
		return 0;
	if (errno == ENOTTY)
		return zc_fail_plain(d->src.ctx, ENOTTY, "open %s: not a zcdma device", path);
	return zc_fail(d->src.ctx, errno, "ask %s for its limits", path);
}

static int out_of_limits(struct dev *d, const char *name, uint64_t value)
{
	return zc_fail_plain(d->src.ctx, EINVAL, "source %s: %s=%llu is not valid", d->src.name,
			     name, (unsigned long long)value);
}

static int check_limits(struct dev *d, const struct dev_options *o,
			const struct zcdma_dev_info *info)
{
	struct zcdma_ctx *ctx = d->src.ctx;
	char most[32];
	int rc;

	if (!(info->models & 1u << o->model))
		return zc_fail_plain(ctx, EOPNOTSUPP, "source %s: this driver has no model %s",
				     d->src.name, models[o->model]);
	if (o->policy == ZCDMA_DEV_STRICT && o->model == ZCDMA_DEV_COHERENT)
		return zc_fail_plain(ctx, EINVAL,
				     "source %s: policy=strict is not for model=coherent",
				     d->src.name);
	if (o->blocks < 2 || o->blocks > info->blocks_max) {
		rc = out_of_limits(d, "blocks", o->blocks);
		zc_hint(ctx, "blocks= takes a number from 2 to %u", info->blocks_max);
		return rc;
	}
	if (o->rate && !(info->flags & ZCDMA_DEV_INFO_PACED)) {
		rc = out_of_limits(d, "rate", o->rate);
		zc_hint(ctx, "%s keeps its own pace: only a simulated device takes a rate",
			info->source);
		return rc;
	}
	if (o->block_size && o->rate / ZCDMA_DEV_RATE_BLOCKS > o->block_size) {
		rc = out_of_limits(d, "rate", o->rate);
		zc_hint(ctx, "the device fills at most %u blocks a second: take larger blocks",
			ZCDMA_DEV_RATE_BLOCKS);
		return rc;
	}
	if (o->block_size && o->block_size <= info->block_size_max &&
	    !(o->block_size % info->block_align))
		return 0;
	rc = out_of_limits(d, "block", o->block_size);
	zc_hint(ctx, "block= takes a multiple of %u bytes, up to %s", info->block_align,
		zcdma_size_format(info->block_size_max, most, sizeof(most)));
	return rc;
}

/* Report that the memory is in more pieces than the device takes. */
static int too_many_pieces(struct dev *d, const struct dev_options *o,
			   const struct zcdma_dev_info *info)
{
	struct zcdma_ctx *ctx = d->src.ctx;
	char most[32];

	zc_fail_plain(
		ctx, EMSGSIZE,
		"source %s: %s takes at most %u piece%s for a block, and with model=%s there are %u",
		d->src.name, info->source, info->chunks_max, info->chunks_max == 1 ? "" : "s",
		models[o->model], d->setup.chunks);
	zc_hint(ctx, "model=compound has pieces of up to %s: make block= smaller",
		zcdma_size_format(info->chunk_bytes_max, most, sizeof(most)));
	return -EMSGSIZE;
}

/* Set a hint why the driver refused the ring, if more is known than the errno. */
static void explain_refusal(struct dev *d, int err, const char *path,
			    const struct zcdma_dev_info *info)
{
	struct zcdma_ctx *ctx = d->src.ctx;
	char most[32];

	if (err == EBUSY)
		zc_hint(ctx,
			"one program at a time may capture from it; this names it: fuser -v %s",
			path);
	if (err == EPERM)
		zc_hint(ctx,
			"RLIMIT_MEMLOCK leaves %s, which is enough for blocks=%u: raise it (ulimit -l)",
			zcdma_size_format(info->memlock_bytes, most, sizeof(most)),
			d->setup.blocks_fit);
	if (err == ENOMEM && info->flags & ZCDMA_DEV_INFO_LIMITED)
		zc_hint(ctx,
			"%s does not reach all of the memory; in what it reaches there was room for %u",
			info->source, d->setup.blocks_fit);
	else if (err == ENOMEM && d->setup.blocks_fit < 2)
		zc_hint(ctx, "choose smaller blocks: two of that size do not fit into memory");
	else if (err == ENOMEM)
		zc_hint(ctx, "use blocks=%u, which fit into memory", d->setup.blocks_fit);
}

static int set_up(struct dev *d, const char *path, const struct dev_options *o,
		  const struct zcdma_dev_info *info)
{
	char size[32];
	int err;

	d->setup = (struct zcdma_dev_setup){
		.size = sizeof(d->setup),
		.model = (uint32_t)o->model,
		.policy = (uint32_t)o->policy,
		.block_size = o->block_size,
		.blocks = (uint32_t)o->blocks,
		.rate = o->rate,
		.seed = o->seed,
	};
	if (!ioctl(d->fd, ZCDMA_IOC_SETUP, &d->setup))
		return 0;
	err = errno;
	if (err == EMSGSIZE)
		return too_many_pieces(d, o, info);
	zc_fail(d->src.ctx, err, "set up %u blocks of %s in %s", d->setup.blocks,
		zcdma_size_format(o->block_size, size, sizeof(size)), path);
	explain_refusal(d, err, path, info);
	return -err;
}

static int map_ring(struct dev *d, const char *path, unsigned flags)
{
	int prot = PROT_READ | (flags & ZC_USE_WRITE ? PROT_WRITE : 0);
	void *map;

	/* Unmapped pages are cheaper to watch. */
	if (flags & ZC_USE_FD && !(flags & ZC_USE_READ))
		return 0;
	/* A 64-bit kernel has rings that a 32-bit program cannot map. */
	if (d->setup.ring_bytes > SIZE_MAX)
		return zc_fail(d->src.ctx, ENOMEM, "map the ring of %s", path);
	map = mmap(NULL, d->setup.ring_bytes, prot, MAP_SHARED, d->fd, 0);
	if (map == MAP_FAILED)
		return zc_fail(d->src.ctx, errno, "map the ring of %s", path);
	d->map = map;
	return 0;
}

static void describe(struct dev *d, const struct zcdma_dev_info *info)
{
	struct zcdma_source *src = &d->src;

	src->poll_fd = d->fd;
	src->info.block_size = d->setup.block_size;
	src->info.blocks = d->setup.blocks;
	src->info.page_size = info->page_size;
	src->info.pieces = d->setup.chunks;
	src->info.model = models[d->setup.model];
	src->info.caps = ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET | (d->map ? ZCDMA_CAP_MEMORY : 0);
	src->info.lossy = d->setup.rate;
	src->info.bounced = d->setup.bounced;
	if (d->setup.model == ZCDMA_DEV_COHERENT)
		src->fault_hint = zc_dev_fault_hint;
}

/* Returns as many blocks as the rate needs, in half of RLIMIT_MEMLOCK, but at least 16. */
static uint64_t default_blocks(const struct dev_options *o, const struct zcdma_dev_info *info)
{
	const uint64_t least = 16, size = zc_max(o->block_size, 1);
	uint64_t blocks = zc_ring_default_blocks(o->rate, size);
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		blocks = zc_max(zc_min(blocks, limit.rlim_cur / 2 / size), least);
	return zc_min(blocks, info->blocks_max);
}

static int dev_open(struct zcdma_source *src, const char *arg)
{
	struct dev *d = (struct dev *)src;
	int rc;

	d->opt = (struct dev_options){ .model = UNSET, .blocks = UNSET, .block_size = 1 << 20 };
	arg = split_path(arg, d->path, sizeof(d->path));
	rc = zc_source_options_parse(src, arg);
	if (rc)
		return rc;
	d->fd = zc_dev_open(d->src.ctx, d->path, O_RDONLY);
	if (d->fd < 0)
		return d->fd;
	rc = get_info(d, d->path, &d->info);
	if (rc) {
		close(d->fd);
		return rc;
	}
	if (d->info.flags & ZCDMA_DEV_INFO_OUT) {
		close(d->fd);
		return zc_fail_plain(d->src.ctx, EINVAL,
				     "open %s: the device plays data, and captures none", d->path);
	}
	src->info.endless = true;
	src->info.simulated = !strcmp(d->info.source, "sim"); /* kmod/drivers/sim.c */
	return 0;
}

/* Open the device again for a second ring: a ring belongs to an open file, and so does the right to map it for writing. */
static int open_again(struct dev *d, unsigned uses)
{
	int fd;

	if (!(uses & ZC_USE_WRITE) && !d->setup.size)
		return 0;
	fd = zc_dev_open(d->src.ctx, d->path, uses & ZC_USE_WRITE ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return fd;
	close(d->fd);
	d->fd = fd;
	return 0;
}

static int dev_activate(struct zcdma_source *src, unsigned uses)
{
	struct dev *d = (struct dev *)src;
	struct dev_options o = d->opt;
	int rc = open_again(d, uses);

	if (rc)
		return rc;
	if (o.model == UNSET)
		o.model = d->info.default_model;
	if (o.blocks == UNSET)
		o.blocks = default_blocks(&o, &d->info);
	rc = check_limits(d, &o, &d->info);
	if (!rc)
		rc = set_up(d, d->path, &o, &d->info);
	if (!rc)
		rc = map_ring(d, d->path, uses);
	if (rc)
		return rc;
	describe(d, &d->info);
	return 0;
}

static void dev_deactivate(struct zcdma_source *src)
{
	struct dev *d = (struct dev *)src;

	if (d->map)
		munmap(d->map, d->setup.ring_bytes);
	d->map = NULL;
	src->poll_fd = -1;
}

/*
 * The source's operations
 */

/* Set the error message for a call that failed. */
static int fail(struct dev *d, int err, const char *what)
{
	zc_fail(d->src.ctx, err, "%s %s", what, d->src.name);
	if (err == ENODEV)
		zc_hint(d->src.ctx, "the device was removed, or its driver unbound");
	return -err;
}

static int dev_start(struct zcdma_source *src)
{
	struct dev *d = (struct dev *)src;

	return ioctl(d->fd, ZCDMA_IOC_START, 0) ? fail(d, errno, "start") : 0;
}

/* End the stream before a failed block, none of whose data is good. */
static int failed_block(struct dev *d, const struct zcdma_dev_block *k)
{
	struct zcdma_dev_give give = { .size = sizeof(give), .index = k->index };
	struct zcdma_ctx *ctx = d->src.ctx;

	ioctl(d->fd, ZCDMA_IOC_GIVE, &give);
	zc_fail_plain(ctx, EIO, "read %s: the device could not fill the block at offset %llu: %s",
		      d->src.name, (unsigned long long)k->offset, strerror((int)k->error));
	zc_hint(ctx, "the kernel log may tell more (dmesg); the next start begins anew");
	return -EIO;
}

static int dev_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct dev *d = (struct dev *)src;
	struct zcdma_dev_block k = { .size = sizeof(k) };

	(void)max;
	if (d->error)
		return fail(d, -d->error, "give a block back to");
	if (ioctl(d->fd, ZCDMA_IOC_TAKE, &k)) {
		if (errno == ENODATA)
			return 0;
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : fail(d, errno, "read");
	}
	if (k.flags & ZCDMA_DEV_BLOCK_ERROR)
		return failed_block(d, &k);
	*b = (struct zcdma_block){
		.data = d->map ? d->map + k.mmap_offset : NULL,
		.len = k.length,
		.offset = k.offset,
		.seq = k.seq,
		.time_ns = k.time_ns,
		.index = k.index,
		.flags = (k.flags & ZCDMA_DEV_BLOCK_LOST ? ZCDMA_BLOCK_LOST : 0) |
			 (k.flags & ZCDMA_DEV_BLOCK_GAP ? ZCDMA_BLOCK_DISCONTINUITY : 0),
		.fd = d->fd,
		.fd_offset = (int64_t)k.position,
	};
	return 1;
}

/* Put a block back, however: the driver waits for what is still in flight. */
static void dev_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct dev *d = (struct dev *)src;
	struct zcdma_dev_give give = { .size = sizeof(give), .index = b->index };

	(void)how;
	if (ioctl(d->fd, ZCDMA_IOC_GIVE, &give))
		d->error = -errno;
}

static void dev_stop(struct zcdma_source *src)
{
	/* A device that is gone has stopped. */
	ioctl(((struct dev *)src)->fd, ZCDMA_IOC_STOP, 0);
}

static void dev_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct dev *d = (struct dev *)src;
	struct zcdma_dev_stats s = { .size = sizeof(s) };

	/* If the device is gone, report its last figures. */
	if (!ioctl(d->fd, ZCDMA_IOC_STATS, &s))
		d->stats = s;
	stats->overruns = d->stats.overruns;
	stats->lost_bytes = d->stats.lost_bytes;
	stats->next_seq = d->stats.next_seq;
	stats->busy_at_release = d->stats.busy_at_release;
	stats->driver_copied_bytes = d->stats.splice_copied_bytes;
}

static int dev_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	const struct dev *d = (const struct dev *)src;

	*desc = (struct zc_ring_desc){
		.kind = ZC_RING_DEVICE,
		.blocks = d->setup.blocks,
		.block_size = d->setup.block_size,
		.stride = d->setup.stride,
		.page_size = src->info.page_size,
	};
	return d->fd;
}

static void dev_close(struct zcdma_source *src)
{
	close(((struct dev *)src)->fd);
}

const struct zc_source_ops zc_source_dev = {
	.type = {
		.name = "dev",
		.syntax = "dev:[PATH,model=NAME,blocks=N,block=SIZE,rate=SIZE,seed=N,policy=NAME]",
		.summary = "a device of the driver, whose ring every way of sending accepts",
		.tracks_pages = true,
		.memory = "model",
		.memories = models,
	},
	.size = sizeof(struct dev),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct dev, opt),
	.open = dev_open,
	.activate = dev_activate,
	.deactivate = dev_deactivate,
	.start = dev_start,
	.next = dev_next,
	.put = dev_put,
	.stop = dev_stop,
	.get_stats = dev_get_stats,
	.share = dev_share,
	.close = dev_close,
};
