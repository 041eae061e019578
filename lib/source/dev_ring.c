// SPDX-License-Identifier: LGPL-2.1-or-later
/* The ring of a device of the driver, whichever way its data goes: its options, its limits and its mapping. */
#include "source/dev_ring.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memory/ring.h"
#include "source/dev_node.h"

#define UNSET UINT64_MAX

/*
 * Options
 */

const char *const zc_dev_models[] = {
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
	return zc_option_name(text, zc_dev_models, value);
}

static int parse_policy(const char *text, uint64_t *value)
{
	return zc_option_name(text, policies, value);
}

/* Parse a number of 32 bits; the driver's limits are checked by check_limits(). */
static int parse_number(const char *text, uint64_t *value)
{
	int rc = zc_option_number(text, value);

	return rc ? rc : *value <= UINT32_MAX ? 0 : -ERANGE;
}

const struct zc_option zc_dev_options[ZC_DEV_OPTIONS] = {
	{ "model", offsetof(struct zc_dev_options, model), parse_model,
	  "coherent, pages, compound or scatter" },
	{ "blocks", offsetof(struct zc_dev_options, blocks), parse_number, "a number" },
	{ "block", offsetof(struct zc_dev_options, block_size), zcdma_size_parse,
	  "a size, for example 1M" },
	{ "rate", offsetof(struct zc_dev_options, rate), zc_option_rate,
	  "bytes per second, for example 360M" },
	{ "seed", offsetof(struct zc_dev_options, seed), zc_option_number,
	  "a number, decimal or 0x..." },
	{ "policy", offsetof(struct zc_dev_options, policy), parse_policy, "track or strict" },
	{ "timeout", offsetof(struct zc_dev_options, timeout_ns), zc_option_time,
	  "a time, for example 1ms" },
	{ "watermark", offsetof(struct zc_dev_options, watermark), parse_number,
	  "a number of blocks" },
	{ "node", offsetof(struct zc_dev_options, node), parse_number,
	  "a NUMA node, as in /sys/devices/system/node" },
	{ "together", offsetof(struct zc_dev_options, together), parse_number,
	  "a number of channels" },
};

bool zc_dev_ring_is_together(const struct zc_dev_ring *d)
{
	return d->opt.together != UNSET;
}

const char *zc_dev_ring_init(struct zc_dev_ring *d, const char *arg)
{
	size_t first = strcspn(arg, ",");

	d->opt = (struct zc_dev_options){ .model = UNSET,
					  .blocks = UNSET,
					  .node = UNSET,
					  .together = UNSET,
					  .block_size = 1 << 20 };
	if (!first || memchr(arg, '=', first) || first >= sizeof(d->path)) {
		snprintf(d->path, sizeof(d->path), "%s", ZC_DEV_FIRST);
		return arg;
	}
	memcpy(d->path, arg, first);
	d->path[first] = '\0';
	return arg + first + (arg[first] == ',');
}

/* Returns as many blocks as the rate needs, in half of RLIMIT_MEMLOCK, but at least 16. */
static uint64_t default_blocks(const struct zc_dev_ring *d)
{
	const uint64_t least = 16, size = zc_max(d->opt.block_size, 1);
	uint64_t blocks = zc_ring_default_blocks(d->opt.rate, size);
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		blocks = zc_max(zc_min(blocks, limit.rlim_cur / 2 / size), least);
	return zc_min(blocks, d->info.blocks_max);
}

static int out_of_limits(struct zc_dev_ring *d, const char *name, uint64_t value)
{
	return zc_fail_plain(d->ctx, EINVAL, "%s %s: %s=%llu is not valid", d->kind, d->name, name,
			     (unsigned long long)value);
}

static int check_rate(struct zc_dev_ring *d)
{
	const struct zc_dev_options *o = &d->opt;
	int rc;

	if (o->rate && !(d->info.flags & ZCDMA_DEV_INFO_PACED)) {
		rc = out_of_limits(d, "rate", o->rate);
		zc_hint(d->ctx, "%s keeps its own pace: only a simulated device takes a rate",
			d->info.source);
		return rc;
	}
	if (!o->block_size || o->rate / ZCDMA_DEV_RATE_BLOCKS <= o->block_size)
		return 0;
	rc = out_of_limits(d, "rate", o->rate);
	zc_hint(d->ctx, "the device %s at most %u blocks a second: take larger blocks",
		d->info.flags & ZCDMA_DEV_INFO_OUT ? "plays" : "fills", ZCDMA_DEV_RATE_BLOCKS);
	return rc;
}

static int check_timeout(struct zc_dev_ring *d)
{
	const uint64_t ns = d->opt.timeout_ns;

	if (!ns)
		return 0;
	if (!(d->info.flags & ZCDMA_DEV_INFO_TIMEOUT)) {
		zc_fail_plain(d->ctx, EOPNOTSUPP, "%s %s: %s delivers no block that is not full",
			      d->kind, d->name, d->info.source);
		zc_hint(d->ctx, "leave out timeout=, and make block= smaller");
		return -EOPNOTSUPP;
	}
	if (ns >= ZCDMA_DEV_TIMEOUT_MIN && ns <= ZCDMA_DEV_TIMEOUT_MAX)
		return 0;
	zc_fail_plain(d->ctx, EINVAL, "%s %s: timeout= is too %s", d->kind, d->name,
		      ns < ZCDMA_DEV_TIMEOUT_MIN ? "short" : "long");
	zc_hint(d->ctx, "timeout= takes a time from 50us to 3600s");
	return -EINVAL;
}

static int check_watermark(struct zc_dev_ring *d)
{
	int rc;

	if (d->opt.watermark <= d->opt.blocks)
		return 0;
	rc = out_of_limits(d, "watermark", d->opt.watermark);
	zc_hint(d->ctx, "the ring has %llu blocks", (unsigned long long)d->opt.blocks);
	return rc;
}

/* Only the kernel knows which nodes have memory. */
static int check_node(struct zc_dev_ring *d)
{
	char path[64];
	int rc;

	if (d->opt.node == UNSET)
		return 0;
	if (d->opt.model == ZCDMA_DEV_COHERENT)
		return zc_fail_plain(d->ctx, EINVAL, "%s %s: node= is not for model=coherent",
				     d->kind, d->name);
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%llu",
		 (unsigned long long)d->opt.node);
	if (!access(path, F_OK))
		return 0;
	rc = out_of_limits(d, "node", d->opt.node);
	zc_hint(d->ctx, "/sys/devices/system/node/has_memory lists the nodes of this machine");
	return rc;
}

static int check_together(struct zc_dev_ring *d)
{
	const uint32_t flags = d->info.flags;
	struct zc_dev_parent parent;
	unsigned channels;
	int rc;

	if (d->opt.together == UNSET)
		return 0;
	if (flags & ZCDMA_DEV_INFO_OUT || !(flags & ZCDMA_DEV_INFO_GROUP)) {
		zc_fail_plain(d->ctx, EOPNOTSUPP, "%s %s: %s does not start channels together",
			      d->kind, d->name,
			      flags & ZCDMA_DEV_INFO_OUT ? "a device that plays" : d->info.source);
		zc_hint(d->ctx, "leave out together=: each channel starts by itself then");
		return -EOPNOTSUPP;
	}
	if (!zc_dev_get_parent(d->fd, &parent))
		return zc_fail_plain(d->ctx, ENODEV, "%s %s: /sys does not show its device",
				     d->kind, d->name);
	channels = zc_min(zc_dev_count_channels(&parent), ZCDMA_DEV_GROUP_MAX);
	if (d->opt.together >= 2 && d->opt.together <= channels)
		return 0;
	rc = out_of_limits(d, "together", d->opt.together);
	if (channels < 2)
		zc_hint(d->ctx, "%s has one channel, which has no other to start with",
			parent.name);
	else
		zc_hint(d->ctx, "together= takes a number from 2 to %u, the channels of %s",
			channels, parent.name);
	return rc;
}

static int check_limits(struct zc_dev_ring *d)
{
	const struct zcdma_dev_info *info = &d->info;
	const struct zc_dev_options *o = &d->opt;
	char most[32];
	int rc;

	if (!(info->models & 1u << o->model))
		return zc_fail_plain(d->ctx, EOPNOTSUPP, "%s %s: this driver has no model %s",
				     d->kind, d->name, zc_dev_models[o->model]);
	if (o->policy == ZCDMA_DEV_STRICT && o->model == ZCDMA_DEV_COHERENT)
		return zc_fail_plain(d->ctx, EINVAL,
				     "%s %s: policy=strict is not for model=coherent", d->kind,
				     d->name);
	if (o->blocks < 2 || o->blocks > info->blocks_max) {
		rc = out_of_limits(d, "blocks", o->blocks);
		zc_hint(d->ctx, "blocks= takes a number from 2 to %u", info->blocks_max);
		return rc;
	}
	rc = check_rate(d);
	if (!rc)
		rc = check_timeout(d);
	if (!rc)
		rc = check_watermark(d);
	if (!rc)
		rc = check_node(d);
	if (!rc)
		rc = check_together(d);
	if (rc || (o->block_size && o->block_size <= info->block_size_max &&
		   !(o->block_size % info->block_align)))
		return rc;
	rc = out_of_limits(d, "block", o->block_size);
	zc_hint(d->ctx, "block= takes a multiple of %u bytes, up to %s", info->block_align,
		zcdma_size_format(info->block_size_max, most, sizeof(most)));
	return rc;
}

/*
 * The device
 */

int zc_dev_ring_open(struct zc_dev_ring *d, int access)
{
	int rc;

	d->fd = zc_dev_open(d->ctx, d->path, access);
	if (d->fd < 0)
		return d->fd;
	d->info = (struct zcdma_dev_info){ .size = sizeof(d->info) };
	if (!ioctl(d->fd, ZCDMA_IOC_INFO, &d->info))
		return 0;
	if (errno == ENOTTY) {
		rc = zc_fail_plain(d->ctx, ENOTTY, "open %s: not a zcdma device", d->path);
		zc_hint(d->ctx,
			"list its devices: ls /dev/zcdma*; of another driver use read:PATH");
	} else {
		rc = zc_fail(d->ctx, errno, "ask %s for its limits", d->path);
	}
	close(d->fd);
	d->fd = -1;
	return rc;
}

/* Report that the memory is in more pieces than the device takes. */
static int too_many_pieces(struct zc_dev_ring *d)
{
	const struct zcdma_dev_info *info = &d->info;
	char most[32];

	zc_fail_plain(
		d->ctx, EMSGSIZE,
		"%s %s: %s takes at most %u piece%s for a block, and with model=%s there are %u",
		d->kind, d->name, info->source, info->chunks_max, info->chunks_max == 1 ? "" : "s",
		zc_dev_models[d->opt.model], d->setup.chunks);
	zc_hint(d->ctx, "model=compound has pieces of up to %s: make block= smaller",
		zcdma_size_format(info->chunk_bytes_max, most, sizeof(most)));
	return -EMSGSIZE;
}

/* Set a hint why the driver refused the ring, if more is known than the errno. */
static void explain_refusal(struct zc_dev_ring *d, int err)
{
	const bool out = d->info.flags & ZCDMA_DEV_INFO_OUT;
	char most[32];

	if (err == EBUSY)
		zc_hint(d->ctx, "one program at a time may %s it; this names it: fuser -v %s",
			out ? "play to" : "capture from", d->path);
	if (err == EPERM)
		zc_hint(d->ctx,
			"RLIMIT_MEMLOCK leaves %s, which is enough for blocks=%u: raise it (ulimit -l)",
			zcdma_size_format(d->info.memlock_bytes, most, sizeof(most)),
			d->setup.blocks_fit);
	if (err == ENOMEM && d->info.flags & ZCDMA_DEV_INFO_LIMITED)
		zc_hint(d->ctx,
			"%s does not reach all of the memory; in what it reaches there was room for %u",
			d->info.source, d->setup.blocks_fit);
	else if (err == ENOMEM && d->setup.blocks_fit < 2)
		zc_hint(d->ctx, "choose smaller blocks: two of that size do not fit into memory");
	else if (err == ENOMEM)
		zc_hint(d->ctx, "use blocks=%u, which fit into memory", d->setup.blocks_fit);
}

static int set_up(struct zc_dev_ring *d)
{
	const struct zc_dev_options *o = &d->opt;
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
		.timeout_ns = o->timeout_ns,
		.watermark = (uint32_t)o->watermark,
		.flags = (o->node == UNSET ? 0 : ZCDMA_DEV_SETUP_NODE) |
			 (d->wants_control ? ZCDMA_DEV_SETUP_CONTROL : 0),
		.node = o->node == UNSET ? 0 : (int32_t)o->node,
	};
	if (!ioctl(d->fd, ZCDMA_IOC_SETUP, &d->setup))
		return 0;
	err = errno;
	if (err == EMSGSIZE)
		return too_many_pieces(d);
	zc_fail(d->ctx, err, "set up %u blocks of %s in %s", d->setup.blocks,
		zcdma_size_format(o->block_size, size, sizeof(size)), d->path);
	explain_refusal(d, err);
	return -err;
}

int zc_dev_ring_set_up(struct zc_dev_ring *d)
{
	int rc;

	if (d->opt.model == UNSET)
		d->opt.model = d->info.default_model;
	if (d->opt.blocks == UNSET)
		d->opt.blocks = default_blocks(d);
	rc = check_limits(d);
	return rc ? rc : set_up(d);
}

int zc_dev_ring_map(struct zc_dev_ring *d, int prot)
{
	void *map;

	/* A 64-bit kernel has rings that a 32-bit program cannot map. */
	if (d->setup.ring_bytes > SIZE_MAX)
		return zc_fail(d->ctx, ENOMEM, "map the ring of %s", d->path);
	map = mmap(NULL, d->setup.ring_bytes, prot, MAP_SHARED, d->fd, 0);
	if (map == MAP_FAILED)
		return zc_fail(d->ctx, errno, "map the ring of %s", d->path);
	d->map = map;
	return 0;
}

void zc_dev_ring_unmap(struct zc_dev_ring *d)
{
	if (d->map)
		munmap(d->map, d->setup.ring_bytes);
	d->map = NULL;
}

void zc_dev_ring_look(struct zc_dev_ring *d)
{
	struct zcdma_dev_stats s = { .size = sizeof(s) };

	if (!ioctl(d->fd, ZCDMA_IOC_STATS, &s))
		d->stats = s;
}

int zc_dev_ring_fail(struct zc_dev_ring *d, int err, const char *what)
{
	zc_fail(d->ctx, err, "%s %s", what, d->name);
	if (err == ENODEV)
		zc_hint(d->ctx, "the device was removed, or its driver unbound");
	return -err;
}
