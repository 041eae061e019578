// SPDX-License-Identifier: LGPL-2.1-or-later
/* The one place where a transfer sleeps. */
#include "path/path.h"

/* What a socket that is shut down on both sides keeps saying, whatever one waits for. */
#define NAP_MS 1

static bool always_ready(const struct zcdma_source *src)
{
	return src->poll_fd < 0 && !src->starved;
}

/* What the sink itself tells: a completion too, unless there is a descriptor for that. */
static unsigned sink_events(const struct zcdma_path *path)
{
	return path->completion_fd < 0 ? ZCDMA_WAIT_ROOM | ZCDMA_WAIT_COMPLETION : ZCDMA_WAIT_ROOM;
}

/* What that descriptor tells: room too, where it is completions that make it. */
static unsigned completion_events(const struct zcdma_path *path)
{
	return path->room_events ? ZCDMA_WAIT_COMPLETION : ZCDMA_WAIT_ROOM | ZCDMA_WAIT_COMPLETION;
}

ZC_PUBLIC int zcdma_wait(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_path *path,
			 unsigned what, int timeout_ms)
{
	struct pollfd p[4] = {
		{ .fd = ctx->wake_fd, .events = POLLIN },
		{ .fd = -1 },
		{ .fd = -1 },
		{ .fd = -1, .events = POLLIN },
	};
	bool ready = (what & ZCDMA_WAIT_BLOCK && always_ready(src)) ||
		     (what & ZCDMA_WAIT_COMPLETION && path->reapable);
	int n;

	if (path && path->ops->flush)
		path->ops->flush(path);
	if (what & ZCDMA_WAIT_BLOCK && !src->starved) {
		p[1].fd = src->poll_fd;
		p[1].events = src->poll_events;
	}
	if (path && (what & sink_events(path) || path->watched)) {
		p[2].fd = path->fd;
		/* A completion is POLLERR, which cannot be asked for: it always comes. */
		p[2].events = path->watch_events;
		if (what & ZCDMA_WAIT_ROOM)
			p[2].events |= path->room_events;
	}
	if (path && what & completion_events(path))
		p[3].fd = path->completion_fd;
	n = poll(p, ARRAY_SIZE(p), ready ? 0 : timeout_ms);
	if (n < 0)
		return -errno;
	if (p[0].revents)
		return -EINTR;
	if (p[2].revents && path->ops->attend)
		return path->ops->attend(path, p[2].revents);
	/* Only the hang-up, and no completion yet: not to be asked again at once. */
	if (n == 1 && p[2].revents == POLLHUP)
		return zc_poll(ctx, -1, 0, NAP_MS) == -EINTR ? -EINTR : 0;
	return n || ready ? 0 : -ETIMEDOUT;
}
