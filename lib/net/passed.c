// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sockets that a service manager has bound and passed to this process. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/passed.h"

#define FIRST 3 /* SD_LISTEN_FDS_START */

/* Returns how many there are. Those of another process, which has started this one, are not ours. */
static int count_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != getpid())
		return 0;
	return atoi(count);
}

static bool has_type(int fd, const struct addrinfo *ai)
{
	int type, listens;
	socklen_t type_len = sizeof(type), listens_len = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) < 0)
		return false;
	return type == ai->ai_socktype && listens == (type == SOCK_STREAM);
}

static bool has_address(int fd, const struct addrinfo *ai)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} bound;
	socklen_t len = sizeof(bound);

	if (getsockname(fd, &bound.any, &len) < 0 || bound.any.sa_family != ai->ai_family)
		return false;
	if (ai->ai_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)ai->ai_addr;

		return bound.v6.sin6_port == v6->sin6_port &&
		       IN6_ARE_ADDR_EQUAL(&bound.v6.sin6_addr, &v6->sin6_addr);
	}
	const struct sockaddr_in *v4 = (const void *)ai->ai_addr;

	return bound.v4.sin_port == v4->sin_port && bound.v4.sin_addr.s_addr == v4->sin_addr.s_addr;
}

int zc_passed_socket(const struct addrinfo *ai)
{
	int copy;

	for (int fd = FIRST; fd < FIRST + count_passed(); fd++) {
		if (!has_type(fd, ai) || !has_address(fd, ai))
			continue;
		copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST);
		if (copy < 0 || fcntl(copy, F_SETFL, O_NONBLOCK) < 0)
			return -errno;
		return copy;
	}
	return -ENOENT;
}
