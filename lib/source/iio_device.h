/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The buffer of an IIO device, which fills dma-bufs that a program has it import. */
#ifndef ZCDMA_SOURCE_IIO_DEVICE_H
#define ZCDMA_SOURCE_IIO_DEVICE_H

#include "internal.h"

struct zc_iio {
	struct zcdma_ctx *ctx;
	const char *path; /* its owner's */
	int fd;		  /* of the buffer */
	char folder[64];  /* of the buffer's attributes, in sysfs */
	bool enabled;
};

/* Open the first buffer of @d->path. Returns 0, or a negative errno with the error message set. */
int zc_iio_open(struct zc_iio *d);
void zc_iio_close(struct zc_iio *d);

/* Have the driver import a dma-buf, or let go of it. Returns 0, or a negative errno without a message. */
int zc_iio_attach(struct zc_iio *d, int dmabuf);
int zc_iio_detach(struct zc_iio *d, int dmabuf);

/*
 * Queue @bytes of an imported dma-buf, to be filled. Returns a descriptor that is readable when they are, to be closed; or
 * a negative errno without a message.
 */
int zc_iio_queue(struct zc_iio *d, int dmabuf, size_t bytes);

/* Returns 1 when what zc_iio_queue() returned says that the bytes are there, 0 before, or the negative errno of the transfer. */
int zc_iio_is_full(int fence);

/* Start or stop the device. Returns 0, or a negative errno with the error message set. */
int zc_iio_enable(struct zc_iio *d, bool on);

/* Returns whether the device was removed: what is queued then is never filled. */
bool zc_iio_is_gone(const struct zc_iio *d);

/* Set the error message for @err of "WHAT PATH". Returns -@err. */
int zc_iio_fail(struct zc_iio *d, int err, const char *what);

#endif
