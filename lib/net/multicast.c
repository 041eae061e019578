// SPDX-License-Identifier: LGPL-2.1-or-later
/* Multicast groups: join one to receive, and choose the interface to send through. */
#include "net/multicast.h"

#include <netinet/in.h>
#include <string.h>

bool zc_is_group(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_MULTICAST(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return sa->sa_family == AF_INET &&
	       IN_MULTICAST(ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr));
}

/* Join the group for what @source sends to it (RFC 3678, 5.1). */
static int join_source(int fd, int level, const struct group_req *group, const char *source)
{
	const struct addrinfo want = {
		.ai_family = group->gr_group.ss_family,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST,
	};
	struct group_source_req req = {
		.gsr_interface = group->gr_interface,
		.gsr_group = group->gr_group,
	};
	struct addrinfo *ai;

	if (getaddrinfo(source, NULL, &want, &ai))
		return -EINVAL;
	memcpy(&req.gsr_source, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req)) ? -errno : 0;
}

int zc_join_group(int fd, const struct addrinfo *ai, unsigned zone, const char *source)
{
	const int level = ai->ai_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	const int zero = 0;
	struct group_req group = { .gr_interface = zone };

	/* Do not receive from groups that only other sockets have joined: ip(7). */
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &zero, sizeof(zero));
	else
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof(zero));
	memcpy(&group.gr_group, ai->ai_addr, ai->ai_addrlen);
	if (source[0])
		return join_source(fd, level, &group, source);
	return setsockopt(fd, level, MCAST_JOIN_GROUP, &group, sizeof(group)) ? -errno : 0;
}

int zc_send_to_group(int fd, int family, unsigned zone)
{
	const struct ip_mreqn through = { .imr_ifindex = (int)zone };
	const int index = (int)zone;
	int rc;

	if (family == AF_INET6)
		rc = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
	else
		rc = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &through, sizeof(through));
	return rc ? -errno : 0;
}
