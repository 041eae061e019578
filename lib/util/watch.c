// SPDX-License-Identifier: LGPL-2.1-or-later
/* One descriptor for an event loop of the caller's, readable when any of several others is ready. */
#include "util/watch.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

int zc_watch_new(struct zcdma_ctx *ctx, struct zc_watch **out)
{
	struct zc_watch *w = calloc(1, sizeof(*w));
	struct epoll_event e = { .events = EPOLLIN };

	if (!w)
		return zc_fail(ctx, ENOMEM, "watch");
	w->fd = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->fd < 0 || w->timer < 0 || epoll_ctl(w->fd, EPOLL_CTL_ADD, w->timer, &e)) {
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
	if (w->timer >= 0)
		close(w->timer);
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
 * number that was watched may not be watched now. Returns false if epoll does not take it (EPERM): then it is always ready.
 */
static bool watch(const struct zc_watch *w, int fd, short events)
{
	struct epoll_event e = { .events = (uint32_t)events };
	int rc = epoll_ctl(w->fd, EPOLL_CTL_MOD, fd, &e);

	if (rc && errno == ENOENT)
		rc = epoll_ctl(w->fd, EPOLL_CTL_ADD, fd, &e);
	return !rc || errno != EPERM;
}

/* The timer is not read: it stays readable until it is set anew. timerfd_settime(2) takes a time of 0 for none. */
static void set_timer(struct zc_watch *w, int ms)
{
	const struct itimerspec when = {
		.it_value = { .tv_sec = zc_max(ms, 0) / 1000,
			      .tv_nsec = ms > 0 ? ms % 1000 * 1000000L : ms + 1 },
	};

	if (ms >= 0 || w->timed)
		timerfd_settime(w->timer, 0, &when, NULL);
	w->timed = ms >= 0;
}

void zc_watch_set(struct zc_watch *w, const struct pollfd *p, unsigned count, int ms)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->count; i++) {
		if (!is_among(w->set[i].fd, p, count))
			epoll_ctl(w->fd, EPOLL_CTL_DEL, w->set[i].fd, NULL);
	}
	for (unsigned i = 0; i < count; i++) {
		w->set[i] = p[i];
		if (!watch(w, p[i].fd, p[i].events))
			ms = 0;
	}
	w->count = count;
	set_timer(w, ms);
}
