// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the kernel granted a socket. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "net/link.h"

/* Returns the pace that was set, or 0 without one, which the kernel has as the largest number. */
static uint64_t pace_of(int fd)
{
	uint64_t pace = 0;
	socklen_t len = sizeof(pace);

	if (getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &pace, &len))
		return 0;
	/* A kernel of 32 bits has a number of 32 bits. */
	return len == sizeof(uint32_t) ? ((uint32_t)pace == UINT32_MAX ? 0 : (uint32_t)pace)
	       : pace == UINT64_MAX    ? 0
				       : pace;
}

/* TCP paces itself where its device has no fq (tcp_pacing_check() in net/ipv4/tcp_output.c); datagrams need fq. */
static void doubt_pace(int fd, struct zcdma_socket *s)
{
	struct zc_route route;
	struct zc_link link = { .name = "" };
	int rc = zc_route_of(fd, &route);

	if (!rc)
		rc = zc_link_has_fq(route.device);
	if (rc > 0)
		return;
	if (!rc && !zc_link_get(route.device, &link))
		snprintf(s->pace_doubt, sizeof(s->pace_doubt),
			 "only the queueing discipline fq paces datagrams, and %s does not have it",
			 link.name);
	else
		snprintf(
			s->pace_doubt, sizeof(s->pace_doubt),
			"only the queueing discipline fq paces datagrams, and whether there is one is unknown");
}

ZC_PUBLIC int zcdma_socket_of(int fd, struct zcdma_socket *s)
{
	int buffer = 0, mss = 0;
	socklen_t len = sizeof(buffer);

	*s = (struct zcdma_socket){ .send_buffer = 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, &len))
		return -errno;
	s->send_buffer = (size_t)buffer;
	s->pace = pace_of(fd);
	if (zc_is_udp(fd)) {
		if (s->pace)
			doubt_pace(fd, s);
		return 0;
	}
	len = sizeof(mss);
	if (!getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len))
		s->mss = (unsigned)mss;
	len = sizeof(s->congestion);
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, s->congestion, &len))
		s->congestion[0] = '\0';
	return 0;
}
