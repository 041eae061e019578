/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a capture file or pipe. */
#ifndef ZCDMA_PACKET_CAPTURE_BYTES_H
#define ZCDMA_PACKET_CAPTURE_BYTES_H

#include <stdio.h>

#include "internal.h"

/* They are read ahead, so that zc_capture_bytes_is_idle() knows whether more are there. */
struct zc_capture_bytes {
	int fd;
	size_t taken, len;
	uint8_t buffer[65536];
	FILE *file;  /* that libpcap reads through, or NULL */
	off_t given; /* bytes that .file has read */
};

/*
 * Read up to @size bytes, and wait for the first. Another program may have made a pipe non-blocking; a signal in the
 * middle of a packet waits for the rest of the packet. Returns the number of bytes, 0
 * at the end, or -1 with errno set.
 */
ssize_t zc_capture_bytes_read(struct zc_capture_bytes *s, void *to, size_t size);

/* Copy the next @size bytes without taking them. Returns their number, which is less at the end. */
size_t zc_capture_bytes_peek(struct zc_capture_bytes *s, void *to, size_t size);

/* Returns whether a read would wait. */
bool zc_capture_bytes_is_idle(const struct zc_capture_bytes *s);

/* Report that the file @name ends in the middle of a packet. Returns -EIO. */
int zc_capture_fail_cut(struct zcdma_ctx *ctx, const char *name);

#endif
