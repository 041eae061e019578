/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tcp: - what receiving bytes and receiving frames share. */
#ifndef ZCDMA_SOURCE_TCP_H
#define ZCDMA_SOURCE_TCP_H

#include <xxhash.h>

#include "net/frame.h"
#include "source/endpoint.h"
#include "source/pool_source.h"
#include "util/alarm.h"

/* How long bytes may wait for a block to be full. */
#define ZC_TCP_PATIENCE_NS 10000000u

/* What receives frames. */
struct zc_tcp_frames {
	uint8_t head[ZC_FRAME_HEAD];
	size_t head_len;
	bool greeted; /* the greeting has come on this connection ... */
	bool resumed; /* ... of a stream that has come before, and its next frame may overlap what did */
	struct zc_frame frame; /* whose data is coming ... */
	bool inside;	       /* ... if one is */
	uint32_t left,
		skip; /* of its data: bytes that have not come; .skip of them came before the connection broke */
	XXH3_state_t *hash; /* of its data until now */

	/* The stream. */
	bool known;
	uint64_t stream;
	uint64_t offset, seq; /* that come next */
	int64_t clock_ns;     /* what to add to CLOCK_MONOTONIC */
	uint64_t deadline_ns; /* until when the sender may come back; 0: it is not waited for */

	/* What is missing before the block that is being filled. */
	struct zcdma_loss sender, connection;
	bool doubt;
};

struct tcp_source {
	struct zc_pool_source base;
	uint64_t receive; /* enum receive */
	struct zc_endpoint end;
	struct zc_alarm alarm;
	int fd;	   /* the connection, or -1 */
	int lowat; /* its SO_RCVLOWAT */
	bool ended;
	struct zcdma_source *lender; /* without a ring: it lends the connection */
	uint64_t due_ns;      /* when the block goes on although it is not full; 0: not decided */
	uint64_t deadline_ns; /* 0: not stopping */
	struct zc_tcp_frames frames;
};

/* Have the connection be readable from @bytes on. */
void zc_tcp_set_lowat(struct tcp_source *t, size_t bytes);

/* Set the error message for @err of the connection. Returns -@err. */
int zc_tcp_fail(struct tcp_source *t, int err);

/* Prepare to receive frames. Returns 0 or a negative errno with the error message set. */
int zc_tcp_frames_open(struct tcp_source *t);
void zc_tcp_frames_close(struct tcp_source *t);

/*
 * Receive frames into the block that is being filled, until one is whole, or the block is full. Returns 1 if the block
 * goes on; 0 at the end of the stream; -EAGAIN if nothing more is there, also where the connection broke and the sender
 * is waited for; or another negative errno with the error message set.
 */
int zc_tcp_frames_fill(struct tcp_source *t);

/* Describe the block, which holds bytes of a frame, and what is missing before it. */
void zc_tcp_frames_describe(struct tcp_source *t, struct zcdma_block *b);

/* Returns -ETIMEDOUT with the error message set if the sender has not come back in time, else 0. */
int zc_tcp_frames_wait(struct tcp_source *t);

#endif
