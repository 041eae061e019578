// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a sender of frames does, whatever it sends: the receiver keeps to its ring, delivers each byte once and in order,
 * and ends or says why not. Heads are read as they stand, too.
 */
#include <string.h>
#include <sys/socket.h>

#include "source/tcp.h"
#include "bytes.h"
#include "fuzz.h"
#include "../unit/lab.h"

const char *const fuzz_seeds[] = { NULL };

/* Heads that are read are written the same. */
static void check_head(const uint8_t *data, size_t size)
{
	uint8_t head[ZC_FRAME_HEAD], again[ZC_FRAME_HEAD];
	struct zc_frame f;

	if (size < ZC_FRAME_HEAD)
		return;
	memcpy(head, data, sizeof(head));
	if (zc_frame_read(head, &f))
		return;
	zc_frame_write(&f, again);
	fuzz_assert(!memcmp(head, again, sizeof(head)));
}

/* Write a frame that may be wrong in one field. Returns its bytes. */
static size_t make_frame(struct bytes *in, uint64_t *offset, uint64_t *seq, uint8_t *to)
{
	const unsigned how = take_byte(in);
	struct zc_frame f = {
		.kind = how & 15 ? ZC_FRAME_BLOCK : (enum zc_frame_kind)(take_byte(in) % 6),
		.len = take_byte(in),
		.stream = 1 + (how == 255),
		.offset = *offset,
		.seq = *seq,
		.flags = how & 32 ? take_byte(in) & 3 : 0,
	};
	size_t len;

	if (f.kind != ZC_FRAME_BLOCK)
		f.len = how == 240 ? f.len : 0;
	if (how & 64) {
		f.lost_bytes = take_byte(in);
		f.offset += f.lost_bytes;
		f.seq += f.lost_blocks = take_byte(in) & 3;
	}
	if (how == 31)
		f.offset = take_short(in);
	if (how == 47)
		f.len = ZC_FRAME_MOST + take_byte(in);
	*offset = f.offset + f.len;
	*seq = f.seq + 1;
	zc_frame_write(&f, to);
	if (how == 63)
		to[take_byte(in) % ZC_FRAME_HEAD] ^= (uint8_t)take_byte(in);
	len = ZC_FRAME_HEAD + (f.len < 256 ? f.len : 0);
	memset(to + ZC_FRAME_HEAD, (int)*seq, len - ZC_FRAME_HEAD);
	return len;
}

static void send_frames(struct bytes *in, int fd)
{
	const struct zc_frame hello = { .kind = ZC_FRAME_HELLO, .stream = 1 };
	uint8_t frame[ZC_FRAME_HEAD + 256];
	uint64_t offset = 0, seq = 0;

	if (take_byte(in)) {
		zc_frame_write(&hello, frame);
		(void)!send(fd, frame, ZC_FRAME_HEAD, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	while (in->left) {
		size_t len = make_frame(in, &offset, &seq, frame);

		(void)!send(fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

/* Returns a source that has received nothing, the same each time, as a ring takes long to make. */
static struct tcp_source *fresh_source(struct zcdma_ctx **ctx)
{
	static struct zcdma_ctx *kept;
	static struct zcdma_source *src;
	struct tcp_source *t;

	if (!src)
		fuzz_assert(!zcdma_new(&kept) &&
			    !lab_open(kept, "tcp:127.0.0.1:0,framed", 0, &src));
	t = (struct tcp_source *)src;
	t->frames = (struct zc_tcp_frames){ .hash = t->frames.hash };
	t->base.failed.rc = 0;
	t->base.filled = 0;
	t->base.offset = t->base.seq = src->next_offset = src->next_seq = 0;
	t->ended = false;
	*ctx = kept;
	return t;
}

/* Give the source one end of a pair, whose other end is closed with all that it sends in the queue. */
static void receive(struct bytes *in)
{
	struct zcdma_ctx *ctx;
	struct tcp_source *t = fresh_source(&ctx);
	struct zcdma_source *src = &t->base.src;
	struct zcdma_block b;
	uint64_t end = 0;
	int pair[2], rc;

	fuzz_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	send_frames(in, pair[1]);
	shutdown(pair[1], SHUT_WR);
	t->fd = pair[0];
	t->lowat = 1;
	strcpy(t->end.peer, "a stranger");
	fuzz_assert(!zc_alarm_add(&t->alarm, t->fd));
	while ((rc = zc_source_take(src, 0, &b)) == 1) {
		fuzz_assert(b.len && b.len <= ZC_POOL_BLOCK && b.offset >= end);
		end = b.offset + b.len;
		zc_source_put(src, &b, ZC_PUT_REUSE);
	}
	/* All has come: there is nothing to wait for. */
	fuzz_assert(!rc || (rc != -EAGAIN && *zcdma_error(ctx)));
	close(t->fd);
	t->fd = -1;
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { .at = data, .left = size };

	check_head(data, size);
	receive(&in);
	return 0;
}
