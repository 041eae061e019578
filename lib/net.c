// SPDX-License-Identifier: LGPL-2.1-or-later
/* TCP and UDP sockets: connect, listen, accept, and names for them. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/*
 * A receiver that was started in the same breath may not listen yet: a refusal is believed only
 * after so long.
 */
#define REFUSED_PATIENCE_NS 300000000u
#define REFUSED_NAP_MS	    20

#define BACKLOG 64

/* Asked for to receive into, as UDP waits for nobody; net.core.rmem_max is the most that is given. */
#define UDP_BUFFER (32 << 20)

static int fail_lookup(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int gai)
{
	int rc;

	if (gai == EAI_SYSTEM)
		return zc_fail(ctx, errno, "look up %s", addr->host);
	rc = zc_fail_plain(ctx, gai == EAI_MEMORY ? ENOMEM : ENOENT, "look up %s port %s: %s",
			   addr->host[0] ? addr->host : "*", addr->port, gai_strerror(gai));
	if (gai == EAI_SERVICE)
		zc_hint(ctx, "no service of that name is known here: give the port's number");
	if (gai == EAI_NONAME || gai == EAI_AGAIN)
		zc_hint(ctx, "no such host is known here: check the name, or give its address");
	return rc;
}

static int lookup(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int family, int flags,
		  struct addrinfo **list)
{
	const struct addrinfo want = {
		.ai_family = family,
		.ai_socktype = addr->udp ? SOCK_DGRAM : SOCK_STREAM,
		.ai_flags = flags,
	};
	int gai = getaddrinfo(addr->host[0] ? addr->host : NULL, addr->port, &want, list);

	return gai ? fail_lookup(ctx, addr, gai) : 0;
}

bool zc_is_udp(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) && protocol == IPPROTO_UDP;
}

/*
 * Without a listener, a connection from a port to the same port of the same address connects to
 * itself (TCP's simultaneous open): nobody is there.
 */
static bool connected_to_itself(int fd)
{
	char ours[64], theirs[64];

	return !strcmp(zcdma_sockname(fd, false, ours, sizeof(ours)),
		       zcdma_sockname(fd, true, theirs, sizeof(theirs)));
}

static int open_socket(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int fail_congestion(struct zcdma_ctx *ctx, const struct zcdma_addr *addr)
{
	int rc = zc_fail_plain(
		ctx, ENOENT, "congestion control %s: there is none of that name here for everyone",
		addr->congestion);

	zc_hint(ctx,
		"sysctl net.ipv4.tcp_available_congestion_control has the names, net.ipv4.tcp_allowed_congestion_control those for everyone");
	return rc;
}

/*
 * Before the connection is made: one that began under a control that paces (bbr) is paced for ever. 0, or
 * -ENOENT where there is none of that name, or not for everyone.
 */
static int choose_congestion(int fd, const struct zcdma_addr *addr)
{
	const char *name = addr->congestion;

	if (!name[0] || addr->udp)
		return 0;
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) ? -ENOENT
											  : 0;
}

void zc_reset_on_close(int fd, bool reset)
{
	const struct linger linger = { .l_onoff = reset };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* One attempt. The socket, or a negative errno without a sentence. */
static int try_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		       const struct addrinfo *ai)
{
	const int one = 1;
	int fd = open_socket(ai), err = 0, rc;
	socklen_t len = sizeof(err);

	if (fd < 0)
		return fd;
	rc = choose_congestion(fd, addr);
	if (rc)
		goto err_close;
	if (!connect(fd, ai->ai_addr, ai->ai_addrlen))
		goto connected;
	if (errno != EINPROGRESS) {
		rc = -errno;
		goto err_close;
	}
	rc = zc_poll(ctx, fd, POLLOUT, -1);
	if (rc)
		goto err_close;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err) {
		rc = -(err ? err : errno);
		goto err_close;
	}
connected:
	/* Also without a TIME_WAIT, in which the port would be taken, where it is connected to itself. */
	if (ai->ai_socktype == SOCK_STREAM)
		zc_reset_on_close(fd, true);
	if (connected_to_itself(fd)) {
		rc = -ECONNREFUSED;
		goto err_close;
	}
	/* The end of a block should not wait for an acknowledgement of what went before it. */
	if (ai->ai_socktype == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;

err_close:
	close(fd);
	return rc;
}

static int try_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		   const struct addrinfo *list)
{
	int fd = -EADDRNOTAVAIL;

	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		fd = try_connect(ctx, addr, ai);
		if (fd >= 0 || fd == -EINTR)
			break;
	}
	return fd;
}

ZC_PUBLIC int zcdma_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr)
{
	uint64_t start = zc_now_ns();
	struct addrinfo *list;
	int fd, rc = lookup(ctx, addr, AF_UNSPEC, AI_ADDRCONFIG, &list);

	/* Where no interface but loopback is up, AI_ADDRCONFIG hides even "::1". */
	if (rc)
		rc = lookup(ctx, addr, AF_UNSPEC, 0, &list);
	if (rc)
		return rc;
	do {
		fd = try_all(ctx, addr, list);
	} while (fd == -ECONNREFUSED && zc_now_ns() - start < REFUSED_PATIENCE_NS &&
		 zc_poll(ctx, -1, 0, REFUSED_NAP_MS) == -ETIMEDOUT);
	freeaddrinfo(list);
	if (fd >= 0)
		return fd;
	if (fd == -ENOENT)
		return fail_congestion(ctx, addr);
	zc_fail(ctx, -fd, "connect to %s port %s", addr->host[0] ? addr->host : "this machine",
		addr->port);
	if (fd == -ECONNREFUSED)
		zc_hint(ctx, "nothing listens there; start a receiver: zcdma verify --listen %s:%s",
			addr->udp ? "udp:" : "", addr->port);
	return fd;
}

static int try_listen(const struct addrinfo *ai)
{
	const int one = 1, zero = 0, buffer = UDP_BUFFER;
	bool stream = ai->ai_socktype == SOCK_STREAM;
	int fd = open_socket(ai), err;

	if (fd < 0)
		return fd;
	/* For UDP that would let two receivers have one port. */
	if (stream)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	else
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && (!stream || !listen(fd, BACKLOG)))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

ZC_PUBLIC int zcdma_listen(struct zcdma_ctx *ctx, const struct zcdma_addr *addr)
{
	/* Every address: one IPv6 socket takes IPv4 too, unless this machine has no IPv6. */
	const int families[] = { addr->host[0] ? AF_UNSPEC : AF_INET6, AF_INET };
	int fd = -EADDRNOTAVAIL;

	for (size_t i = 0; i < ARRAY_SIZE(families) && fd < 0; i++) {
		struct addrinfo *list;
		int rc = lookup(ctx, addr, families[i], AI_PASSIVE, &list);

		if (rc)
			return rc;
		fd = try_listen(list);
		freeaddrinfo(list);
		if (addr->host[0])
			break;
	}
	if (fd >= 0)
		return fd;
	zc_fail(ctx, -fd, "listen on %s port %s", addr->host[0] ? addr->host : "*", addr->port);
	if (fd == -EADDRNOTAVAIL)
		zc_hint(ctx, "no interface of this machine has that address; to listen on all: :%s",
			addr->port);
	else if (fd == -EADDRINUSE)
		zc_hint(ctx, "another program listens there: ss -l%cnp 'sport = :%s'",
			addr->udp ? 'u' : 't', addr->port);
	return fd;
}

const char *zc_format_name(const struct sockaddr_storage *sa, socklen_t len, char *buf,
			   size_t buf_len)
{
	char host[128], port[16];
	const char *v4;

	if (getnameinfo((const struct sockaddr *)sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV)) {
		snprintf(buf, buf_len, "?");
		return buf;
	}
	v4 = strncmp(host, "::ffff:", 7) ? host : host + 7; /* IPv4 through an IPv6 socket */
	snprintf(buf, buf_len, strchr(v4, ':') ? "[%s]:%s" : "%s:%s", v4, port);
	return buf;
}

ZC_PUBLIC int zcdma_accept(struct zcdma_ctx *ctx, int listen_fd, char *peer, size_t peer_len)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, rc;

	for (;;) {
		len = sizeof(sa);
		fd = accept4(listen_fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			break;
		/* The connection was gone before it was taken: accept(2). */
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return zc_fail(ctx, errno, "accept a connection");
		rc = zc_poll(ctx, listen_fd, POLLIN, -1);
		if (rc)
			return rc;
	}
	if (peer)
		zc_format_name(&sa, len, peer, peer_len);
	return fd;
}

ZC_PUBLIC const char *zcdma_sockname(int fd, bool peer, char *buf, size_t buf_len)
{
	static const char prefix[] = "udp:";
	int (*const get)(int, struct sockaddr *, socklen_t *) = peer ? getpeername : getsockname;
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (get(fd, (struct sockaddr *)&sa, &len) < 0)
		len = 0;
	if (zc_is_udp(fd) && buf_len > sizeof(prefix)) {
		strcpy(buf, prefix);
		zc_format_name(&sa, len, buf + strlen(prefix), buf_len - strlen(prefix));
		return buf;
	}
	return zc_format_name(&sa, len, buf, buf_len);
}
