/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that a service manager has bound and passed to this process, as sd_listen_fds(3) says. */
#ifndef ZCDMA_NET_PASSED_H
#define ZCDMA_NET_PASSED_H

#include <netdb.h>

#include "internal.h"

/* Returns a duplicate of the passed socket that has the address of @ai, or -ENOENT, or another negative errno. */
int zc_passed_socket(const struct addrinfo *ai);

#endif
