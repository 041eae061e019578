/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A V4L2 device that captures: its format, its buffers' queue, its events. */
#ifndef ZCDMA_SOURCE_V4L2_DEVICE_H
#define ZCDMA_SOURCE_V4L2_DEVICE_H

#include <linux/videodev2.h>

#include "internal.h"

/* What a caller asks for; 0: as the device is set. */
struct zc_v4l2_wish {
	uint32_t fourcc;
	uint32_t width, height;
	double fps;
};

struct zc_v4l2 {
	struct zcdma_ctx *ctx;
	const char *path; /* its owner's */
	int fd;
	enum v4l2_buf_type type;
	bool simulated;	      /* a driver that only draws */
	bool has_events;      /* of a source that changes */
	bool is_compressed;   /* its frames vary in size */
	uint32_t frame_bytes; /* of the largest frame */
	char format[64];      /* "YUYV 1280x720, 30 frames/s" */
};

/* A buffer as it is queued. */
struct zc_v4l2_buffer {
	uint32_t index;
	enum v4l2_memory memory;
	int dmabuf; /* V4L2_MEMORY_DMABUF */
	void *data; /* V4L2_MEMORY_USERPTR */
	size_t len;
};

struct zc_v4l2_frame {
	uint32_t index;
	uint32_t offset, bytes; /* where its data is in the buffer */
	uint32_t seq;
	bool damaged, last;
	uint64_t time_ns;
	const char *clock; /* what .time_ns is */
};

/* Open @d->path. Returns 0, or a negative errno with the error message set. */
int zc_v4l2_open(struct zc_v4l2 *d);

/* Set the format. Returns 0, -EINVAL if the device has another one instead, or another negative errno. */
int zc_v4l2_set_format(struct zc_v4l2 *d, const struct zc_v4l2_wish *wish);

/*
 * Request *@count buffers of @memory, and set what was granted; 0 frees them. Returns 0, or a negative errno without a
 * message.
 */
int zc_v4l2_request(struct zc_v4l2 *d, enum v4l2_memory memory, unsigned *count);

/* Find where buffer @index of V4L2_MEMORY_MMAP is mapped, for mmap(). Returns 0, or a negative errno without a message. */
int zc_v4l2_query(struct zc_v4l2 *d, unsigned index, off_t *offset, size_t *len);

/* Queue a buffer, to be filled. Returns 0, or a negative errno without a message. */
int zc_v4l2_queue(struct zc_v4l2 *d, const struct zc_v4l2_buffer *b);

/*
 * Dequeue a full buffer. Returns 0; -EAGAIN if none is full; -EPIPE if none will come; or another negative errno without
 * a message.
 */
int zc_v4l2_dequeue(struct zc_v4l2 *d, enum v4l2_memory memory, struct zc_v4l2_frame *frame);

/* Start or stop the device, which gives up all its buffers then. Returns 0, or a negative errno without a message. */
int zc_v4l2_stream(struct zc_v4l2 *d, bool on);

/* Returns whether the device has reported that what it captures has another format now. */
bool zc_v4l2_has_changed(struct zc_v4l2 *d);

/* Set the error message for @err of "WHAT PATH". Returns -@err. */
int zc_v4l2_fail(struct zc_v4l2 *d, int err, const char *what);

#endif
