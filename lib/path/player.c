// SPDX-License-Identifier: LGPL-2.1-or-later
/* A device that plays: its ring, and blocks on their way to it and back. <linux/zcdma.h> has the rules. */
#include "path/player.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/dev_node.h"

bool zc_player_is_named(const char *address)
{
	if (strncmp(address, "dev:", 4))
		return zc_dev_is(address);
	/* A host may have that name, too. */
	return address[4] < '0' || address[4] > '9';
}

/*
 * Opening
 */

static int parse(struct zc_player *p, const char *address)
{
	const char *arg =
		zc_dev_ring_init(&p->ring, address + (strncmp(address, "dev:", 4) ? 0 : 4));
	uint64_t seen = 0;
	const struct zc_options o = {
		.ctx = p->ring.ctx,
		.kind = p->ring.kind,
		.name = p->name,
		.taker = "dev:",
		.sets[0] = {
			.table = zc_dev_options,
			.count = ZC_DEV_OPTIONS,
			.stride = sizeof(zc_dev_options[0]),
			.values = &p->ring.opt,
			.seen = &seen,
		},
	};

	return zc_options_parse(&o, arg);
}

static int check_direction(struct zc_player *p)
{
	struct zcdma_ctx *ctx = p->ring.ctx;

	if (p->ring.info.flags & ZCDMA_DEV_INFO_OUT)
		return 0;
	zc_fail_plain(ctx, EINVAL, "play to %s: %s is a capture device: it plays nothing", p->name,
		      p->ring.path);
	zc_hint(ctx,
		"/sys/class/zcdma/*/source names each device; to read from this one: zcdma capture dev:%s",
		p->ring.path);
	return -EINVAL;
}

/* Take all blocks. */
static int make_pool(struct zc_player *p)
{
	const struct zcdma_dev_setup *setup = &p->ring.setup;
	const struct zc_ring ring = {
		.fd = -1,
		.base = p->ring.map,
		.block_size = (size_t)setup->block_size,
		.stride = (size_t)setup->stride,
		.blocks = setup->blocks,
		.page_size = p->ring.info.page_size,
	};
	int rc = zc_pool_of_ring(p->ring.ctx, &p->pool, &ring);

	p->block = calloc(ring.blocks, sizeof(*p->block));
	if (!rc && !p->block)
		rc = zc_fail(p->ring.ctx, ENOMEM, "a ring of %u blocks", ring.blocks);
	for (unsigned i = 0; !rc && i < ring.blocks; i++) {
		struct zcdma_dev_block k = { .size = sizeof(k) };

		if (ioctl(p->ring.fd, ZCDMA_IOC_TAKE, &k))
			rc = zc_dev_ring_fail(&p->ring, errno, "take a block of");
	}
	return rc;
}

static int open_ring(struct zc_player *p, const char *address)
{
	int rc = parse(p, address);

	if (!rc)
		rc = zc_dev_ring_open(&p->ring, O_RDWR);
	if (rc == -EOPNOTSUPP)
		zc_hint(p->ring.ctx,
			"no module is loaded that has this device: modprobe zcdma_sim sinks=1 makes a simulated one that plays, /dev/zcdma1");
	if (!rc)
		rc = check_direction(p);
	return rc ? rc : zc_dev_ring_set_up(&p->ring);
}

int zc_player_hold(struct zc_player *p)
{
	int rc = zc_dev_ring_map(&p->ring, PROT_READ | PROT_WRITE);

	return rc ? rc : make_pool(p);
}

int zc_player_open(struct zcdma_ctx *ctx, const char *address, struct zc_player **out)
{
	struct zc_player *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return zc_fail(ctx, ENOMEM, "play to %s", address);
	p->ring.ctx = ctx;
	p->ring.kind = "device";
	p->ring.fd = -1;
	p->name = strdup(address);
	p->ring.name = p->name;
	rc = p->name ? open_ring(p, address) : zc_fail(ctx, ENOMEM, "play to %s", address);
	if (rc)
		zc_player_close(p);
	else
		*out = p;
	return rc;
}

void zc_player_close(struct zc_player *p)
{
	zc_player_stop(p);
	zc_drain_end(&p->drain);
	zc_pool_free(&p->pool);
	free(p->block);
	zc_dev_ring_unmap(&p->ring);
	if (p->ring.fd >= 0)
		close(p->ring.fd);
	free(p->name);
	free(p);
}

/*
 * Blocks
 */

int64_t zc_player_find(const struct zc_player *p, const void *data)
{
	const struct zc_ring *ring = &p->pool.ring;
	const uintptr_t base = (uintptr_t)ring->base, at = (uintptr_t)data;

	if (at < base || at - base >= ring->stride * ring->blocks || (at - base) % ring->stride)
		return -ENOENT;
	return (int64_t)((at - base) / ring->stride);
}

int zc_player_give(struct zc_player *p, uint32_t index, size_t len)
{
	struct zcdma_dev_give give = { .size = sizeof(give), .index = index, .length = len };
	struct zc_queued *q = &p->block[index];

	q->given_ns = zc_now_ns();
	if (ioctl(p->ring.fd, ZCDMA_IOC_GIVE, &give))
		return zc_dev_ring_fail(&p->ring, errno, "play to");
	q->queued = true;
	p->at_device++;
	return 0;
}

int zc_player_start(struct zc_player *p)
{
	if (p->started)
		return 0;
	if (ioctl(p->ring.fd, ZCDMA_IOC_START, 0))
		return zc_dev_ring_fail(&p->ring, errno, "start");
	p->started = true;
	return 0;
}

/* Note that a block was played at @played_ns, which is not later than its queueing where it was dropped. */
static void count_played(struct zc_player *p, const struct zc_queued *q, uint64_t played_ns)
{
	uint64_t ns;

	if (played_ns < q->given_ns)
		return;
	ns = played_ns - q->given_ns;
	p->zeros_played += q->zeros;
	p->blocks_timed++;
	p->queued_ns += ns;
	p->queued_max_ns = zc_max(p->queued_max_ns, ns);
}

static int64_t unqueue(struct zc_player *p, uint32_t index)
{
	p->block[index].queued = false;
	p->at_device--;
	return index;
}

/* Take back what was dropped. */
static int64_t take_dropped(struct zc_player *p)
{
	for (uint32_t i = 0; i < p->pool.ring.blocks; i++) {
		if (p->block[i].queued)
			return unqueue(p, i);
	}
	return -EAGAIN;
}

int64_t zc_player_take(struct zc_player *p)
{
	struct zcdma_dev_block k = { .size = sizeof(k) };

	if (p->idle)
		return take_dropped(p);
	if (!p->at_device)
		return -EAGAIN;
	if (ioctl(p->ring.fd, ZCDMA_IOC_TAKE, &k)) {
		if (errno == EAGAIN || errno == EINTR)
			return -EAGAIN;
		return zc_dev_ring_fail(&p->ring, errno, "play to");
	}
	count_played(p, &p->block[k.index], k.time_ns);
	return unqueue(p, k.index);
}

/*
 * What the device says
 */

int zc_player_check(struct zc_player *p)
{
	struct zc_dev_ring *ring = &p->ring;
	int rc;

	if (p->underrun != ZCDMA_UNDERRUN_STOP)
		return 0;
	zc_dev_ring_look(ring);
	if (!ring->stats.underruns)
		return 0;
	rc = zc_fail_plain(ring->ctx, ENODATA,
			   "play to %s: after %llu bytes the device had nothing to play", p->name,
			   (unsigned long long)ring->stats.bytes);
	zc_hint(ring->ctx, "a larger ring (blocks=N) bridges longer delays of the source");
	return rc;
}

void zc_player_count(struct zc_player *p, struct zcdma_path_stats *s)
{
	const struct zcdma_dev_stats *dev = &p->ring.stats;

	if (!p->idle)
		zc_dev_ring_look(&p->ring);
	s->plays = true;
	s->played_bytes = dev->bytes - zc_min(dev->bytes, p->zeros_played);
	s->failed_blocks = dev->failed;
	s->underruns = dev->underruns;
	s->underrun_bytes = dev->underrun_bytes;
	/* The device had nothing to play at times, and does not say whether it needed something then. */
	if (dev->gaps && !dev->underruns)
		s->underruns = s->underrun_bytes = ZCDMA_UNKNOWN;
	s->queued_mean_ns = p->blocks_timed ? p->queued_ns / p->blocks_timed : ZCDMA_UNKNOWN;
	s->queued_max_ns = p->blocks_timed ? p->queued_max_ns : ZCDMA_UNKNOWN;
}

/*
 * The end
 */

/* Set the error message for what the device did not play. */
static int not_played(struct zc_player *p)
{
	const unsigned long long failed = p->ring.stats.failed;
	int rc;

	if (failed)
		rc = zc_fail_plain(p->ring.ctx, EIO,
				   "play to %s: the device failed with %llu block%s", p->name,
				   failed, failed == 1 ? "" : "s");
	else
		rc = zc_fail_plain(p->ring.ctx, EIO,
				   "play to %s: the device halted before it had played all",
				   p->name);
	zc_hint(p->ring.ctx, "the kernel log may tell more (dmesg)");
	return rc;
}

int zc_player_drain(struct zc_player *p, int timeout_ms)
{
	int rc = zc_drain(p->ring.ctx, &p->drain, p->ring.fd, timeout_ms);

	if (rc == -EINTR || rc == -ETIMEDOUT)
		return rc;
	zc_dev_ring_look(&p->ring);
	if (rc == -EIO)
		return not_played(p);
	return rc ? zc_dev_ring_fail(&p->ring, -rc, "play to") : 0;
}

void zc_player_drop(struct zc_player *p, uint32_t index)
{
	p->block[index].queued = true;
	p->at_device++;
}

void zc_player_stop(struct zc_player *p)
{
	/* A device that is gone has stopped. */
	if (!p->idle && p->ring.fd >= 0)
		ioctl(p->ring.fd, ZCDMA_IOC_STOP, 0);
	if (!p->idle)
		zc_dev_ring_look(&p->ring);
	p->idle = true;
}
