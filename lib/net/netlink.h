/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to the kernel by netlink(7): messages of libmnl, and their way there and back. */
#ifndef ZCDMA_NET_NETLINK_H
#define ZCDMA_NET_NETLINK_H

#include <libmnl/libmnl.h>

#include "internal.h"

/* Room for a request: the largest is that for a route of IPv6, with some ten attributes. */
struct zc_netlink_request {
	union {
		struct nlmsghdr header;
		char room[512];
	};
};

/*
 * Begin a request of @type, with @flags beside NLM_F_REQUEST and the family's own header of @len bytes, which is 0.
 * Returns that header. Attributes follow by mnl_attr_put() on @q->header.
 */
void *zc_netlink_begin(struct zc_netlink_request *q, uint16_t type, uint16_t flags, size_t len);

/* The same for @command of the generic netlink family @name. Returns 0; or -ENOENT, or another negative errno. */
int zc_netlink_begin_generic(struct zc_netlink_request *q, const char *name, uint8_t command);

/*
 * Send @q to @protocol, NETLINK_ROUTE or NETLINK_GENERIC, and call @take, which returns MNL_CB_OK, with each message of
 * the answer. Returns 0 or a negative errno.
 */
int zc_netlink_ask(int protocol, struct zc_netlink_request *q, mnl_cb_t take, void *arg);

#endif
