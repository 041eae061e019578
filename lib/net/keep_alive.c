// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keeps a silent TCP connection, or gives it up (tcp(7)). */
#include "net/keep_alive.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Share of the time until a silent connection is given up before the first probe, and between two. */
#define KEEPALIVE_IDLE 3
#define KEEPALIVE_EACH 9

/* The most seconds of either: MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL of include/net/tcp.h. */
#define KEEPALIVE_MOST 32767u

static unsigned within(unsigned seconds)
{
	return seconds < 1 ? 1 : zc_min(seconds, KEEPALIVE_MOST);
}

void zc_keep_alive(int fd, unsigned seconds)
{
	const unsigned idle = within(seconds / KEEPALIVE_IDLE);
	const unsigned each = within(seconds / KEEPALIVE_EACH);
	const int on = 1, probes = (int)((seconds - idle) / each);

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof(each));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void zc_limit_unacknowledged(int fd, unsigned seconds)
{
	const unsigned ms = zc_min(seconds, (unsigned)INT_MAX / 1000) * 1000;

	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

bool zc_is_kept_alive(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return !getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len) && on;
}
