/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets: what connecting and listening share. */
#ifndef ZCDMA_NET_SOCKET_H
#define ZCDMA_NET_SOCKET_H

#include <netdb.h>

#include "internal.h"

/*
 * Look up @addr's addresses of @family, with getaddrinfo()'s @flags, into *@list for freeaddrinfo(); *@zone is the
 * index of the interface that it names after "%", or 0. Returns 0, or a negative errno with the error message set.
 */
int zc_lookup(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int family, int flags,
	      struct addrinfo **list, unsigned *zone);

/* Fail as the interface @name, of @addr, does not exist. Returns -ENODEV. */
int zc_fail_no_interface(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, const char *name);

/* Connect, as zcdma_connect() does, also for a stream that is framed. */
int zc_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/* The same, but give up with -ETIMEDOUT after @timeout_ms, which several addresses of the name share; -1 is without limit. */
int zc_connect_within(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int timeout_ms);

/*
 * Begin a connection over TCP to @to, with the options of @addr. Returns its socket, or a negative errno without a
 * message.
 */
int zc_connection_begin(const struct zcdma_addr *addr, const struct sockaddr_storage *to,
			socklen_t len);

/* Returns 0 if the connection is made, -EAGAIN if it is not yet, or another negative errno without a message. */
int zc_connection_end(int fd);

/* Returns whether @rc, a negative errno, says that a connection is lost, or the way to the other end. */
bool zc_connection_is_lost(int rc);

/* Listen, as zcdma_listen_all() does, also for a stream that is framed. */
int zc_listen_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int *fds, unsigned room);

/* Refuse frames where a socket alone is asked for. Returns 0, or -EINVAL with the error message set. */
int zc_refuse_frames(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/* Open a socket for @ai. Returns it, or a negative errno without a message. */
int zc_open_socket(const struct addrinfo *ai);

/* Set interface @zone in those addresses of @list that need one and have none: those of one link (RFC 4007, 6). */
void zc_give_zone(const struct addrinfo *list, unsigned zone);

/*
 * Set the hint that @addr, which was looked up as @list, needs an interface. Returns false if @err has another cause.
 */
bool zc_hint_interface(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		       const struct addrinfo *list, int err);

/*
 * Take a pending connection of the listening socket @fd, as zcdma_accept() does. Returns its socket, -EAGAIN if none is
 * pending, or another negative errno without a message.
 */
int zc_take_connection(int fd, char *peer, size_t len);

#endif
