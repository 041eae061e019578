// SPDX-License-Identifier: LGPL-2.1-or-later
/* A socket's error queue, as far as it holds completions of MSG_ZEROCOPY sends. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
/* Needs struct timespec, and does not include it. */
#include <linux/errqueue.h>

#include "path/errqueue.h"

static const struct sock_extended_err *find_error(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			return (const struct sock_extended_err *)CMSG_DATA(c);
	}
	return NULL;
}

int zc_errqueue_read(int fd, struct zc_completions *c)
{
	for (;;) {
		union {
			char buf[CMSG_SPACE(sizeof(struct sock_extended_err) +
					    sizeof(struct sockaddr_in6))];
			struct cmsghdr align;
		} control;
		struct msghdr msg = { .msg_control = &control, .msg_controllen = sizeof(control) };
		const struct sock_extended_err *e;

		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return errno == EAGAIN ? 0 : -errno;
		e = find_error(&msg);
		/* An ICMP error, for one: a send will return it. */
		if (!e || e->ee_origin != SO_EE_ORIGIN_ZEROCOPY)
			continue;
		*c = (struct zc_completions){
			.lo = e->ee_info,
			.hi = e->ee_data,
			.copied = e->ee_code & SO_EE_CODE_ZEROCOPY_COPIED,
		};
		return 1;
	}
}
