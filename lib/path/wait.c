// SPDX-License-Identifier: LGPL-2.1-or-later
/* The one place where a transfer sleeps. */
#include "path/path.h"

/* What a socket that is shut down on both sides keeps saying, whatever one waits for. */
#define NAP_MS 1

/* How often to look at a path that no descriptor reports: one that was dropped reports nothing but its reset. */
#define PATH_NAP_MS 10

/* The context's, a source's, and those of its paths. */
#define POLLS_MOST (2 + ZC_PATHS_MOST * ZC_PATH_POLLS)

struct wait {
	struct zcdma_ctx *ctx;
	struct pollfd p[POLLS_MOST];
	unsigned count;
	bool ready; /* something is worth a try already */
	int nap_ms; /* look at a path that often: it was dropped with sends in flight, say; -1: not */
	struct {
		struct zcdma_path *path;
		unsigned at;	/* of its first one in .p ... */
		unsigned count; /* ... and how many it has */
	} paths[ZC_PATHS_MOST];
	unsigned path_count;
};

static void begin(struct wait *w, struct zcdma_ctx *ctx)
{
	w->ctx = ctx;
	w->p[0] = (struct pollfd){ .fd = ctx->wake_fd, .events = POLLIN };
	w->count = 1;
	w->path_count = 0;
	w->ready = false;
	w->nap_ms = -1;
}

static void add_source(struct wait *w, const struct zcdma_source *src)
{
	if (src->starved)
		return;
	if (src->poll_fd < 0)
		w->ready = true;
	else
		w->p[w->count++] =
			(struct pollfd){ .fd = src->poll_fd, .events = src->poll_events };
}

/* Returns the shorter one of two times; -1 stands for an endless one. */
static int sooner(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : zc_min(a, b);
}

/*
 * Returns whether the path has failed, so that its connection is ready all the time, and nothing is sent when it is. What is in
 * flight comes back nevertheless.
 */
static bool has_failed(const struct zcdma_path *path)
{
	return path->failed.rc && !path->ops->drop && !path->fetcher;
}

int zc_path_nap(const struct zcdma_path *path, unsigned what)
{
	const bool naps =
		path->naps || ((path->dropped || has_failed(path)) && path->stats.pending_calls);

	return sooner(naps ? PATH_NAP_MS : -1, what ? zc_path_gone_timeout(path) : -1);
}

static int add_path(struct wait *w, struct zcdma_path *path, unsigned what)
{
	int rc = zc_path_flush_held(path);
	unsigned n;

	if (rc < 0)
		return zc_path_break(path, rc);
	w->ready |= rc;
	w->nap_ms = sooner(w->nap_ms, zc_path_nap(path, what));
	n = has_failed(path) ? 0 : zc_path_poll(path, what, &w->p[w->count]);
	w->paths[w->path_count].path = path;
	w->paths[w->path_count].at = w->count;
	w->paths[w->path_count++].count = n;
	w->count += n;
	return 0;
}

/* Let paths handle what poll() reported. Returns 0 or an error of one of them. */
static int attend(const struct wait *w)
{
	for (unsigned i = 0; i < w->path_count; i++) {
		struct zcdma_path *path = w->paths[i].path;
		short events = w->paths[i].count ? w->p[w->paths[i].at].revents : 0;
		bool due = events || path->naps;
		int rc = due ? zc_path_attend(path, events) : 0;

		zc_path_look_gone(path);
		if (rc)
			return zc_path_break(path, rc);
	}
	return 0;
}

/* Check whether hang-ups are all that @n descriptors report. */
static bool hung_up(const struct wait *w, int n)
{
	int count = 0;

	for (unsigned i = 0; i < w->path_count; i++) {
		if (w->paths[i].count && w->p[w->paths[i].at].revents == POLLHUP &&
		    !zc_path_attends(w->paths[i].path))
			count++;
	}
	return n && count == n;
}

static int wait_on(struct wait *w, int timeout_ms)
{
	const bool naps = w->nap_ms >= 0 && (timeout_ms < 0 || timeout_ms > w->nap_ms);
	int n = poll(w->p, w->count, w->ready ? 0 : naps ? w->nap_ms : timeout_ms), rc;

	/* Only zcdma_interrupt() ends a wait: another signal is the program's own affair. */
	if (n < 0 && errno == EINTR)
		return w->ctx->interrupted ? -EINTR : 0;
	if (n < 0)
		return -errno;
	if (w->p[0].revents)
		return -EINTR;
	rc = attend(w);
	if (rc)
		return rc;
	/* Only the hang-up, and no completion yet: not to be asked again at once, nor after the time that there was. */
	if (hung_up(w, n) && timeout_ms)
		return zc_poll(w->ctx, -1, 0, NAP_MS) == -EINTR ? -EINTR : 0;
	if (hung_up(w, n) && !w->ready)
		return -ETIMEDOUT;
	return n || w->ready || naps ? 0 : -ETIMEDOUT;
}

int zc_wait(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_path *path, unsigned what,
	    int timeout_ms)
{
	struct wait w;
	int rc;

	begin(&w, ctx);
	if (what & ZC_WAIT_BLOCK)
		add_source(&w, src);
	rc = path ? add_path(&w, path, what) : 0;
	return rc ? rc : wait_on(&w, timeout_ms);
}

static int wait_for_paths(struct wait *w, struct zcdma_source *src, int timeout_ms)
{
	int rc = 0;

	for (struct zcdma_path *path = src->paths; path && !rc; path = path->next)
		rc = add_path(w, path, zc_path_wants(path));
	return rc ? rc : wait_on(w, timeout_ms);
}

int zc_wait_for_block(struct zcdma_source *src, int timeout_ms)
{
	struct wait w;

	begin(&w, src->ctx);
	add_source(&w, src);
	return wait_for_paths(&w, src, timeout_ms);
}

int zc_wait_for_paths(struct zcdma_source *src, int timeout_ms)
{
	struct wait w;

	begin(&w, src->ctx);
	return wait_for_paths(&w, src, timeout_ms);
}
