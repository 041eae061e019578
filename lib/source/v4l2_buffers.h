/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The buffers that a V4L2 device fills: of which memory they are, so that their pages can be sent. */
#ifndef ZCDMA_SOURCE_V4L2_BUFFERS_H
#define ZCDMA_SOURCE_V4L2_BUFFERS_H

#include "memory/block_pool.h"
#include "source/v4l2_device.h"

struct zc_v4l2_way;

/* One that the device fills. */
struct zc_v4l2_slot {
	unsigned char *data;
	size_t len;
	int dmabuf;  /* or -1 */
	bool mapped; /* .data is the driver's memory */
	bool queued;
	bool reading;	/* the processor sees what the device wrote */
	size_t checked; /* up to there a frame of it was whole */
};

struct zc_v4l2_buffers {
	struct zc_v4l2 *device;
	const struct zc_v4l2_way *way; /* or NULL */
	struct zc_ring ring;	       /* of the program's own memory that the device fills */
	struct zc_pool pool; /* that frames are copied to; .ring.base is NULL where they are not */
	int udmabuf_fd;
	struct zc_v4l2_slot *slots;
	unsigned count, queued;
	uint64_t poison; /* what a slot holds before its first frame */
	/* Why the ways before were not taken, and what helps against the first; or empty. */
	char reason[512], hint[256];
};

/* The names of the ways to have buffers, as users write them; NULL for the first, and after the last. */
extern const char *const zc_v4l2_way_names[];

/*
 * Make @blocks buffers, or as many as the driver wants, for @uses (enum zc_use), in the way @way of
 * zc_v4l2_way_names; 0: in the first that works, of which one frame is taken to see that it is whole. Returns 0, or a
 * negative errno with the error message set.
 */
int zc_v4l2_buffers_make(struct zc_v4l2_buffers *b, unsigned blocks, unsigned uses, uint64_t way);
void zc_v4l2_buffers_free(struct zc_v4l2_buffers *b);

/* Returns the ring that blocks are delivered from, or NULL if they are the driver's own memory. */
const struct zc_ring *zc_v4l2_buffers_ring(const struct zc_v4l2_buffers *b);

/* Returns whether frames are copied to it. */
static inline bool zc_v4l2_buffers_copy(const struct zc_v4l2_buffers *b)
{
	return b->pool.unused;
}

/* Describe the way for people. */
const char *zc_v4l2_buffers_text(const struct zc_v4l2_buffers *b);

/* Queue a buffer, or all. Returns 0, or a negative errno without a message. */
int zc_v4l2_buffers_queue(struct zc_v4l2_buffers *b, unsigned index);
int zc_v4l2_buffers_queue_all(struct zc_v4l2_buffers *b);

/*
 * Dequeue a frame, as zc_v4l2_dequeue() does, and have the processor see it. Returns the same; -EIO if the driver names a
 * place that is not in the buffer.
 */
int zc_v4l2_buffers_dequeue(struct zc_v4l2_buffers *b, struct zc_v4l2_frame *frame);

/* Have the device stop, and give up all buffers. */
void zc_v4l2_buffers_stop(struct zc_v4l2_buffers *b);

/*
 * Count the bytes of the frame that the device did not write, in whole pages; only of what no frame of the slot has had
 * before, which alone shows that.
 */
size_t zc_v4l2_buffers_unwritten(struct zc_v4l2_buffers *b, const struct zc_v4l2_frame *frame);

/* Replace the pages of a buffer, which something may still read. Returns 0, or a negative errno. */
int zc_v4l2_buffers_renew(struct zc_v4l2_buffers *b, unsigned index);

#endif
