// SPDX-License-Identifier: LGPL-2.1-or-later
/* Delivers the next block to the caller, and gives back memory of the caller's own that is free again. */
#include "path/reuse.h"
#include "source/memory.h"

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

	/* A path to a device has blocks of .target that are not lent. */
	return (src->starved && !lent->with_paths && !src->target) ||
	       (!src->stopped && src->info.blocks && zc_lent_stuck(lent) >= src->info.blocks);
}

static int fail_held(const struct zcdma_source *src)
{
	int rc;

	if (src->lent.lost)
		return zc_fail_plain(
			src->ctx, ENOBUFS,
			"next block of %s: the program holds %u, and others are in flight on connections that are closed",
			src->name, src->lent.with_caller);
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

/* Let the paths go on, also with what they keep back if the source has nothing (@idle). Returns 0 or an error of one of them. */
static int go_on(struct zcdma_source *src, bool idle)
{
	for (struct zcdma_path *path = src->paths; path; path = path->next) {
		int rc = path->queued && (idle || !zc_reuse_holds(path)) ? zc_reuse_push(path) : 0;

		zc_reuse_reap(path);
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
	rc = go_on(src, false);
	if (rc)
		return rc;
	left = left_of_limit(src);
	if (!left)
		return 0;
	if (zc_lent_reserve(&src->lent))
		return zc_fail(src->ctx, ENOMEM, "next block of %s", src->name);
	rc = zc_source_take(src, left, b);
	if (rc == -EAGAIN) {
		const unsigned with_paths = src->lent.with_paths;
		int err = go_on(src, true);

		if (err)
			return err;
		/* A block that came back may be full at once, and a source does not wake the thread that gives it back. */
		if (src->lent.with_paths < with_paths)
			rc = zc_source_take(src, left, b);
	}
	if (rc < 0 && rc != -EAGAIN && rc != -EINTR && !src->failed.rc)
		zc_error_keep(&src->failed, src->ctx, rc);
	if (rc == -EAGAIN && is_held(src) && (src->ops != &zc_source_memory || waits))
		return fail_held(src);
	return rc == 1 ? deliver(src, left, b) : rc;
}

/* Look again in time: a producer that goes on after the stop is given up, which no descriptor reports. */
static int nap_ms(const struct zcdma_source *src, uint64_t deadline_ns)
{
	int left = zc_time_left(deadline_ns);

	return !src->stopped || (left >= 0 && left < ZC_STOPPING_MS) ? left : ZC_STOPPING_MS;
}

ZC_PUBLIC int zcdma_source_next(struct zcdma_source *src, int timeout_ms, struct zcdma_block *b)
{
	const uint64_t deadline = zc_deadline(timeout_ms);
	bool over = false;
	int rc = src->started ? 0 : src->stopped && !src->active ? 0 : zcdma_source_start(src);

	if (rc)
		return rc;
	if (!src->active)
		return 0;
	src->untold = false;
	while ((rc = try_next(src, b, timeout_ms)) == -EAGAIN && timeout_ms) {
		rc = zc_was_over(deadline, &over) ? -ETIMEDOUT : 0;
		if (rc)
			break;
		rc = zc_wait_for_block(src, nap_ms(src, deadline));
		if (rc == -ETIMEDOUT && zc_time_left(deadline))
			rc = 0;
		if (rc)
			break;
	}
	zc_source_watch(src);
	return rc;
}

ZC_PUBLIC void zcdma_source_stop(struct zcdma_source *src)
{
	if (src->active && src->ops->stop)
		src->ops->stop(src);
	src->stopped = true;
	zc_source_watch(src);
}

/* Returns as zcdma_source_reclaim() without a wait. */
static int try_reclaim(struct zcdma_source *src, uint64_t *cookie)
{
	int rc;

	if (zc_memory_reclaim(src, cookie))
		return 1;
	if (src->ctx->interrupted)
		return -EINTR;
	rc = go_on(src, true);
	if (rc)
		return rc;
	if (zc_memory_reclaim(src, cookie))
		return 1;
	return src->lent.with_paths ? -EAGAIN : 0;
}

ZC_PUBLIC int zcdma_source_reclaim(struct zcdma_source *src, int timeout_ms, uint64_t *cookie)
{
	const uint64_t deadline = zc_deadline(timeout_ms);
	bool over = false;
	int rc;

	if (src->ops != &zc_source_memory)
		return zc_fail_plain(src->ctx, EINVAL, "reclaim from %s: it has memory of its own",
				     src->name);
	while ((rc = try_reclaim(src, cookie)) == -EAGAIN && timeout_ms) {
		rc = zc_was_over(deadline, &over) ? -ETIMEDOUT : 0;
		if (rc)
			break;
		rc = zc_wait_for_paths(src, zc_time_left(deadline));
		if (rc)
			break;
	}
	zc_source_watch(src);
	return rc;
}

ZC_PUBLIC int zcdma_block_release(struct zcdma_source *src, const struct zcdma_block *b)
{
	struct zc_lent_block *e = zc_source_find_lent(src, b, "release");

	if (!e)
		return -EINVAL;
	zc_source_return(src, e, false);
	zc_source_watch(src);
	return 0;
}

ZC_PUBLIC int zcdma_block_export(struct zcdma_source *src, const struct zcdma_block *b)
{
	if (!zc_source_find_lent(src, b, "export"))
		return -EINVAL;
	if (src->ops->export_block)
		return src->ops->export_block(src, b);
	zc_fail_plain(src->ctx, EOPNOTSUPP, "export a block of %s: its memory is not a driver's",
		      src->name);
	zc_hint(src->ctx, "blocks of dev: can be exported as dma-bufs");
	return -EOPNOTSUPP;
}

ZC_PUBLIC int zcdma_block_share(struct zcdma_source *src, const struct zcdma_block *b,
				struct zcdma_block *share)
{
	const struct zc_lent_block *e = zc_source_find_lent(src, b, "share");
	uint32_t place;

	if (!e)
		return -EINVAL;
	if (!e->b.data && e->b.fd >= 0 && e->b.fd_offset < 0) {
		zc_fail_plain(src->ctx, EINVAL,
			      "share a block of %s: what comes from a pipe can be taken once",
			      src->name);
		zc_hint(src->ctx, "--path=copy and --path=zerocopy read it into memory first");
		return -EINVAL;
	}
	place = (uint32_t)(e - src->lent.block);
	if (zc_lent_reserve(&src->lent))
		return zc_fail(src->ctx, ENOMEM, "share a block of %s", src->name);
	*share = zc_lent_share(&src->lent, place)->b;
	return 0;
}
