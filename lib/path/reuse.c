// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rule of reuse: a block that was passed to a path goes back to its source when the path has proof that
 * nothing reads its pages, and in no other way. The proof is that a copying call returned, that a completion
 * came, or that another process released the block. A path without any gets the block's pages replaced.
 */
#include <string.h>

#include "path/reuse.h"
#include "path/sent.h"

static struct zc_lent_block *at(const struct zcdma_path *path, uint32_t place)
{
	return &path->src->lent.block[place];
}

/*
 * A block goes back to its source
 */

static void give_back_at(struct zcdma_path *path, struct zc_lent_block *e, bool replace,
			 uint64_t now_ns)
{
	replace = (replace || path->ops->type.replaces_pages) && !path->unsafe_reuse;
	if (e->stuck) {
		zc_lent_lose(&path->src->lent, e);
		return;
	}
	if (e->sent_ns)
		zc_sent_free(path, e, now_ns);
	zc_source_return(path->src, e, replace);
}

static void give_back(struct zcdma_path *path, struct zc_lent_block *e, bool replace)
{
	give_back_at(path, e, replace, zc_now_ns());
}

/* Give back the blocks of one send, of which @e is the first. */
static void give_back_joined(struct zcdma_path *path, struct zc_lent_block *e, bool replace,
			     uint64_t now_ns)
{
	uint32_t next = e->next;

	give_back_at(path, e, replace, now_ns);
	while (next != ZC_LENT_NONE) {
		e = at(path, next);
		next = e->next;
		path->joined_more--;
		give_back_at(path, e, replace, now_ns);
	}
}

/*
 * Give back what is left of a path that sends no more once each of its sends has completed: a block of which only a part was
 * sent.
 */
static void give_back_rest(struct zcdma_path *path)
{
	struct zc_lent *lent = &path->src->lent;

	if (!path->ops->type.reports_copied || path->stats.pending_calls)
		return;
	for (uint32_t i = 0; i < lent->size; i++) {
		if (lent->block[i].state == ZC_LENT_PATH && lent->block[i].path == path)
			give_back(path, &lent->block[i], false);
	}
}

/* Count what is written by now. Returns 0, or the error that broke the path off. */
static int count_sent(struct zcdma_path *path)
{
	int rc = zc_sent_count(path);

	return rc ? zc_path_break(path, rc) : 0;
}

void zc_reuse_reap(struct zcdma_path *path)
{
	struct zcdma_block b;
	uint64_t now = 0;

	while (zc_path_reap(path, &b)) {
		struct zc_lent_block *e = zc_lent_find(&path->src->lent, b.ticket);

		/* One look at the clock for all that are found free: small blocks are many. */
		now = now ? now : zc_now_ns();
		if (e)
			give_back_joined(path, e, b.flags & ZC_BLOCK_REPLACE, now);
	}
	if (path->dropped)
		give_back_rest(path);
	count_sent(path);
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
	path->queued_bytes += e->b.len;
}

static struct zc_lent_block *dequeue(struct zcdma_path *path)
{
	struct zc_lent_block *e = at(path, path->first);

	path->first = e->next;
	path->queued--;
	path->queued_bytes -= e->b.len;
	return e;
}

static void accept_block(struct zcdma_path *path, struct zc_lent_block *e)
{
	e->sent_ns = e->number = 0;
	zc_lent_pass(&path->src->lent, e, path);
	enqueue(path, e);
}

/* Note that @e is in a send, for the first time. */
static void begin_send(struct zc_lent_block *e)
{
	if (!e->sent_ns)
		e->sent_ns = zc_now_ns();
}

/*
 * Note that the blocks of the send at the front of the queue are sent whole: all of them are free when reap() reports the first.
 * Returns 0, or an error of the manifest.
 */
static int sent_whole(struct zcdma_path *path, enum zc_sent how)
{
	const uint64_t now = zc_now_ns();
	int rc = 0;

	for (; path->joined; path->joined--) {
		struct zc_lent_block *e = dequeue(path);
		int err = zc_sent_add(path, e, now);

		rc = rc ? rc : err;
		memset(&path->fill, 0, sizeof(path->fill));
		if (how == ZC_SENT_DONE)
			give_back_at(path, e, false, now);
		else if (path->joined == 1)
			e->next = ZC_LENT_NONE;
		else
			path->joined_more++;
	}
	return rc;
}

int zc_path_break(struct zcdma_path *path, int rc)
{
	if (path->failed.rc)
		return rc;
	zc_error_keep(&path->failed, path->ctx, rc);
	zc_sent_count(path);
	/* Which the caller may close next. */
	if (!path->dropped)
		path->manifest = NULL;
	return zc_error_again(&path->failed, path->ctx);
}

/* Returns how many bytes of several blocks a call of the path may have, 0 if it may have one block. */
static size_t join_most(const struct zcdma_path *path)
{
	if (path->datagram || path->framing || path->fetcher || path->gaps != ZCDMA_GAPS_SKIP)
		return 0;
	return zc_min(path->join, path->ops->join_most);
}

/* Returns whether @b follows on @a, in memory and in the file that they are of. */
static bool follows(const struct zcdma_block *a, const struct zcdma_block *b)
{
	if (!a->data && a->fd_offset < 0)
		return false;
	if (a->data ? (const char *)a->data + a->len != (const char *)b->data : b->data != NULL)
		return false;
	return a->fd == b->fd &&
	       (a->fd_offset < 0 ? b->fd_offset < 0
				 : a->fd_offset + (int64_t)a->len == b->fd_offset);
}

/*
 * Returns the first block of the queue, and with it those that can go by the same call. Those of which a part is sent stay
 * together, whatever the program has set meanwhile.
 */
static struct zcdma_block join_first(struct zcdma_path *path)
{
	const unsigned least = path->sent ? path->joined : 1;
	struct zc_lent_block *e = at(path, path->first);
	const size_t most = join_most(path);
	struct zcdma_block b = e->b;

	begin_send(e);
	for (path->joined = 1; path->joined < path->queued; path->joined++) {
		e = at(path, e->next);
		if (path->joined >= least && (b.len + e->b.len > most || !follows(&b, &e->b)))
			break;
		begin_send(e);
		b.len += e->b.len;
	}
	return b;
}

/* Send the first blocks of the queue. Returns 0, -EAGAIN, or another negative errno. */
static int push_first(struct zcdma_path *path)
{
	const struct zcdma_block b = join_first(path);
	int rc = zc_path_fill(path, &b);

	if (!rc)
		rc = zc_path_try(path, &b);
	if (rc == ZC_SENT_BUSY)
		return -EAGAIN;
	if (rc < 0)
		return zc_framing_survives(path, rc) ? 0 : rc;
	/* An error of the manifest may be one that a connection has, too. */
	return sent_whole(path, (enum zc_sent)rc);
}

int zc_reuse_push(struct zcdma_path *path)
{
	if (path->failed.rc)
		return zc_error_again(&path->failed, path->ctx);
	while (path->queued) {
		int rc = path->framing ? zc_framing_ready(path) : 0;

		/* Making the connection anew may give a block up. */
		if (!rc && path->queued)
			rc = push_first(path);
		if (rc == -EAGAIN)
			return rc;
		if (rc)
			return zc_path_break(path, rc);
	}
	return 0;
}

/* Let the other paths of the source go on. Each keeps its error for the next call that is about it. */
static void push_others(struct zcdma_path *path)
{
	for (struct zcdma_path *p = path->src->paths; p; p = p->next) {
		if (p == path)
			continue;
		if (p->queued)
			zc_reuse_push(p);
		zc_reuse_reap(p);
	}
}

/* Between two looks at paths of which another one has failed. */
#define FAILED_NAP_MS 1

/* Wait for @what of @path, while the other paths of the source go on. Returns as zc_wait(). */
static int wait_among(struct zcdma_path *path, unsigned what, uint64_t deadline_ns)
{
	const bool alone = path->src->paths == path && !path->next;
	const int left_ms = zc_time_left(deadline_ns);
	int rc = alone ? zc_wait(path->ctx, NULL, path, what, left_ms)
		       : zc_wait_for_paths(path->src, left_ms);

	if (!alone)
		push_others(path);
	if (!rc || rc == -EINTR || rc == -ETIMEDOUT || alone)
		return rc;
	if (path->failed.rc)
		return zc_error_again(&path->failed, path->ctx);
	/* The error of another path, which would end each wait at once, and is for a call that is about that path. */
	rc = zc_poll(path->ctx, -1, 0,
		     left_ms < 0 ? FAILED_NAP_MS : zc_min(left_ms, FAILED_NAP_MS));
	return rc == -EINTR ? rc : 0;
}

/* Push likewise, and wait until at most @most blocks are left to send. Returns -EINTR and -ETIMEDOUT too. */
static int push_until(struct zcdma_path *path, unsigned most, uint64_t deadline_ns)
{
	bool over = false;
	int rc;

	while ((rc = zc_reuse_push(path)) == -EAGAIN && path->queued > most) {
		if (zc_was_over(deadline_ns, &over))
			return -ETIMEDOUT;
		rc = wait_among(path, ZC_WAIT_ROOM, deadline_ns);
		if (rc)
			return rc;
		zc_reuse_reap(path);
	}
	return rc == -EAGAIN ? 0 : rc;
}

bool zc_reuse_holds(const struct zcdma_path *path)
{
	const size_t next = zc_max(path->src->info.block_size, (size_t)1);

	return path->queued_bytes + next <= join_most(path) && !path->joined && !path->failed.rc &&
	       !path->dropped;
}

ZC_PUBLIC int zcdma_path_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct zc_lent_block *e = zc_source_find_lent(path->src, b, "send");
	int rc;

	if (!e)
		return -EINVAL;
	if (!path->timeout_ms && !zc_reuse_holds(path) && zc_reuse_push(path) == -EAGAIN &&
	    path->queued > path->queue_most) {
		zc_path_watch(path);
		return -EAGAIN;
	}
	accept_block(path, e);
	if (zc_reuse_holds(path)) {
		zc_path_watch(path);
		return 0;
	}
	rc = path->timeout_ms ? push_until(path, path->queue_most, zc_deadline(path->timeout_ms))
			      : zc_reuse_push(path);
	if (path->dropped)
		zc_reuse_unqueue(path);
	zc_path_watch(path);
	return rc == -EAGAIN ? 0 : rc;
}

ZC_PUBLIC int zcdma_path_flush(struct zcdma_path *path)
{
	int rc = push_until(path, 0, zc_deadline(path->timeout_ms));

	zc_path_watch(path);
	return rc == -ETIMEDOUT && !path->timeout_ms ? -EAGAIN : rc;
}

ZC_PUBLIC int zcdma_path_process(struct zcdma_path *path)
{
	int rc = zc_wait(path->ctx, NULL, path, zc_path_wants(path), 0);

	if (!rc || rc == -ETIMEDOUT || rc == -EINTR)
		rc = zc_reuse_push(path);
	zc_reuse_reap(path);
	zc_source_watch(path->src);
	return rc == -EAGAIN ? 0 : rc;
}

static bool is_queued(const struct zcdma_path *path, const struct zc_lent_block *e)
{
	uint32_t place = path->first;

	for (unsigned i = 0; i < path->queued; i++, place = at(path, place)->next) {
		if (at(path, place) == e)
			return true;
	}
	return false;
}

void zc_reuse_forget(struct zcdma_path *path, bool first)
{
	struct zc_lent *lent = &path->src->lent;

	/* A framed stream, which alone survives its connection, has one block in a send. */
	if (first && path->queued)
		at(path, path->first)->stuck = true;
	for (uint32_t i = 0; i < lent->size; i++) {
		struct zc_lent_block *e = &lent->block[i];

		if (e->state == ZC_LENT_PATH && e->path == path && !is_queued(path, e))
			zc_lent_lose(lent, e);
	}
}

/*
 * The end
 */

static int reap_rest(struct zcdma_path *path, uint64_t deadline_ns)
{
	bool over = false;
	int rc = 0;

	zc_reuse_reap(path);
	while (!rc && path->stats.pending_blocks) {
		if (zc_was_over(deadline_ns, &over))
			return -ETIMEDOUT;
		rc = wait_among(path, ZC_WAIT_COMPLETION, deadline_ns);
		zc_reuse_reap(path);
	}
	return rc;
}

/* Returns as zcdma_path_finish(). */
static int end(struct zcdma_path *path, bool complete)
{
	const uint64_t deadline = zc_deadline(path->timeout_ms);
	/* What broke the path off is reported once: the rest is for what was sent before. */
	int rc = !complete && path->failed.rc ? 0 : push_until(path, 0, deadline);

	/* Datagrams are not acknowledged: what completes does so before the end is sent. */
	if (!rc && path->datagram)
		rc = reap_rest(path, deadline);
	if (!rc)
		rc = zc_path_end(path, complete, deadline);
	if (!rc)
		rc = count_sent(path);
	zc_reuse_reap(path);
	if (!rc)
		rc = reap_rest(path, deadline);
	zc_path_watch(path);
	return rc == -ETIMEDOUT && !path->timeout_ms ? -EAGAIN : rc;
}

/* A stream whose source failed is not complete: its receiver must not see an end. */
ZC_PUBLIC int zcdma_path_finish(struct zcdma_path *path)
{
	if (path->src->failed.rc)
		return zc_error_again(&path->src->failed, path->ctx);
	return end(path, true);
}

ZC_PUBLIC int zcdma_path_abandon(struct zcdma_path *path)
{
	return end(path, false);
}

/*
 * Check that a queued block can go back when the path is closed or dropped: nothing was sent of it, its pages are replaced,
 * the call that took a part of it copied that, or the path's operation .drop has ended that. Any other one may be in flight.
 */
static bool can_return(const struct zcdma_path *path, const struct zc_lent_block *e, bool begun)
{
	const struct zc_path_ops *ops = path->ops;

	return e->state == ZC_LENT_PATH &&
	       (!begun || ops->type.replaces_pages || !ops->reap || (path->dropped && ops->drop));
}

void zc_reuse_unqueue(struct zcdma_path *path)
{
	while (path->queued) {
		struct zc_lent_block *e = dequeue(path);
		const bool begun = path->joined > 0;

		path->joined -= begun;
		if (can_return(path, e, begun))
			give_back(path, e, false);
	}
}

static void give_up(struct zcdma_path *path)
{
	struct zc_lent *lent = &path->src->lent;

	zc_reuse_reap(path);
	zc_reuse_unqueue(path);
	give_back_rest(path);
	for (uint32_t i = 0; i < lent->size; i++) {
		if (lent->block[i].state == ZC_LENT_PATH && lent->block[i].path == path)
			zc_lent_lose(lent, &lent->block[i]);
	}
}

/* Wait for what is in flight, where that ends by itself: then nothing reads the blocks. The last error stays as it is. */
static void await(struct zcdma_path *path)
{
	struct zc_error last;

	if (!path->ops->drop_waits || path->dropped)
		return;
	zc_error_keep(&last, path->ctx, 0);
	path->dropped = true;
	path->ops->drop(path);
	zc_error_again(&last, path->ctx);
}

ZC_PUBLIC void zcdma_path_close(struct zcdma_path *path)
{
	struct zcdma_source *src;

	if (!path)
		return;
	src = path->src;
	path->manifest = NULL; /* which the caller may have closed */
	await(path);
	give_up(path);
	zc_path_delete(path);
	zc_source_watch(src);
}
