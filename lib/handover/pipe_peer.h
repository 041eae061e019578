/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process at the other end of a pipe. */
#ifndef ZCDMA_HANDOVER_PIPE_PEER_H
#define ZCDMA_HANDOVER_PIPE_PEER_H

#include <sys/stat.h>

#include "internal.h"

/*
 * Returns whether this program runs at the other end of the pipe @fd, in the same network namespace. As slow as
 * zcdma_pipe_peer().
 */
bool zc_pipe_peer_is_like_us(int fd);

/*
 * Check whether a process at the other end of the pipe @fd reads @file, or one that writes to that process's
 * standard input. Describes it in @buf of @len bytes as zcdma_pipe_peer() does, and is as slow.
 */
bool zc_pipe_peer_reads(int fd, const struct stat *file, char *buf, size_t len);

#endif
