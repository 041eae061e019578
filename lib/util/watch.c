// SPDX-License-Identifier: LGPL-2.1-or-later
/* One descriptor for an event loop of the caller's, readable when any of several others is ready. */
#include "util/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int zc_watch_new(struct zcdma_ctx *ctx, struct zc_watch **out)
{
	struct zc_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return zc_fail(ctx, ENOMEM, "watch");
	w->fd = epoll_create1(EPOLL_CLOEXEC);
	w->always = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd < 0 || w->always < 0) {
		int rc = zc_fail(ctx, errno, "watch");

		zc_watch_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void zc_watch_free(struct zc_watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->always >= 0)
		close(w->always);
	free(w);
}

static bool is_among(int fd, const struct pollfd *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (p[i].fd == fd)
			return true;
	}
	return false;
}

/*
 * Watch @fd. A closed descriptor leaves the epoll instance by itself, and its number may be used again, so that a
 * number that was watched may not be watched now. What epoll does not take (EPERM, a regular file) is always ready.
 */
static void watch(const struct zc_watch *w, int fd, short events)
{
	struct epoll_event e = { .events = (uint32_t)events };

	if (epoll_ctl(w->fd, EPOLL_CTL_MOD, fd, &e) && errno == ENOENT)
		epoll_ctl(w->fd, EPOLL_CTL_ADD, fd, &e);
}

void zc_watch_set(struct zc_watch *w, const struct pollfd *p, unsigned count, bool ready)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->count; i++) {
		if (!is_among(w->set[i].fd, p, count))
			epoll_ctl(w->fd, EPOLL_CTL_DEL, w->set[i].fd, NULL);
	}
	for (unsigned i = 0; i < count; i++)
		watch(w, p[i].fd, p[i].events);
	memcpy(w->set, p, count * sizeof(*p));
	w->count = count;
	if (ready)
		watch(w, w->always, POLLIN);
	else
		epoll_ctl(w->fd, EPOLL_CTL_DEL, w->always, NULL);
}
