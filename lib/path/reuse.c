// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rule of reuse: a block that was passed to a path goes back to its source when the path has proof that
 * nothing reads its pages, and in no other way. The proof is that a copying call returned, that a completion
 * came, or that another process released the block. A path without any gets the block's pages replaced.
 */
#include <string.h>

#include <zcdma/verify.h>

#include "path/path.h"
#include "source/memory.h"
#include "verify/manifest.h"

/* While stopping, how often to look whether a producer that goes on has had its time. */
#define STOPPING_MS 100

static struct zc_lent_block *at(const struct zcdma_path *path, uint32_t place)
{
	return &path->src->lent.block[place];
}

/*
 * A block goes back to its source
 */

static void give_back(struct zcdma_path *path, struct zc_lent_block *e, bool replace)
{
	struct zcdma_source *src = path->src;

	replace = (replace || path->ops->type.replaces_pages) && !path->unsafe_reuse;
	zcdma_hist_add(&path->sent_to_free, zc_now_ns() - e->sent_ns);
	zc_source_put(src, &e->b, replace ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	zc_lent_remove(&src->lent, e);
}

static void reap(struct zcdma_path *path)
{
	struct zcdma_block b;

	while (zc_path_reap(path, &b)) {
		struct zc_lent_block *e = zc_lent_find(&path->src->lent, b.ticket);

		if (e)
			give_back(path, e, b.flags & ZC_BLOCK_REPLACE);
	}
}

/*
 * The caller passes a block to the path
 */

static void enqueue(struct zcdma_path *path, struct zc_lent_block *e)
{
	uint32_t place = (uint32_t)(e - path->src->lent.block);

	e->next = ZC_LENT_NONE;
	if (path->queued++)
		at(path, path->last)->next = place;
	else
		path->first = place;
	path->last = place;
}

static struct zc_lent_block *dequeue(struct zcdma_path *path)
{
	struct zc_lent_block *e = at(path, path->first);

	path->first = e->next;
	path->queued--;
	return e;
}

static void accept_block(struct zcdma_path *path, struct zc_lent_block *e)
{
	e->sent_ns = zc_now_ns();
	/* The clock of a device, or of the other end of a hand-over, may be ahead. */
	zcdma_hist_add(&path->device_to_sent,
		       e->sent_ns > e->b.time_ns ? e->sent_ns - e->b.time_ns : 0);
	zc_lent_pass(&path->src->lent, e, path);
	enqueue(path, e);
}

/* Add a block to the manifest, whose error becomes the path's. Returns 0 or a negative errno. */
static int add_to_manifest(struct zcdma_path *path, const struct zcdma_block *b)
{
	int rc = path->manifest ? zcdma_manifest_add(path->manifest, b) : 0;
	struct zc_error error;

	if (!rc)
		return 0;
	zc_error_keep(&error, zc_manifest_ctx(path->manifest), rc);
	return zc_error_again(&error, path->ctx);
}

/* Note that the block at the front of the queue is sent whole. Returns 0, or an error of the manifest. */
static int sent_whole(struct zcdma_path *path, enum zc_sent how)
{
	struct zc_lent_block *e = dequeue(path);
	int rc = add_to_manifest(path, &e->b);

	path->stats.blocks++;
	path->stats.last_seq = e->b.seq;
	path->stats.sent_ns = zc_now_ns();
	if (how == ZC_SENT_DONE)
		give_back(path, e, false);
	return rc;
}

int zc_path_break(struct zcdma_path *path, int rc)
{
	if (path->failed.rc)
		return rc;
	return zc_error_keep(&path->failed, path->ctx, rc);
}

/* Send what is queued. Returns 0 when all of it is sent, -EAGAIN, or the error that broke the path off. */
static int push(struct zcdma_path *path)
{
	if (path->failed.rc)
		return zc_error_again(&path->failed, path->ctx);
	while (path->queued) {
		int rc = zc_path_try(path, &at(path, path->first)->b);

		if (rc == ZC_SENT_BUSY)
			return -EAGAIN;
		if (rc >= 0)
			rc = sent_whole(path, (enum zc_sent)rc);
		if (rc)
			return zc_path_break(path, rc);
	}
	return 0;
}

/* Push likewise, and wait for room. Returns -EINTR and -ETIMEDOUT too. */
static int push_until(struct zcdma_path *path, uint64_t deadline_ns)
{
	int rc;

	while ((rc = push(path)) == -EAGAIN) {
		rc = zc_wait(path->ctx, NULL, path, ZC_WAIT_ROOM, zc_time_left(deadline_ns));
		if (rc)
			return rc;
		reap(path);
	}
	return rc;
}

static void watch_path(struct zcdma_path *path)
{
	struct pollfd p[ZC_PATH_POLLS];

	if (path->watch)
		zc_watch_set(path->watch, p, zc_path_poll(path, zc_path_wants(path), p), false);
}

static void watch_source(struct zcdma_source *src)
{
	const struct pollfd p = { .fd = src->poll_fd, .events = src->poll_events };

	zc_watch_set(src->watch, &p, src->poll_fd >= 0 && !src->starved,
		     src->poll_fd < 0 && !src->starved);
	for (struct zcdma_path *path = src->paths; src->watch && path; path = path->next)
		watch_path(path);
}

/* Refuse a block that is not the caller's. Returns -EINVAL. */
static int refuse(const struct zcdma_source *src, const struct zcdma_block *b, const char *what)
{
	const struct zc_lent_block *e = zc_lent_find(&src->lent, b->ticket);

	return zc_fail_plain(
		src->ctx, EINVAL, "%s a block of %s: it %s", what, src->name,
		e ? "was sent already, and goes back by itself"
		  : "is not one that was delivered, or it was sent or released before");
}

/* Returns NULL if the block is not the caller's. */
static struct zc_lent_block *find_callers(const struct zcdma_source *src,
					  const struct zcdma_block *b)
{
	struct zc_lent_block *e = zc_lent_find(&src->lent, b->ticket);

	return e && e->state == ZC_LENT_CALLER ? e : NULL;
}

ZC_PUBLIC int zcdma_path_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct zc_lent_block *e = find_callers(path->src, b);
	int rc;

	if (!e)
		return refuse(path->src, b, "send");
	if (!path->timeout_ms && push(path) == -EAGAIN) {
		watch_path(path);
		return -EAGAIN;
	}
	accept_block(path, e);
	rc = path->timeout_ms ? push_until(path, zc_deadline(path->timeout_ms)) : push(path);
	watch_path(path);
	return rc == -EAGAIN ? 0 : rc;
}

ZC_PUBLIC int zcdma_path_flush(struct zcdma_path *path)
{
	int rc = push_until(path, zc_deadline(path->timeout_ms));

	watch_path(path);
	return rc == -ETIMEDOUT && !path->timeout_ms ? -EAGAIN : rc;
}

ZC_PUBLIC int zcdma_path_process(struct zcdma_path *path)
{
	int rc = zc_wait(path->ctx, NULL, path, zc_path_wants(path), 0);

	if (!rc || rc == -ETIMEDOUT || rc == -EINTR)
		rc = push(path);
	reap(path);
	watch_source(path->src);
	return rc == -EAGAIN ? 0 : rc;
}

ZC_PUBLIC int zcdma_path_fd(struct zcdma_path *path)
{
	int rc = path->watch ? 0 : zc_watch_new(path->ctx, &path->watch);

	if (rc)
		return rc;
	watch_path(path);
	return path->watch->fd;
}

/*
 * The end
 */

static int reap_rest(struct zcdma_path *path)
{
	int rc = 0;

	reap(path);
	while (!rc && path->stats.pending_blocks) {
		rc = zc_wait(path->ctx, NULL, path, ZC_WAIT_COMPLETION, -1);
		reap(path);
	}
	return rc;
}

static int end(struct zcdma_path *path, bool complete)
{
	int rc;

	/* Datagrams are not acknowledged: what completes does so before the end is sent. */
	rc = path->datagram ? reap_rest(path) : 0;
	if (!rc)
		rc = zc_path_end(path, complete);
	if (rc)
		reap(path);
	return rc ? rc : reap_rest(path);
}

ZC_PUBLIC int zcdma_path_finish(struct zcdma_path *path)
{
	int rc = push_until(path, UINT64_MAX);

	return rc ? rc : end(path, true);
}

ZC_PUBLIC int zcdma_path_abandon(struct zcdma_path *path)
{
	int rc = path->failed.rc ? 0 : push_until(path, UINT64_MAX);

	return rc ? rc : end(path, false);
}

/*
 * Check that a queued block can go back when the path is closed: nothing was sent of it, its pages are replaced,
 * or the call that took a part of it copied that. Any other one may be in flight.
 */
static bool can_return(const struct zcdma_path *path, const struct zc_lent_block *e, bool begun)
{
	const struct zc_path_ops *ops = path->ops;

	return e->state == ZC_LENT_PATH && (!begun || ops->type.replaces_pages || !ops->reap);
}

static void give_up(struct zcdma_path *path)
{
	struct zc_lent *lent = &path->src->lent;
	bool begun = true;

	reap(path);
	for (; path->queued; begun = false) {
		struct zc_lent_block *e = dequeue(path);

		if (can_return(path, e, begun))
			give_back(path, e, false);
	}
	for (uint32_t i = 0; i < lent->size; i++) {
		if (lent->block[i].state == ZC_LENT_PATH && lent->block[i].path == path)
			zc_lent_lose(lent, &lent->block[i]);
	}
}

ZC_PUBLIC void zcdma_path_close(struct zcdma_path *path)
{
	if (!path)
		return;
	give_up(path);
	zc_path_delete(path);
}

/*
 * Settings
 */

ZC_PUBLIC void zcdma_path_set_timeout(struct zcdma_path *path, int timeout_ms)
{
	path->timeout_ms = timeout_ms;
}

ZC_PUBLIC void zcdma_path_set_manifest(struct zcdma_path *path, struct zcdma_manifest *manifest)
{
	path->manifest = manifest;
}

ZC_PUBLIC int zcdma_path_set_unsafe_reuse(struct zcdma_path *path)
{
	int rc;

	if (!path->src->info.tracks_pages) {
		path->unsafe_reuse = true;
		return 0;
	}
	rc = zc_fail_plain(path->ctx, EINVAL,
			   "unsafe reuse of %s: its driver waits for pages in flight by itself",
			   path->src->name);
	zc_hint(path->ctx, "sim: shows it");
	return rc;
}

ZC_PUBLIC void zcdma_path_get_latency(const struct zcdma_path *path,
				      struct zcdma_hist *device_to_sent,
				      struct zcdma_hist *sent_to_free)
{
	if (device_to_sent)
		*device_to_sent = path->device_to_sent;
	if (sent_to_free)
		*sent_to_free = path->sent_to_free;
}

ZC_PUBLIC void zcdma_path_reset_latency(struct zcdma_path *path)
{
	memset(&path->device_to_sent, 0, sizeof(path->device_to_sent));
	memset(&path->sent_to_free, 0, sizeof(path->sent_to_free));
}

/*
 * The source delivers a block to the caller
 */

/* Returns how many bytes the limit leaves: 0 once it is reached, SIZE_MAX without one. */
static size_t left_of_limit(const struct zcdma_source *src)
{
	uint64_t left;

	if (src->max_blocks && src->stats.blocks >= src->max_blocks)
		return 0;
	if (!src->max_bytes)
		return SIZE_MAX;
	left = src->max_bytes > src->stats.bytes ? src->max_bytes - src->stats.bytes : 0;
	return (size_t)zc_min(left, (uint64_t)SIZE_MAX);
}

/* Returns whether the caller holds all blocks that could be filled, and no path has one to give back. */
static bool is_held(const struct zcdma_source *src)
{
	const struct zc_lent *lent = &src->lent;

	return (src->starved && !lent->with_paths) ||
	       (!src->stopped && src->info.blocks && lent->with_caller >= src->info.blocks);
}

static int fail_held(const struct zcdma_source *src)
{
	int rc;

	if (!src->lent.with_caller)
		return zc_fail_plain(
			src->ctx, ENOBUFS,
			"next block of %s: nothing is submitted, and nothing in flight", src->name);
	rc = zc_fail_plain(src->ctx, ENOBUFS,
			   "next block of %s: the program holds %u, and no other is left",
			   src->name, src->lent.with_caller);
	zc_hint(src->ctx, "send each block, or release it");
	return rc;
}

/* Let the paths go on. Returns 0 or an error of one of them. */
static int go_on(struct zcdma_source *src)
{
	for (struct zcdma_path *path = src->paths; path; path = path->next) {
		int rc = path->queued ? push(path) : 0;

		reap(path);
		if (rc && rc != -EAGAIN)
			return rc;
	}
	return 0;
}

static int deliver(struct zcdma_source *src, size_t left, struct zcdma_block *b)
{
	if (b->len > left) {
		src->stats.bytes -= b->len - left;
		b->len = left;
	}
	zc_lent_add(&src->lent, b);
	return 1;
}

/* Returns as zcdma_source_next(), which @waits, without the wait. */
static int try_next(struct zcdma_source *src, struct zcdma_block *b, bool waits)
{
	size_t left;
	int rc;

	if (src->ctx->interrupted)
		return -EINTR;
	rc = go_on(src);
	if (rc)
		return rc;
	left = left_of_limit(src);
	if (!left)
		return 0;
	if (zc_lent_reserve(&src->lent))
		return zc_fail(src->ctx, ENOMEM, "next block of %s", src->name);
	rc = zc_source_take(src, left, b);
	if (rc == -EAGAIN && is_held(src) && (src->ops != &zc_source_memory || waits))
		return fail_held(src);
	return rc == 1 ? deliver(src, left, b) : rc;
}

/* Look again in time: a producer that goes on after the stop is given up, which no descriptor reports. */
static int nap_ms(const struct zcdma_source *src, uint64_t deadline_ns)
{
	int left = zc_time_left(deadline_ns);

	return !src->stopped || (left >= 0 && left < STOPPING_MS) ? left : STOPPING_MS;
}

ZC_PUBLIC int zcdma_source_next(struct zcdma_source *src, int timeout_ms, struct zcdma_block *b)
{
	const uint64_t deadline = zc_deadline(timeout_ms);
	int rc = src->started ? 0 : src->stopped && !src->active ? 0 : zcdma_source_start(src);

	if (rc)
		return rc;
	if (!src->active)
		return 0;
	while ((rc = try_next(src, b, timeout_ms)) == -EAGAIN && timeout_ms) {
		rc = zc_wait_for_block(src, nap_ms(src, deadline));
		if (rc == -ETIMEDOUT && zc_time_left(deadline))
			rc = 0;
		if (rc)
			break;
	}
	watch_source(src);
	return rc;
}

/* Returns as zcdma_source_reclaim() without a wait. */
static int try_reclaim(struct zcdma_source *src, uint64_t *cookie)
{
	int rc;

	if (zc_memory_reclaim(src, cookie))
		return 1;
	if (src->ctx->interrupted)
		return -EINTR;
	rc = go_on(src);
	if (rc)
		return rc;
	if (zc_memory_reclaim(src, cookie))
		return 1;
	return src->lent.with_paths ? -EAGAIN : 0;
}

ZC_PUBLIC int zcdma_source_reclaim(struct zcdma_source *src, int timeout_ms, uint64_t *cookie)
{
	const uint64_t deadline = zc_deadline(timeout_ms);
	int rc;

	if (src->ops != &zc_source_memory)
		return zc_fail_plain(src->ctx, EINVAL, "reclaim from %s: it has memory of its own",
				     src->name);
	while ((rc = try_reclaim(src, cookie)) == -EAGAIN && timeout_ms) {
		rc = zc_wait_for_paths(src, zc_time_left(deadline));
		if (rc)
			break;
	}
	watch_source(src);
	return rc;
}

ZC_PUBLIC int zcdma_block_release(struct zcdma_source *src, const struct zcdma_block *b)
{
	struct zc_lent_block *e = find_callers(src, b);

	if (!e)
		return refuse(src, b, "release");
	zc_source_put(src, &e->b, ZC_PUT_REUSE);
	zc_lent_remove(&src->lent, e);
	watch_source(src);
	return 0;
}

ZC_PUBLIC int zcdma_source_fd(struct zcdma_source *src)
{
	int rc = src->watch ? 0 : zc_watch_new(src->ctx, &src->watch);

	if (rc)
		return rc;
	if (!src->started)
		rc = zcdma_source_start(src);
	if (rc)
		return rc;
	watch_source(src);
	return src->watch->fd;
}
