/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies between a socket and its receiver, and why the kernel copies on it. */
#ifndef ZCDMA_NET_NIC_H
#define ZCDMA_NET_NIC_H

#include "internal.h"

/*
 * Why do MSG_ZEROCOPY sends on the connected socket @fd fall back to a copy? Puts a sentence into
 * @why and returns the cure, or NULL where there is none. A guess from what the system tells,
 * worded so.
 */
const char *zc_why_copied(int fd, char *why, size_t len);

#endif
