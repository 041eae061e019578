/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why the kernel copies between a socket and its receiver. */
#ifndef ZCDMA_NET_NIC_H
#define ZCDMA_NET_NIC_H

#include "internal.h"

/*
 * Describe in @why, as a guess from the route, why MSG_ZEROCOPY sends on the connected socket @fd fall back to a copy.
 * Returns a hint, or NULL.
 */
const char *zc_why_copied(int fd, char *why, size_t len);

#endif
