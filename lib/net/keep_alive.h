/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps a silent TCP connection, or gives it up. */
#ifndef ZCDMA_NET_KEEP_ALIVE_H
#define ZCDMA_NET_KEEP_ALIVE_H

#include "internal.h"

/* How long the other end of a silent TCP connection may be gone. */
#define ZC_KEEPALIVE_SECONDS 90u

/*
 * Have the kernel probe the other end of a silent TCP connection, so that reading ends with ETIMEDOUT after @seconds, 3
 * or more, if it is gone.
 */
void zc_keep_alive(int fd, unsigned seconds);

/* Returns whether the kernel does so. */
bool zc_is_kept_alive(int fd);

/*
 * Have the kernel wait for @seconds until the other end takes what was sent, be it gone or out of room. 0: as it does by
 * itself, for some 15 minutes if it is gone, and without a limit if it is out of room.
 */
void zc_limit_unacknowledged(int fd, unsigned seconds);

#endif
