// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * copy, to a device that plays. A source that can fills the blocks of the device's ring, and then nothing is copied here: its
 * blocks are queued as they are. The bytes of any other block are copied into the ring. Blocks are queued whole, as the device is the steadier for it, but for the last one.
 */
#include "path/play.h"

#include <string.h>

#include "path/player.h"

struct play {
	struct zcdma_path path;
	struct zc_player *player;
	struct zc_error error; /* or .rc 0 */
	bool ended;	       /* no more data comes */
	/* A block that is not queued yet, as more fits into it. */
	struct {
		bool open;
		uint32_t index;
		size_t len;
	} rest;
};

static int keep_error(struct play *p, int rc)
{
	if (rc && !p->error.rc)
		zc_error_keep(&p->error, p->path.ctx, rc);
	return rc;
}

/*
 * Queueing
 */

/*
 * Queue a block. The device starts once half of the ring is queued: the first block would be played long before the
 * second has come.
 */
static int give(struct play *p, uint32_t index, size_t len)
{
	struct zc_player *player = p->player;
	int rc = zc_player_give(player, index, len);

	p->path.stats.calls++;
	if (!rc && player->at_device >= (player->pool.ring.blocks + 1) / 2)
		rc = zc_player_start(player);
	return rc;
}

/* Queue the rest, as @len bytes, with zeros after what there is of it. */
static int give_rest(struct play *p, size_t len)
{
	const size_t zeros = len - p->rest.len;

	memset(zc_player_block(p->player, p->rest.index) + p->rest.len, 0, zeros);
	p->player->block[p->rest.index].zeros = zeros;
	p->rest.open = false;
	return give(p, p->rest.index, len);
}

static void open_rest(struct play *p, uint32_t index, size_t len, uint64_t ticket)
{
	struct zc_queued *q = &p->player->block[index];

	*q = (struct zc_queued){ .ticket = ticket };
	p->rest.open = true;
	p->rest.index = index;
	p->rest.len = len;
}

static bool has_room(const struct play *p)
{
	return p->rest.open || p->player->pool.unused_count;
}

/* Copy some of @b. Returns 0, -EAGAIN if no block is empty, or another negative errno. */
static int copy_some(struct play *p, const struct zcdma_block *b)
{
	struct zc_pool *pool = &p->player->pool;
	size_t len;

	if (!has_room(p))
		return -EAGAIN;
	if (!p->rest.open)
		open_rest(p, zc_pool_take(pool), 0, 0);
	len = zc_min(b->len - p->path.sent, pool->ring.block_size - p->rest.len);
	memcpy(zc_player_block(p->player, p->rest.index) + p->rest.len,
	       (const unsigned char *)b->data + p->path.sent, len);
	p->rest.len += len;
	p->path.sent += len;
	p->path.stats.gathered_bytes += len;
	zc_path_arrived(&p->path, len);
	return p->rest.len == pool->ring.block_size ? give_rest(p, p->rest.len) : 0;
}

/* Queue a block that was filled in place; one of an odd length has what follows appended. */
static int play_in_place(struct play *p, const struct zcdma_block *b, uint32_t index)
{
	const size_t align = p->player->ring.info.length_align;
	int rc;

	open_rest(p, index, b->len, b->ticket);
	rc = align > 1 && b->len % align ? 0 : give_rest(p, b->len);
	if (rc)
		return rc;
	p->path.stats.pending_blocks++;
	zc_path_arrived(&p->path, b->len);
	return 0;
}

static int play_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct play *p = (struct play *)path;
	int64_t index = zc_player_find(p->player, b->data);
	int rc = p->error.rc ? zc_error_again(&p->error, path->ctx) : zc_player_check(p->player);

	if (p->player->idle)
		rc = zc_fail_plain(path->ctx, ECANCELED, "play to %s: it was stopped",
				   p->player->name);
	if (!rc && index >= 0 && !p->rest.open && !path->sent) {
		rc = play_in_place(p, b, (uint32_t)index);
		return rc ? keep_error(p, rc) : ZC_SENT_QUEUED;
	}
	while (!rc && path->sent < b->len)
		rc = copy_some(p, b);
	if (rc == -EAGAIN)
		return ZC_SENT_BUSY;
	return rc ? keep_error(p, rc) : ZC_SENT_DONE;
}

/* Queue zeros, as the device is about to have nothing else: what is there of a block, and zeros up to its end. */
static int give_zeros(struct play *p)
{
	struct zc_pool *pool = &p->player->pool;

	if (!p->rest.open)
		open_rest(p, zc_pool_take(pool), 0, 0);
	p->path.stats.zero_bytes += pool->ring.block_size - p->rest.len;
	return give_rest(p, pool->ring.block_size);
}

/*
 * The caller is about to sleep. A source that waits for its blocks to come back makes no more of the ring full. With one
 * block in the device, and none after it, zeros would come too late.
 */
static int play_flush(struct zcdma_path *path)
{
	struct play *p = (struct play *)path;
	struct zc_player *player = p->player;

	if (p->error.rc || player->idle || p->ended)
		return 0;
	if (player->at_device && path->src->starved)
		keep_error(p, zc_player_start(player));
	while (player->underrun == ZCDMA_UNDERRUN_ZERO && player->started &&
	       player->at_device < 2 && has_room(p) && !p->error.rc)
		keep_error(p, give_zeros(p));
	return 0;
}

/*
 * Blocks that come back
 */

static int play_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	struct play *p = (struct play *)path;
	int64_t index;

	while ((index = zc_player_take(p->player)) >= 0) {
		const uint64_t ticket = p->player->block[index].ticket;

		keep_error(p, zc_player_check(p->player));
		if (ticket) {
			path->stats.pending_blocks--;
			*b = (struct zcdma_block){ .ticket = ticket };
			return 1;
		}
		zc_pool_put(&p->player->pool, (uint32_t)index, ZC_PUT_REUSE);
	}
	if (index != -EAGAIN)
		keep_error(p, (int)index);
	return 0;
}

/* A block that was played makes room, and is a completion. */
static unsigned play_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	const struct zc_player *player = ((const struct play *)path)->player;

	(void)what;
	if (!player->at_device || player->idle)
		return 0;
	*p = (struct pollfd){ .fd = player->ring.fd, .events = POLLOUT };
	return 1;
}

static int play_attend(struct zcdma_path *path, short events)
{
	struct play *p = (struct play *)path;

	if (!p->error.rc && events & (POLLERR | POLLHUP))
		keep_error(p, zc_dev_ring_fail(&p->player->ring, ENODEV, "play to"));
	else if (!p->error.rc && !p->ended)
		keep_error(p, zc_player_check(p->player));
	return p->error.rc ? zc_error_again(&p->error, path->ctx) : 0;
}

/*
 * The end
 */

/* Queue what is left, and wait until it is played. */
static int drain(struct play *p, uint64_t deadline_ns)
{
	struct zc_player *player = p->player;
	const size_t align = zc_max(player->ring.info.length_align, 1u);
	int rc = 0;

	if (p->rest.open) {
		const size_t len = (p->rest.len + align - 1) / align * align;

		p->path.stats.padded_bytes += len - p->rest.len;
		rc = give_rest(p, len);
	}
	if (!rc && player->at_device)
		rc = zc_player_start(player);
	if (rc || !player->started)
		return rc;
	return zc_player_drain(player, zc_time_left(deadline_ns));
}

/* Drop what is queued, and what is left. */
static void play_drop(struct zcdma_path *path)
{
	struct play *p = (struct play *)path;

	if (p->rest.open)
		zc_player_drop(p->player, p->rest.index);
	p->rest.open = false;
	zc_player_stop(p->player);
}

static int play_finish(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	struct play *p = (struct play *)path;
	int rc;

	p->ended = true;
	if (!complete || p->error.rc || p->player->idle) {
		play_drop(path);
		return 0;
	}
	rc = drain(p, deadline_ns);
	return rc == -EINTR || rc == -ETIMEDOUT ? rc : keep_error(p, rc);
}

static void play_get_stats(const struct zcdma_path *path, struct zcdma_path_stats *s)
{
	zc_player_count(((const struct play *)path)->player, s);
	if (s->gathered_bytes && !s->copies_reason)
		s->copies_reason = "blocks from outside the ring of the device are copied into it";
	if (s->gathered_bytes && !s->copies_hint)
		s->copies_hint = "--path=vmsplice has the device fetch them, if it can";
}

/* Have a source give up its ring. */
static void deactivate(struct zcdma_source *src)
{
	if (src->active)
		src->ops->deactivate(src);
	src->active = false;
}

/* Close the device, which a source that filled its ring gives up before. Returns whether it did. */
static bool close_player(struct zc_player *player, struct zcdma_source *src)
{
	const bool filled = src->target == &player->pool;

	if (filled) {
		deactivate(src);
		src->target = NULL;
	}
	zc_player_close(player);
	return filled;
}

/* Its blocks end with the ring, and the source with them. */
static void play_close(struct zcdma_path *path)
{
	struct zcdma_source *src = path->src;

	if (close_player(((struct play *)path)->player, src))
		src->stopped = true;
}

static const struct zc_path_ops zc_path_play = {
	.type = {
		.name = "copy",
		.summary = "blocks of a device that plays",
		.required_caps = ZCDMA_CAP_MEMORY,
	},
	.size = sizeof(struct play),
	.send = play_send,
	.reap = play_reap,
	.poll = play_poll,
	.attend = play_attend,
	.flush = play_flush,
	.drop = play_drop,
	.finish = play_finish,
	.get_stats = play_get_stats,
	.close = play_close,
};

/*
 * Opening
 */

/* Returns whether @src can fill the ring of a device. */
static bool fills(const struct zcdma_source *src)
{
	return src->ops->fills_target && !src->info.framed && !src->paths && !src->started;
}

/* Make the source's ring: that of the device where it can fill that. */
static int prepare(struct zcdma_source *src, struct zc_player *player)
{
	if (fills(src) && !src->target) {
		deactivate(src);
		src->target = &player->pool;
	}
	/* What a file holds is read, also where it is copied: cutting it short must not raise SIGBUS. */
	return zc_source_activate(src, ZC_USE_READ);
}

/* Open the path that has blocks of the ring filled. @player is the path's where that succeeds, else it is closed. */
static int open_copy(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zc_player *player,
		     struct zcdma_path **out)
{
	const struct zc_path_to to = { .fd = player->ring.fd };
	int rc = zc_player_hold(player);

	if (!rc)
		rc = prepare(src, player);
	if (!rc)
		rc = zc_path_new(ctx, &zc_path_play, src, &to, out);
	if (rc)
		close_player(player, src);
	else
		((struct play *)*out)->player = player;
	return rc;
}

/*
 * Returns the path that suits the source. What has to be read is read into the device's ring: the blocks come back one by
 * one, and what is played of a file is what it held when it was read. But through a pipe a ring may come, whose pages the
 * device can fetch.
 */
static const struct zc_path_ops *choose(const struct zcdma_source *src,
					const struct zc_player *player)
{
	const bool may_bring_a_ring = src->ops == &zc_source_stdin && !src->repeats;

	if (!player->ring.info.frags_max || (fills(src) && !may_bring_a_ring))
		return &zc_path_copy;
	return &zc_path_vmsplice;
}

int zc_path_open_device(struct zcdma_ctx *ctx, struct zcdma_source *src,
			const struct zc_path_ops *ops, const char *address, struct zcdma_path **out)
{
	struct zc_player *player;
	int rc;

	if (ops && ops != &zc_path_copy && ops != &zc_path_vmsplice && ops != &zc_path_splice) {
		rc = zc_fail_plain(ctx, EINVAL, "path %s to %s: it is not for a device",
				   ops->type.name, address);
		zc_hint(ctx, "use --path=copy, --path=vmsplice or --path=splice");
		return rc;
	}
	rc = zc_player_open(ctx, address, &player);
	if (rc)
		return rc;
	if (!ops)
		ops = choose(src, player);
	return ops == &zc_path_copy ? open_copy(ctx, src, player, out)
				    : zc_play_splice_open(ctx, src, ops, player, out);
}

/* Returns whether it is a simulated device without a rate. */
static bool has_no_pace(const struct zc_dev_ring *ring)
{
	return ring->info.flags & ZCDMA_DEV_INFO_PACED && !ring->setup.rate;
}

static int refuse_zeros(const struct zcdma_path *path, struct zc_player *player)
{
	int rc;

	if (path->fetcher) {
		rc = zc_fail_plain(path->ctx, EINVAL,
				   "play zeros to %s: path %s leaves the blocks to the driver",
				   player->name, path->ops->type.name);
		zc_hint(path->ctx, "use --path=copy");
		return rc;
	}
	if (has_no_pace(&player->ring)) {
		rc = zc_fail_plain(
			path->ctx, EINVAL,
			"play zeros to %s: it plays as fast as data comes, and never lacks any",
			player->name);
		zc_hint(path->ctx, "give the simulated device a pace: rate=SIZE");
		return rc;
	}
	/* One block in the device, one of zeros after it, and one to fill. */
	if (player->pool.ring.blocks >= 3)
		return 0;
	rc = zc_fail_plain(path->ctx, EINVAL,
			   "play zeros to %s: its ring has %u blocks, and that takes 3",
			   player->name, player->pool.ring.blocks);
	zc_hint(path->ctx, "add blocks=3 or more to the device");
	return rc;
}

ZC_PUBLIC int zcdma_path_set_underrun(struct zcdma_path *path, enum zcdma_underrun underrun)
{
	struct zc_player *player =
		path->ops == &zc_path_play ? ((struct play *)path)->player : path->fetcher;
	int rc = 0;

	if (!player)
		return zc_fail_plain(path->ctx, EINVAL, "underruns of %s: it plays nothing",
				     path->sink.name);
	if (underrun == ZCDMA_UNDERRUN_ZERO)
		rc = refuse_zeros(path, player);
	if (rc)
		return rc;
	player->underrun = underrun;
	path->naps = underrun == ZCDMA_UNDERRUN_STOP;
	return 0;
}
