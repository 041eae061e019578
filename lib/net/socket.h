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

/* Open a socket for @ai. Returns it, or a negative errno without a message. */
int zc_open_socket(const struct addrinfo *ai);

/*
 * Set the hint that @addr, which was looked up as @list, needs an interface. Returns false if @err has another cause.
 */
bool zc_hint_interface(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		       const struct addrinfo *list, int err);

/*
 * Have the kernel probe the other end of a silent TCP connection, so that reading ends with ETIMEDOUT after 90 seconds
 * if it is gone.
 */
void zc_keep_alive(int fd);

/*
 * Take a pending connection of the listening socket @fd, as zcdma_accept() does. Returns its socket, -EAGAIN if none is
 * pending, or another negative errno without a message.
 */
int zc_take_connection(int fd, char *peer, size_t len);

/* Returns whether @sa is the address of a multicast group. */
bool zc_is_group(const struct sockaddr *sa);

/*
 * Join the group @ai on the interface @zone, or with 0 on the one that the route to it has; unless @source is empty, for
 * what that address sends. Closing @fd leaves it. Returns 0, or a negative errno without a message.
 */
int zc_join_group(int fd, const struct addrinfo *ai, unsigned zone, const char *source);

/* Send datagrams to groups through the interface @zone. Returns 0, or a negative errno without a message. */
int zc_send_to_group(int fd, int family, unsigned zone);

#endif
