/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a capture file or pipe. */
#ifndef ZCDMA_PACKET_CAPTURE_BYTES_H
#define ZCDMA_PACKET_CAPTURE_BYTES_H

#include <stdio.h>

#include "internal.h"

/* They are read ahead, so that a packet of a pipe is taken only once all of it is there. */
struct zc_capture_bytes {
	int fd;
	uint8_t *buffer;
	size_t room, taken, len;
	bool ended;	 /* nothing follows what is in the buffer ... */
	int err;	 /* ... as a read failed, or 0 */
	FILE *file;	 /* that libpcap reads through, or NULL */
	off_t given;	 /* bytes that .file has read */
	size_t may_give; /* bytes that it may still read */
};

/*
 * Read what is there, without a wait, until the next @size bytes are known. Returns false if they may still come; they may
 * be fewer at the end.
 */
bool zc_capture_bytes_have(struct zc_capture_bytes *s, size_t size);

/*
 * Read up to @size bytes, and wait for the first. Another program may have made a pipe non-blocking. Returns the number of
 * bytes, 0 at the end, or -1 with errno set.
 */
ssize_t zc_capture_bytes_read(struct zc_capture_bytes *s, void *to, size_t size);

/* Copy the next @size bytes without taking them, of those that are known. Returns their number. */
size_t zc_capture_bytes_peek(const struct zc_capture_bytes *s, void *to, size_t size);

/* Report that the file @name ends in the middle of a packet. Returns -EIO. */
int zc_capture_fail_cut(struct zcdma_ctx *ctx, const char *name);

#endif
