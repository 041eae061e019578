// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A framed stream: the head before each block, and the mark of the end. A head is copied into the socket and waits for the
 * block (MSG_MORE), whose path sends it as it sends any block.
 */
#include <stdlib.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <xxhash.h>

#include "path/framing_parts.h"

int zc_framing_new(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int fd,
		   struct zc_framing **out)
{
	struct zc_framing *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return zc_fail(ctx, ENOMEM, "send frames to %s", addr->host);
	f->addr = *addr;
	f->fd = -1;
	f->clock_ns = zc_frame_clock();
	f->to_len = sizeof(f->to);
	f->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (f->timer_fd < 0 || getpeername(fd, (struct sockaddr *)&f->to, &f->to_len) ||
	    getrandom(&f->stream, sizeof(f->stream), 0) != sizeof(f->stream))
		rc = zc_fail(ctx, errno, "send frames to %s", addr->host);
	else
		rc = zc_framing_first_greeting(ctx, f, fd);
	if (rc)
		zc_framing_free(f);
	else
		*out = f;
	return rc;
}

void zc_framing_free(struct zc_framing *f)
{
	if (!f)
		return;
	if (f->timer_fd >= 0)
		close(f->timer_fd);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

/*
 * Heads
 */

static uint64_t after(uint64_t position, uint64_t base, uint64_t least)
{
	return position >= base && position - base > least ? position - base : least;
}

/* Describe the block in @frame, whose positions count from the first block, and never go back. */
static void describe(struct zc_framing *f, const struct zcdma_block *b, struct zc_frame *frame)
{
	bool doubt = b->flags & ZCDMA_BLOCK_DISCONTINUITY;

	/* What a source lost before its first block is a part of the stream. */
	if (!f->based && !(b->flags & ZCDMA_BLOCK_LOST)) {
		f->base_offset = b->offset;
		f->base_seq = b->seq;
	}
	f->based = true;
	*frame = (struct zc_frame){
		.kind = ZC_FRAME_BLOCK,
		.len = (uint32_t)b->len,
		.stream = f->stream,
		.offset = after(b->offset, f->base_offset, f->offset),
		.seq = after(b->seq, f->base_seq, f->seq),
		.time_ns = b->time_ns + (uint64_t)f->clock_ns,
	};
	frame->lost_bytes = frame->offset - f->offset;
	frame->lost_blocks = frame->seq - f->seq;
	for (unsigned i = 0; i < ZCDMA_LOSS_CAUSES; i++)
		doubt |= b->lost[i].count && b->lost[i].bytes == ZCDMA_UNKNOWN;
	if (doubt)
		frame->flags |= ZC_FRAME_DOUBT;
	if (b->data)
		frame->hash = XXH3_64bits(b->data, b->len);
	else
		frame->flags |= ZC_FRAME_UNHASHED;
}

/* Send the rest of the head. Returns 0, -EAGAIN, or another negative errno with the error message set. */
static int push_head(struct zcdma_path *path, int flags)
{
	struct zc_framing *f = path->framing;

	while (f->head_sent < ZC_FRAME_HEAD) {
		ssize_t n = send(path->sink.fd, f->head + f->head_sent,
				 ZC_FRAME_HEAD - f->head_sent, MSG_NOSIGNAL | MSG_DONTWAIT | flags);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return -EAGAIN;
		if (n < 0)
			return zc_path_fail(path, errno, "send");
		f->head_sent += (size_t)n;
	}
	return 0;
}

static void set_head(struct zc_framing *f, const struct zc_frame *frame)
{
	zc_frame_write(frame, f->head);
	f->head_sent = 0;
	f->has_head = true;
}

int zc_framing_head(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct zc_framing *f = path->framing;
	struct zc_frame frame;
	int rc;

	if (b->len > ZC_FRAME_MOST)
		return zc_fail_plain(path->ctx, EMSGSIZE,
				     "send to %s: a block of %zu bytes, and a frame holds %u",
				     path->sink.name, b->len, ZC_FRAME_MOST);
	if (!f->has_head) {
		describe(f, b, &frame);
		set_head(f, &frame);
	}
	rc = push_head(path, b->len ? MSG_MORE : 0);
	return rc;
}

void zc_framing_sent(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct zc_framing *f = path->framing;

	f->offset = after(b->offset, f->base_offset, f->offset) + b->len;
	f->seq = after(b->seq, f->base_seq, f->seq) + 1;
	f->has_head = false;
	path->stats.frames++;
}

/*
 * The end
 */

/* Send the mark of the end. Returns 0, -EAGAIN, or another negative errno with the error message set. */
static int send_end(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;
	const struct zc_frame end = {
		.kind = ZC_FRAME_END,
		.stream = f->stream,
		.offset = f->offset,
		.seq = f->seq,
	};

	if (!f->has_head)
		set_head(f, &end);
	return push_head(path, 0);
}

int zc_framing_end(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	for (;;) {
		int rc = complete ? zc_framing_ready(path) : 0;

		if (!complete && path->framing->state != ZC_LINK_UP)
			return 0;
		if (!rc && complete)
			rc = send_end(path);
		if (!rc)
			rc = zc_path_end_connection(path, complete, deadline_ns);
		if (rc == -EAGAIN)
			rc = zc_wait(path->ctx, NULL, path, ZC_WAIT_ROOM,
				     zc_time_left(deadline_ns));
		else if (!rc || !complete || !zc_framing_survives(path, rc))
			return rc;
		else
			rc = 0;
		if (rc)
			return rc;
	}
}
