// SPDX-License-Identifier: LGPL-2.1-or-later
/* A timer, and one descriptor that is readable when it, or any of a few others, is. */
#include "util/alarm.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

int zc_alarm_open(struct zc_alarm *a)
{
	int rc;

	a->fd = epoll_create1(EPOLL_CLOEXEC);
	a->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	rc = a->fd < 0 || a->timer_fd < 0 ? -errno : zc_alarm_add(a, a->timer_fd);
	if (rc)
		zc_alarm_close(a);
	return rc;
}

void zc_alarm_close(struct zc_alarm *a)
{
	if (a->fd >= 0)
		close(a->fd);
	if (a->timer_fd >= 0)
		close(a->timer_fd);
	a->fd = a->timer_fd = -1;
}

int zc_alarm_add(const struct zc_alarm *a, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(a->fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

void zc_alarm_remove(const struct zc_alarm *a, int fd)
{
	epoll_ctl(a->fd, EPOLL_CTL_DEL, fd, NULL);
}

void zc_alarm_set(const struct zc_alarm *a, uint64_t at_ns)
{
	const struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(at_ns / 1000000000u),
			      .tv_nsec = (long)(at_ns % 1000000000u) },
	};

	timerfd_settime(a->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}
