/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: what a framed stream has before each block, and the messages around it. zcdma(7), FRAMES, has the layout. */
#ifndef ZCDMA_NET_FRAME_H
#define ZCDMA_NET_FRAME_H

#include "internal.h"

/* Bytes of a head; of data after it, at most. */
#define ZC_FRAME_HEAD 80u
#define ZC_FRAME_MOST (1u << 30)

#define ZC_FRAME_VERSION 1

enum zc_frame_kind {
	ZC_FRAME_HELLO = 1, /* of the sender: which stream it sends */
	ZC_FRAME_WELCOME,   /* of the receiver: what it expects next of that stream */
	ZC_FRAME_BLOCK,	    /* .len bytes of data follow */
	ZC_FRAME_END,	    /* the stream is complete; .offset and .seq are its totals */
};

enum zc_frame_flags {
	ZC_FRAME_DOUBT = 1 << 0, /* data may be missing before the block; it is unknown how much */
	ZC_FRAME_UNHASHED = 1 << 1, /* .hash is not one: the sender could not read the data */
};

struct zc_frame {
	enum zc_frame_kind kind;
	uint32_t flags;
	uint32_t len;			  /* of the data */
	uint64_t stream;		  /* a random number, the same in all frames of a stream */
	uint64_t offset;		  /* of the first byte in the stream, lost bytes included */
	uint64_t seq;			  /* of the block, lost blocks included */
	uint64_t time_ns;		  /* when the block became full, of CLOCK_REALTIME */
	uint64_t hash;			  /* XXH3 of the data */
	uint64_t lost_blocks, lost_bytes; /* right before the block, by the sender or before it */
};

/* Write a head. */
void zc_frame_write(const struct zc_frame *f, uint8_t head[ZC_FRAME_HEAD]);

/*
 * Read a head. Returns 0, -EPROTO if it does not begin as one, -EPROTONOSUPPORT if it is of another version, -EBADMSG if
 * it is damaged, or -ERANGE if its values are out of range.
 */
int zc_frame_read(const uint8_t head[ZC_FRAME_HEAD], struct zc_frame *f);

/* Returns whether @len bytes can be the beginning of a head. */
bool zc_frame_begins(const uint8_t *data, size_t len);

/* Returns what to add to CLOCK_MONOTONIC to get CLOCK_REALTIME, in ns. */
int64_t zc_frame_clock(void);

#endif
