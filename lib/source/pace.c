// SPDX-License-Identifier: LGPL-2.1-or-later
/* The pace of a source that has none of its own: a block is delivered when the one before has had its time. */
#include "source/pace.h"

#include <sys/timerfd.h>
#include <unistd.h>

/* Blocks are cut so that this many come in a second, but not below the least size. */
#define BLOCKS_A_SECOND 100
#define LEAST_BLOCK	4096u

/* How much of the time that its reader lost a source makes up for. */
#define CATCH_UP_NS 100000000u

static int set_timer(struct zc_pace *p)
{
	const struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(p->due_ns / 1000000000u),
			      .tv_nsec = (long)(p->due_ns % 1000000000u) },
	};

	if (!p->timer_fd) {
		int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

		if (fd < 0)
			return -errno;
		p->timer_fd = fd;
	}
	return timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) ? -errno : -EAGAIN;
}

int zc_pace_check(struct zc_pace *p, size_t *most)
{
	const uint64_t now = zc_now_ns();
	const uint64_t share = zc_max(p->rate / BLOCKS_A_SECOND, (uint64_t)LEAST_BLOCK);

	*most = (size_t)zc_min(share - share % 8, (uint64_t)*most);
	if (now < p->due_ns)
		return set_timer(p);
	if (p->due_ns + CATCH_UP_NS < now)
		p->due_ns = p->due_ns ? now - CATCH_UP_NS : now;
	return 0;
}

void zc_pace_count(struct zc_pace *p, size_t len)
{
	p->due_ns += (uint64_t)((double)len * 1e9 / (double)p->rate);
}

void zc_pace_close(struct zc_pace *p)
{
	if (p->timer_fd)
		close(p->timer_fd);
}
