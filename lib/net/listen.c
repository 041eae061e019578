// SPDX-License-Identifier: LGPL-2.1-or-later
/* Listens on one address, or on all that a name has; joins multicast groups; accepts connections. */
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "net/address_options.h"
#include "net/keep_alive.h"
#include "net/multicast.h"
#include "net/passed.h"
#include "net/socket.h"

#define BACKLOG 64

/* Requested size of a receive buffer, as UDP does not wait for the receiver; net.core.rmem_max limits it. */
#define UDP_BUFFER (32 << 20)

/* With port 0 the kernel chooses a port for the first address, which may be taken at another: attempts. */
#define PORT_TRIES 16

/* Ask for room; only with CAP_NET_ADMIN for more than net.core.rmem_max. */
static void set_buffer(int fd, const struct zcdma_addr *addr)
{
	const int buffer = addr->buffer ? (int)addr->buffer : UDP_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
}

static void set_options(int fd, const struct zcdma_addr *addr, const struct addrinfo *ai,
			bool alone)
{
	const int one = 1, other_family = !alone;
	bool stream = ai->ai_socktype == SOCK_STREAM;

	/* Not for UDP, where two receivers would share a port; members of a group each receive everything. */
	if (stream || zc_is_group(ai->ai_addr))
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!stream)
		set_buffer(fd, addr);
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &other_family, sizeof(other_family));
}

/*
 * Listen on @ai, which is @alone or one of several. Returns the socket, or a negative errno without a message, and then
 * *@failed says which option was refused, if that is what it is.
 */
static int try_listen(const struct zcdma_addr *addr, const struct addrinfo *ai, unsigned zone,
		      bool alone, struct zc_addr_failed *failed)
{
	bool stream = ai->ai_socktype == SOCK_STREAM, group = zc_is_group(ai->ai_addr);
	int fd = zc_open_socket(ai), rc;

	if (fd < 0)
		return fd;
	set_options(fd, addr, ai, alone);
	/* A connection inherits them. */
	rc = zc_addr_apply(fd, addr, ai, ZC_ADDR_RECEIVE, failed);
	if (rc)
		goto err_close;
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) || (stream && listen(fd, BACKLOG)))
		rc = -errno;
	else if (group)
		rc = zc_join_group(fd, ai, zone, addr->source);
	if (!rc)
		return fd;
err_close:
	close(fd);
	return rc;
}

static void close_all(const int *fds, int count)
{
	while (count > 0)
		close(fds[--count]);
}

/* Take those of the addresses of @list for which a socket was passed. Returns as try_all(). */
static int take_passed(const struct zcdma_addr *addr, const struct addrinfo *list, unsigned zone,
		       int *fds, int room, struct zc_addr_failed *failed)
{
	int count = 0, rc;

	for (const struct addrinfo *ai = list; ai && count < room; ai = ai->ai_next) {
		const int fd = zc_passed_socket(ai);

		if (fd == -ENOENT)
			continue;
		rc = fd < 0 ? fd : zc_addr_apply(fd, addr, ai, ZC_ADDR_RECEIVE, failed);
		if (!rc && zc_is_group(ai->ai_addr))
			rc = zc_join_group(fd, ai, zone, addr->source);
		if (fd >= 0)
			fds[count++] = fd;
		if (rc) {
			close_all(fds, count);
			return rc;
		}
	}
	return count;
}

/* Returns whether @ai is the first with its address, which the list may hold twice, as by two lines of /etc/hosts. */
static bool is_first(const struct addrinfo *list, const struct addrinfo *ai)
{
	for (; list != ai; list = list->ai_next) {
		if (list->ai_addrlen == ai->ai_addrlen &&
		    !memcmp(list->ai_addr, ai->ai_addr, ai->ai_addrlen))
			return false;
	}
	return true;
}

/* Give the addresses after @ai the port that the kernel chose for it. */
static void share_port(const struct addrinfo *ai, int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return;
	/* The port is at the same place in both families. */
	for (ai = ai->ai_next; ai; ai = ai->ai_next)
		((struct sockaddr_in *)ai->ai_addr)->sin_port =
			((const struct sockaddr_in *)&sa)->sin_port;
}

static bool is_elsewhere(int err)
{
	return err == EADDRNOTAVAIL || err == EAFNOSUPPORT;
}

/*
 * Listen on all addresses of @list that this machine has, at most @room. Returns their number, or a negative errno
 * without a message.
 */
static int try_all(const struct zcdma_addr *addr, const struct addrinfo *list, unsigned zone,
		   int *fds, int room, struct zc_addr_failed *failed)
{
	int count, none = -EADDRNOTAVAIL;

	failed->name = NULL;
	count = take_passed(addr, list, zone, fds, room, failed);
	if (count)
		return count;
	for (const struct addrinfo *ai = list; ai && count < room; ai = ai->ai_next) {
		int fd;

		if (!is_first(list, ai))
			continue;
		fd = try_listen(addr, ai, zone, !list->ai_next, failed);
		if (fd >= 0) {
			if (!count)
				share_port(ai, fd);
			fds[count++] = fd;
		} else if (is_elsewhere(-fd)) {
			none = fd;
		} else {
			close_all(fds, count);
			return fd;
		}
	}
	return count ? count : none;
}

static int fail_listen(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		       const struct addrinfo *list, const struct zc_addr_failed *failed, int err)
{
	if (failed->name)
		return zc_addr_fail(ctx, failed, err);
	zc_fail(ctx, err, "listen on %s port %s", addr->host[0] ? addr->host : "*", addr->port);
	if (zc_hint_interface(ctx, addr, list, err))
		return -err;
	if (err == EADDRNOTAVAIL)
		zc_hint(ctx, "give an address of this machine, or listen on all: :%s", addr->port);
	else if (err == EACCES)
		zc_hint(ctx,
			"take a higher port; net.ipv4.ip_unprivileged_port_start is the first that needs no CAP_NET_BIND_SERVICE");
	else if (err == EADDRINUSE)
		zc_hint(ctx, "find the program that listens there: ss -l%cnp 'sport = :%s'",
			addr->udp ? 'u' : 't', addr->port);
	return -err;
}

static bool has_port(const struct zcdma_addr *addr)
{
	return strcmp(addr->port, "0");
}

/* Check that source= names what can send to an address of @list. Returns 0 or -EINVAL. */
static int check_source(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
			const struct addrinfo *list)
{
	const int family = strchr(addr->source, ':') ? AF_INET6 : AF_INET;

	/* Without a host IPv6 takes both. */
	if (!addr->source[0] || !addr->host[0])
		return 0;
	for (; list; list = list->ai_next) {
		if (list->ai_family == family)
			return 0;
	}
	zc_fail_plain(ctx, EINVAL, "listen on %s port %s: source=%s is not of the same family",
		      addr->host, addr->port, addr->source);
	zc_hint(ctx, "give an IPv4 address with an IPv4 address, or IPv6 with IPv6");
	return -EINVAL;
}

/* Look up and listen, with one family. Returns the number of sockets, or a negative errno with the error message set. */
static int listen_on(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int family, int *fds,
		     int room)
{
	int tries = has_port(addr) ? 1 : PORT_TRIES, rc;
	struct zc_addr_failed failed;
	struct addrinfo *list;
	unsigned zone;

	if (addr->iface[0] && !if_nametoindex(addr->iface))
		return zc_fail_no_interface(ctx, addr, addr->iface);

	do {
		rc = zc_lookup(ctx, addr, family, AI_PASSIVE, &list, &zone);
		if (rc)
			return rc;
		if (addr->iface[0]) {
			zone = if_nametoindex(addr->iface);
			zc_give_zone(list, zone);
		}
		rc = check_source(ctx, addr, list);
		if (rc) {
			freeaddrinfo(list);
			return rc;
		}
		rc = try_all(addr, list, zone, fds, room, &failed);
		if (rc < 0)
			fail_listen(ctx, addr, list, &failed, -rc);
		freeaddrinfo(list);
	} while (rc == -EADDRINUSE && --tries);
	return rc;
}

int zc_listen_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int *fds, unsigned room)
{
	int rc = zc_addr_check(ctx, addr, ZC_ADDR_RECEIVE, addr->host[0] ? addr->host : "*");

	if (rc)
		return rc;
	if (addr->host[0])
		return listen_on(ctx, addr, AF_UNSPEC, fds, (int)room);
	/* Every address: one IPv6 socket takes IPv4 too, unless this machine has no IPv6. */
	rc = listen_on(ctx, addr, AF_INET6, fds, 1);
	return rc < 0 ? listen_on(ctx, addr, AF_INET, fds, 1) : rc;
}

ZC_PUBLIC int zcdma_listen_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int *fds,
			       unsigned room)
{
	int rc = zc_refuse_frames(ctx, addr);

	return rc ? rc : zc_listen_all(ctx, addr, fds, room);
}

ZC_PUBLIC int zcdma_listen(struct zcdma_ctx *ctx, const struct zcdma_addr *addr)
{
	int fd, rc = zcdma_listen_all(ctx, addr, &fd, 1);

	return rc < 0 ? rc : fd;
}

int zc_take_connection(int listener, char *peer, size_t peer_len)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd;

	do {
		fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		/* ECONNABORTED: the connection was gone before it was taken, accept(2). */
	} while (fd < 0 && (errno == ECONNABORTED || errno == EINTR));
	if (fd < 0)
		return -errno;
	if (!zc_is_kept_alive(fd))
		zc_keep_alive(fd, ZC_KEEPALIVE_SECONDS);
	if (peer)
		zc_format_name(&sa, len, peer, peer_len);
	return fd;
}

ZC_PUBLIC int zcdma_accept_any(struct zcdma_ctx *ctx, const int *fds, unsigned count, char *peer,
			       size_t len)
{
	int rc;

	if (!count)
		return zc_fail_plain(ctx, EINVAL, "accept a connection: no socket listens");
	for (;;) {
		for (unsigned i = 0; i < count; i++) {
			rc = zc_take_connection(fds[i], peer, len);
			if (rc >= 0)
				return rc;
			if (rc != -EAGAIN)
				return zc_fail(ctx, -rc, "accept a connection");
		}
		rc = zc_poll_any(ctx, fds, count, POLLIN, -1);
		if (rc)
			return rc;
	}
}

ZC_PUBLIC int zcdma_accept(struct zcdma_ctx *ctx, int fd, char *peer, size_t len)
{
	return zcdma_accept_any(ctx, &fd, 1, peer, len);
}
