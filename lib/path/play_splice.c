// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * vmsplice and splice, to a device that plays: it fetches the pages from the pipe's memory, and has them until they are
 * played. What it cannot fetch its driver copies, and counts by reason. No block of the ring is taken here, as each takes
 * the place of pages.
 */
#include <string.h>
#include <unistd.h>

#include "path/play.h"

/* By enum zcdma_dev_copied. */
static const char *const reasons[ZCDMA_DEV_COPIED_REASONS] = {
	[ZCDMA_DEV_COPIED_DEVICE] = "the device fetches nothing but memory of its ring",
	[ZCDMA_DEV_COPIED_ALIGN] = "the device takes no such address or length",
	[ZCDMA_DEV_COPIED_REACH] = "the device does not reach the memory",
	[ZCDMA_DEV_COPIED_PAGE] = "a reference does not keep such pages as they are",
	[ZCDMA_DEV_COPIED_MEMLOCK] = "the pages are beyond RLIMIT_MEMLOCK",
	[ZCDMA_DEV_COPIED_UNMAPPED] = "the kernel could not map the pages for the device",
	[ZCDMA_DEV_COPIED_BOUNCED] = "the kernel uses bounce buffers for the device",
};

/*
 * Starting
 */

/*
 * Returns whether there is enough for the device to start: half of its ring, unless the source waits before that for its
 * pages, as it does for each of its blocks, full or not.
 */
static bool has_enough(const struct zcdma_path *path)
{
	const struct zcdma_dev_setup *ring = &path->fetcher->ring.setup;
	const struct zcdma_source_info *info = &path->src->info;
	const uint64_t half = ring->block_size * ring->blocks / 2;
	const uint64_t source_half = (uint64_t)info->block_size * info->blocks / 2;

	if (!path->stats.bytes)
		return false;
	return path->stats.bytes >= (info->blocks ? zc_min(half, source_half) : half) ||
	       (info->blocks && path->stats.blocks > (info->blocks - 1) / 2);
}

/* A block that is not sent whole waits for one of the ring: it is full, if only with short blocks. */
int zc_play_flush(struct zcdma_path *path)
{
	return path->queued || has_enough(path) ? zc_player_start(path->fetcher) : 0;
}

int zc_play_fail(struct zcdma_path *path, int err)
{
	return zc_dev_ring_fail(&path->fetcher->ring, err, "play to");
}

/*
 * Waiting
 */

unsigned zc_play_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	/* That it is gone is reported without being asked for. */
	*p = (struct pollfd){ .fd = path->fetcher->ring.fd,
			      .events = what & ZC_WAIT_ROOM ? POLLOUT : 0 };
	return path->fetcher->idle ? 0 : 1;
}

int zc_play_attend(struct zcdma_path *path, short events)
{
	if (events & (POLLERR | POLLHUP))
		return zc_play_fail(path, ENODEV);
	return zc_player_check(path->fetcher);
}

/*
 * Counting
 */

static const char *main_reason(const struct zcdma_dev_stats *dev)
{
	size_t most = 0;

	for (size_t i = 1; i < ARRAY_SIZE(reasons); i++) {
		if (dev->splice_copied_by[i] > dev->splice_copied_by[most])
			most = i;
	}
	return reasons[most];
}

void zc_play_get_stats(const struct zcdma_path *path, struct zcdma_path_stats *s)
{
	const struct zcdma_dev_stats *dev = &path->fetcher->ring.stats;

	zc_player_count(path->fetcher, s);
	s->copied_bytes += zc_min(dev->splice_copied_bytes, s->bytes - s->copied_bytes);
	if (dev->splice_copied_bytes && !s->copies_reason)
		s->copies_reason = main_reason(dev);
}

/*
 * The end
 */

/* Write zeros after the end, up to what the device takes a multiple of. As zc_path_end(). */
static int pad(struct zcdma_path *path, uint64_t deadline_ns)
{
	static const unsigned char zeros[4096];
	struct zc_player *player = path->fetcher;
	const size_t align = zc_max(player->ring.info.length_align, 1u);
	size_t odd;
	ssize_t n;
	int rc = 0;

	while (!rc && (odd = (path->stats.bytes + path->stats.padded_bytes) % align)) {
		n = write(player->ring.fd, zeros, zc_min(align - odd, sizeof(zeros)));
		if (n >= 0)
			path->stats.padded_bytes += (size_t)n;
		else if (errno == EAGAIN || errno == EINTR)
			rc = zc_poll(path->ctx, player->ring.fd, POLLOUT,
				     zc_time_left(deadline_ns));
		else
			rc = zc_play_fail(path, errno);
	}
	return rc;
}

int zc_play_finish(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	struct zc_player *player = path->fetcher;
	int rc;

	if (!complete || player->idle) {
		zc_player_stop(player);
		return 0;
	}
	if (!path->stats.bytes)
		return 0;
	rc = zc_player_start(player);
	if (!rc)
		rc = pad(path, deadline_ns);
	if (rc)
		return rc;
	rc = zc_player_drain(player, zc_time_left(deadline_ns));
	if (!rc)
		player->zeros_played = path->stats.padded_bytes;
	return rc;
}

int zc_play_splice_open(struct zcdma_ctx *ctx, struct zcdma_source *src,
			const struct zc_path_ops *ops, struct zc_player *player,
			struct zcdma_path **out)
{
	const struct zc_path_to to = { .fd = player->ring.fd, .fetcher = player };
	int rc = zc_source_activate(src, zc_path_uses(&ops->type));

	if (!rc)
		rc = zc_path_new(ctx, ops, src, &to, out);
	if (rc)
		zc_player_close(player);
	return rc;
}
