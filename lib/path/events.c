// SPDX-License-Identifier: LGPL-2.1-or-later
/* Descriptors for a program with an event loop of its own. */
#include "path/path.h"

void zc_path_watch(struct zcdma_path *path)
{
	struct pollfd p[ZC_PATH_POLLS];
	bool ready;

	if (!path->watch)
		return;
	/* The caller is about to wait; an error is for the next call that is about the path. */
	ready = zc_path_flush_held(path);
	zc_watch_set(path->watch, p, zc_path_poll(path, zc_path_wants(path), p), ready);
}

void zc_source_watch(struct zcdma_source *src)
{
	const struct pollfd p = { .fd = src->poll_fd, .events = src->poll_events };

	zc_watch_set(src->watch, &p, src->poll_fd >= 0 && !src->starved,
		     src->poll_fd < 0 && !src->starved);
	for (struct zcdma_path *path = src->paths; src->watch && path; path = path->next)
		zc_path_watch(path);
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
	int rc = src->watch ? 0 : zc_watch_new(src->ctx, &src->watch);

	if (rc)
		return rc;
	if (!src->started)
		rc = zcdma_source_start(src);
	if (rc)
		return rc;
	zc_source_watch(src);
	return src->watch->fd;
}
