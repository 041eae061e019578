// SPDX-License-Identifier: LGPL-2.1-or-later
/* Descriptors for a program with an event loop of its own. */
#include "path/path.h"

static void watch_source(const struct zcdma_source *src)
{
	const struct pollfd p = { .fd = src->poll_fd, .events = src->poll_events };
	int ms = -1;

	if (!src->starved)
		ms = src->untold || src->poll_fd < 0 ? 0 : src->stopped ? ZC_STOPPING_MS : -1;
	zc_watch_set(src->watch, &p, src->poll_fd >= 0 && !src->starved, ms);
}

static void watch_path(struct zcdma_path *path)
{
	struct pollfd p[ZC_PATH_POLLS];
	unsigned wants;
	bool ready;

	if (!path->watch)
		return;
	/* The caller is about to wait; an error is for the next call that is about the path. */
	ready = zc_path_flush_held(path);
	wants = zc_path_wants(path);
	zc_watch_set(path->watch, p, zc_path_poll(path, wants, p),
		     ready ? 0 : zc_path_nap(path, wants));
}

/* A block that the path gave back may be one that its source waited for. */
void zc_path_watch(struct zcdma_path *path)
{
	watch_source(path->src);
	watch_path(path);
}

void zc_source_watch(struct zcdma_source *src)
{
	watch_source(src);
	for (struct zcdma_path *path = src->paths; path; path = path->next)
		watch_path(path);
}

ZC_PUBLIC int zcdma_path_fd(struct zcdma_path *path)
{
	int rc = path->watch ? 0 : zc_watch_new(path->ctx, &path->watch);

	if (rc)
		return rc;
	zc_path_watch(path);
	return path->watch->fd;
}

ZC_PUBLIC int zcdma_source_fd(struct zcdma_source *src)
{
	const bool is_new = !src->watch;
	int rc = is_new ? zc_watch_new(src->ctx, &src->watch) : 0;

	if (rc)
		return rc;
	if (!src->started)
		rc = zcdma_source_start(src);
	else
		src->untold |= is_new;
	if (rc)
		return rc;
	zc_source_watch(src);
	return src->watch->fd;
}
