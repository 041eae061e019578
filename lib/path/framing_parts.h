/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a framed stream. */
#ifndef ZCDMA_PATH_FRAMING_PARTS_H
#define ZCDMA_PATH_FRAMING_PARTS_H

#include <sys/socket.h>

#include "net/frame.h"
#include "path/path.h"

/* How long the receiver has to answer. */
#define ZC_FRAMING_ANSWER_NS 5000000000u

enum zc_link_state {
	ZC_LINK_UP,
	ZC_LINK_DRAINING, /* it broke: completions are waited for, so that blocks can be reused */
	ZC_LINK_NAPPING,  /* until the next try */
	ZC_LINK_CONNECTING,
	ZC_LINK_GREETING, /* the greeting is sent, and its answer waited for */
};

struct zc_framing {
	struct zcdma_addr addr;
	struct sockaddr_storage to;
	socklen_t to_len;
	uint64_t stream;
	int64_t clock_ns; /* what to add to CLOCK_MONOTONIC */

	/* What comes after the last block that was sent whole, in the stream, which begins with 0. */
	uint64_t offset, seq;
	bool based;
	uint64_t base_offset, base_seq; /* of the source */

	/* The head that is being sent. */
	uint8_t head[ZC_FRAME_HEAD];
	size_t head_sent;
	bool has_head;

	/* The connection, while it is not up. */
	enum zc_link_state state;
	int timer_fd, fd; /* .fd: the new socket, or -1 */
	uint64_t due_ns;  /* when the state ends at the latest */
	uint64_t broke_ns;
	uint8_t answer[ZC_FRAME_HEAD];
	size_t answer_len;
	struct zc_error failed; /* why the last try did */
};

/* Send the greeting on @fd, a new connection. Returns 0 or a negative errno. */
int zc_framing_greet(struct zc_framing *f, int fd);

/*
 * Read the answer to the greeting. Returns 0 and sets *@welcome, -EAGAIN, or another negative errno with the error message
 * set: -EPROTO if what answers does not know frames.
 */
int zc_framing_read_answer(struct zcdma_ctx *ctx, struct zc_framing *f, int fd, const char *name,
			   struct zc_frame *welcome);

/* Greet the receiver for the first time, and wait. Returns 0 or a negative errno with the error message set. */
int zc_framing_first_greeting(struct zcdma_ctx *ctx, struct zc_framing *f, int fd);

#endif
