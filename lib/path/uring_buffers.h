/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring of blocks as registered buffers of io_uring, which pins it once and not for each call. */
#ifndef ZCDMA_PATH_URING_BUFFERS_H
#define ZCDMA_PATH_URING_BUFFERS_H

#include "path/uring_compat.h"

struct zc_ring;

/*
 * Register @blocks in as few buffers as possible, with each block in one of them. Sets *@each to the bytes of a buffer:
 * a byte of the ring at @at is in buffer @at / *@each. Returns 0 or a negative errno without a message.
 */
int zc_uring_register(struct io_uring *uring, const struct zc_ring *blocks, size_t *each);

#endif
