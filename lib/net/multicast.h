/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Multicast groups. */
#ifndef ZCDMA_NET_MULTICAST_H
#define ZCDMA_NET_MULTICAST_H

#include <netdb.h>

#include "internal.h"

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
