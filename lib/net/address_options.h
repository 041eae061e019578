/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of an address: one table, which says what each is set by, and what it is for. */
#ifndef ZCDMA_NET_ADDRESS_OPTIONS_H
#define ZCDMA_NET_ADDRESS_OPTIONS_H

#include <netdb.h>

#include "util/options.h"

/* What an address is used for. */
enum zc_addr_role {
	ZC_ADDR_SEND = 1 << 0,
	ZC_ADDR_RECEIVE = 1 << 1,
};

/* Returns the set of those options of @addr that fit its protocol and one of @roles, with its values. */
struct zc_option_set zc_addr_options(struct zcdma_addr *addr, unsigned roles);

/*
 * Check that the options which were given fit the protocol of @addr, and one of @roles. @name is the address in the
 * message. Returns 0, or -EINVAL with the error message set.
 */
int zc_addr_check(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, unsigned roles,
		  const char *name);

/* An option that could not be set. */
struct zc_addr_failed {
	const char *name, *hint;
	char value[64];
};

/*
 * Set the options of @addr on the socket @fd, which is for @ai and @role, before it connects or listens. Returns 0, or a
 * negative errno without a message, and then *@failed says which option it was.
 */
int zc_addr_apply(int fd, const struct zcdma_addr *addr, const struct addrinfo *ai,
		  enum zc_addr_role role, struct zc_addr_failed *failed);

/* Set the error message for an option that could not be set. Returns -@err. */
int zc_addr_fail(struct zcdma_ctx *ctx, const struct zc_addr_failed *failed, int err);

#endif
