// SPDX-License-Identifier: LGPL-2.1-or-later
/* TCP and UDP sockets: looks addresses up, connects, and names them. */
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address_options.h"
#include "net/keep_alive.h"
#include "net/multicast.h"
#include "net/socket.h"

/* How long to try again after a refusal: a receiver that was started at the same time may not listen yet. */
#define REFUSED_PATIENCE_NS 300000000u
#define REFUSED_NAP_MS	    20

static int fail_lookup(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int gai)
{
	int rc;

	if (gai == EAI_SYSTEM)
		return zc_fail(ctx, errno, "look up %s", addr->host);
	if (gai == EAI_SERVICE) {
		rc = zc_fail_plain(ctx, ENOENT, "look up port %s: no service of %s has that name",
				   addr->port, addr->udp ? "UDP" : "TCP");
		zc_hint(ctx, "give the port's number");
		return rc;
	}
	rc = zc_fail_plain(ctx, gai == EAI_MEMORY ? ENOMEM : ENOENT, "look up %s port %s: %s",
			   addr->host[0] ? addr->host : "this machine", addr->port,
			   gai_strerror(gai));
	if (gai == EAI_NONAME || gai == EAI_AGAIN)
		zc_hint(ctx, "check the name, or give the address");
	return rc;
}

int zc_fail_no_interface(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, const char *name)
{
	int rc = zc_fail_plain(ctx, ENODEV, "look up %s: no interface %s",
			       addr->host[0] ? addr->host : "*", name);

	zc_hint(ctx, "list the interfaces: ip -brief link");
	return rc;
}

/*
 * Take the zone of an address: the index of the interface after "%", 0 without one. @host, as large as addr->host,
 * becomes what is before it. glibc takes a name only for some addresses of IPv6.
 */
static int take_zone(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, char *host,
		     unsigned *zone)
{
	const char *percent = strchr(addr->host, '%');

	*zone = 0;
	snprintf(host, sizeof(addr->host), "%s", addr->host);
	if (!percent)
		return 0;
	host[percent - addr->host] = '\0';
	*zone = if_nametoindex(percent + 1);
	return *zone ? 0 : zc_fail_no_interface(ctx, addr, percent + 1);
}

/* Set the interface in all addresses of @list. Returns false if one of them does not take an interface. */
static bool set_zone(const struct addrinfo *list, unsigned zone)
{
	for (; list; list = list->ai_next) {
		if (list->ai_family == AF_INET6)
			((struct sockaddr_in6 *)list->ai_addr)->sin6_scope_id = zone;
		else if (!zc_is_group(list->ai_addr))
			return false;
	}
	return true;
}

int zc_lookup(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int family, int flags,
	      struct addrinfo **list, unsigned *zone)
{
	char host[sizeof(addr->host)];
	struct addrinfo want = {
		.ai_family = family,
		.ai_socktype = addr->udp ? SOCK_DGRAM : SOCK_STREAM,
		.ai_flags = flags,
	};
	int rc = take_zone(ctx, addr, host, zone), gai;

	if (rc)
		return rc;
	if (*zone)
		want.ai_flags |= AI_NUMERICHOST;
	gai = getaddrinfo(host[0] ? host : NULL, addr->port, &want, list);
	if (gai)
		return fail_lookup(ctx, addr, gai);
	if (!addr->udp && zc_is_group((*list)->ai_addr)) {
		rc = zc_fail_plain(ctx, EINVAL, "address %s: TCP has no multicast", addr->host);
		zc_hint(ctx, "send datagrams: udp:%s:%s", addr->host, addr->port);
	} else if (*zone && !set_zone(*list, *zone)) {
		rc = zc_fail_plain(ctx, EINVAL,
				   "address %s: an interface is for IPv6 and multicast",
				   addr->host);
		zc_hint(ctx, "leave out %s", strchr(addr->host, '%'));
	}
	if (rc)
		freeaddrinfo(*list);
	return rc;
}

bool zc_is_udp(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) && protocol == IPPROTO_UDP;
}

/*
 * Returns whether the socket is connected to itself: without a listener, a connection from a port to the same port of
 * the same address does so (TCP's simultaneous open).
 */
static bool connected_to_itself(int fd)
{
	char ours[64], theirs[64];

	return !strcmp(zcdma_sockname(fd, false, ours, sizeof(ours)),
		       zcdma_sockname(fd, true, theirs, sizeof(theirs)));
}

int zc_open_socket(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

void zc_reset_on_close(int fd, bool reset)
{
	const struct linger linger = { .l_onoff = reset };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static bool is_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && !(p.revents & (POLLERR | POLLHUP));
}

/* Wait until the connection is made. Returns 0, or a negative errno without a message. */
static int wait_connected(struct zcdma_ctx *ctx, int fd, int timeout_ms)
{
	int err = 0, rc = zc_poll(ctx, fd, POLLOUT, timeout_ms);
	socklen_t len = sizeof(err);

	/* Keep a connection that was made, as the receiver would take its end for the stream's. */
	if (rc == -EINTR && is_connected(fd))
		rc = 0;
	if (rc)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

/* Set up a connection that was made. Returns 0, or -ECONNREFUSED if the socket is connected to itself. */
static int set_up(int fd, const struct addrinfo *ai)
{
	const bool stream = ai->ai_socktype == SOCK_STREAM;
	const int one = 1;

	/* This also avoids TIME_WAIT, which would occupy the port if the socket is connected to itself. */
	if (stream)
		zc_reset_on_close(fd, true);
	if (connected_to_itself(fd))
		return -ECONNREFUSED;
	if (!stream)
		return 0;
	/* The end of a block should not wait for an acknowledgement of what went before it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!zc_is_kept_alive(fd))
		zc_keep_alive(fd, ZC_KEEPALIVE_SECONDS);
	return 0;
}

/*
 * Try to connect to one address. Returns the socket, or a negative errno without a message, and then *@failed says which
 * option was refused, if that is what it is.
 */
static int try_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		       const struct addrinfo *ai, unsigned zone, int timeout_ms,
		       struct zc_addr_failed *failed)
{
	int fd = zc_open_socket(ai), rc;

	failed->name = NULL;
	if (fd < 0)
		return fd;
	/* All before the connection is made: one that began with pacing (bbr) stays paced. */
	rc = zc_addr_apply(fd, addr, ai, ZC_ADDR_SEND, failed);
	if (!rc && zone && zc_is_group(ai->ai_addr))
		rc = zc_send_to_group(fd, ai->ai_family, zone);
	if (rc)
		goto err_close;
	/* Check for an interrupt before there is a connection. */
	rc = zc_poll(ctx, -1, 0, 0);
	if (rc != -ETIMEDOUT)
		goto err_close;
	rc = connect(fd, ai->ai_addr, ai->ai_addrlen) ? -errno : 0;
	if (rc == -EINPROGRESS)
		rc = wait_connected(ctx, fd, timeout_ms);
	if (!rc)
		rc = set_up(fd, ai);
	if (!rc)
		return fd;

err_close:
	close(fd);
	return rc;
}

/* Returns the part of the time left that one of the addresses from @ai on may take; -1 is without limit. */
static int share_of_time(const struct addrinfo *ai, uint64_t deadline)
{
	const int left = zc_time_left(deadline);
	int count = 0;

	for (; ai; ai = ai->ai_next)
		count++;
	return left < 0 ? left : left / count;
}

static int try_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		   const struct addrinfo *list, unsigned zone, uint64_t deadline,
		   struct zc_addr_failed *failed)
{
	int fd = -EADDRNOTAVAIL;

	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		fd = try_connect(ctx, addr, ai, zone, share_of_time(ai, deadline), failed);
		if (fd >= 0 || fd == -EINTR)
			break;
	}
	return fd;
}

/* Returns whether @sa needs an interface (RFC 4007, 6) and has none. */
static bool lacks_zone(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	return sa->sa_family == AF_INET6 && !in6->sin6_scope_id &&
	       (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ||
		IN6_IS_ADDR_MC_LINKLOCAL(&in6->sin6_addr));
}

void zc_give_zone(const struct addrinfo *list, unsigned zone)
{
	for (; list; list = list->ai_next) {
		if (lacks_zone(list->ai_addr))
			((struct sockaddr_in6 *)list->ai_addr)->sin6_scope_id = zone;
	}
}

bool zc_hint_interface(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		       const struct addrinfo *list, int err)
{
	const bool lacks = lacks_zone(list->ai_addr);
	const bool no_route = zc_is_group(list->ai_addr) && (err == ENETUNREACH || err == ENODEV);
	const bool v6 = list->ai_family == AF_INET6;

	if (!lacks && !no_route)
		return false;
	zc_hint(ctx, "%s: name the interface, as in %s%s%s%%eth0%s:%s",
		lacks ? "it is an address of one link" : "no route leads to the group",
		addr->udp ? "udp:" : "", v6 ? "[" : "", addr->host, v6 ? "]" : "", addr->port);
	return true;
}

static int fail_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
			const struct addrinfo *list, const struct zc_addr_failed *failed, int err)
{
	if (failed->name)
		return zc_addr_fail(ctx, failed, err);
	zc_fail(ctx, err, "connect to %s port %s", addr->host[0] ? addr->host : "this machine",
		addr->port);
	if (zc_hint_interface(ctx, addr, list, err))
		return -err;
	if (err == ECONNREFUSED)
		zc_hint(ctx, "start a receiver on that machine: zcdma verify --listen %s:%s%s",
			addr->udp ? "udp:" : "", addr->port, addr->framed ? ",framed" : "");
	else if (err == ENETUNREACH || err == EHOSTUNREACH)
		zc_hint(ctx, "check the route: ip route get %s", addr->host);
	else if (err == ETIMEDOUT)
		zc_hint(ctx, "check the address, and firewalls on the route");
	return -err;
}

int zc_connection_begin(const struct zcdma_addr *addr, const struct sockaddr_storage *to,
			socklen_t len)
{
	const struct addrinfo ai = {
		.ai_family = to->ss_family,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)to,
		.ai_addrlen = len,
	};
	struct zc_addr_failed failed;
	int fd = zc_open_socket(&ai), rc;

	if (fd < 0)
		return fd;
	rc = zc_addr_apply(fd, addr, &ai, ZC_ADDR_SEND, &failed);
	if (!rc && connect(fd, ai.ai_addr, len) && errno != EINPROGRESS)
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int zc_connection_end(int fd)
{
	const struct addrinfo ai = { .ai_socktype = SOCK_STREAM };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int err = 0;
	socklen_t len = sizeof(err);

	if (poll(&p, 1, 0) <= 0)
		return -EAGAIN;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return err ? -err : set_up(fd, &ai);
}

bool zc_connection_is_lost(int rc)
{
	static const int errors[] = { ECONNRESET,   EPIPE,    ECONNABORTED, ENETUNREACH,
				      EHOSTUNREACH, ENETDOWN, ENETRESET };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (rc == -errors[i])
			return true;
	}
	return false;
}

int zc_refuse_frames(struct zcdma_ctx *ctx, const struct zcdma_addr *addr)
{
	int rc;

	if (!addr->framed)
		return 0;
	rc = zc_fail_plain(ctx, EINVAL, "address %s:%s: framed is not for this", addr->host,
			   addr->port);
	zc_hint(ctx, "leave it out: a path to an address, and tcp: as a source, have frames");
	return rc;
}

ZC_PUBLIC int zcdma_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr)
{
	int rc = zc_refuse_frames(ctx, addr);

	return rc ? rc : zc_connect(ctx, addr);
}

int zc_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr)
{
	return zc_connect_within(ctx, addr, -1);
}

int zc_connect_within(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int timeout_ms)
{
	const uint64_t start = zc_now_ns(), deadline = zc_deadline(timeout_ms);
	struct zc_addr_failed failed;
	struct addrinfo *list;
	unsigned zone;
	int fd, rc = zc_addr_check(ctx, addr, ZC_ADDR_SEND, addr->host);

	if (!rc && !addr->port[strspn(addr->port, "0")]) {
		rc = zc_fail_plain(ctx, EINVAL, "address %s: port 0 cannot be sent to", addr->host);
		zc_hint(ctx, "give the port that the receiver listens on");
	}
	if (rc)
		return rc;
	rc = zc_lookup(ctx, addr, AF_UNSPEC, AI_ADDRCONFIG, &list, &zone);
	/* If only loopback is up, AI_ADDRCONFIG hides even "::1". */
	if (rc)
		rc = zc_lookup(ctx, addr, AF_UNSPEC, 0, &list, &zone);
	if (rc)
		return rc;
	do {
		fd = try_all(ctx, addr, list, zone, deadline, &failed);
	} while (fd == -ECONNREFUSED && zc_now_ns() - start < REFUSED_PATIENCE_NS &&
		 zc_time_left(deadline) && zc_poll(ctx, -1, 0, REFUSED_NAP_MS) == -ETIMEDOUT);
	if (fd < 0 && fd != -EINTR)
		fail_connect(ctx, addr, list, &failed, -fd);
	freeaddrinfo(list);
	return fd;
}

const char *zc_format_name(const struct sockaddr_storage *sa, socklen_t len, char *buf,
			   size_t buf_len)
{
	char host[128], port[16];
	const char *v4;

	if (sa->ss_family == AF_UNIX) {
		snprintf(buf, buf_len, "a Unix socket");
		return buf;
	}
	if (getnameinfo((const struct sockaddr *)sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV)) {
		snprintf(buf, buf_len, "?");
		return buf;
	}
	v4 = strncmp(host, "::ffff:", 7) ? host : host + 7; /* IPv4 through an IPv6 socket */
	snprintf(buf, buf_len, strchr(v4, ':') ? "[%s]:%s" : "%s:%s", v4, port);
	return buf;
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

ZC_PUBLIC int zcdma_sender_name(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, char *buf,
				size_t len)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST };
	struct sockaddr_storage sa = { 0 };
	struct addrinfo *ai;
	char *port = NULL;

	buf[0] = '\0';
	if (!addr->source[0])
		return 0;
	if (!getaddrinfo(addr->source, NULL, &numeric, &ai)) {
		memcpy(&sa, ai->ai_addr, ai->ai_addrlen);
		zc_format_name(&sa, ai->ai_addrlen, buf, len);
		freeaddrinfo(ai);
		port = strrchr(buf, ':');
	}
	if (!port) {
		zc_fail_plain(ctx, EINVAL, "source=%s is not valid", addr->source);
		zc_hint(ctx, "source= takes the address of a sender, as in 10.0.0.5");
		return -EINVAL;
	}
	port[1] = '\0';
	return 0;
}
