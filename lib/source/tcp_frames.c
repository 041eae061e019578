// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * tcp: with frames. Each frame becomes a block, or several; its hash is checked when all of it has come. What a broken
 * connection left of a frame is not delivered, as the sender begins it anew.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/tcp.h"

int zc_tcp_frames_open(struct tcp_source *t)
{
	struct zc_tcp_frames *f = &t->frames;

	f->clock_ns = zc_frame_clock();
	if (!f->hash)
		f->hash = XXH3_createState();
	return f->hash ? 0 : zc_fail(t->base.src.ctx, ENOMEM, "source %s", t->base.src.name);
}

void zc_tcp_frames_close(struct tcp_source *t)
{
	XXH3_freeState(t->frames.hash);
	t->frames.hash = NULL;
}

/*
 * Errors
 */

static int fail_frame(struct tcp_source *t, int err, const char *why, const char *hint)
{
	int rc =
		zc_fail_plain(t->base.src.ctx, err, "receive frames from %s: %s", t->end.peer, why);

	if (hint)
		zc_hint(t->base.src.ctx, "%s", hint);
	return rc;
}

static int fail_foreign(struct tcp_source *t)
{
	return fail_frame(
		t, EPROTO, "it does not send frames",
		"give the sender's address the option too, HOST:PORT,framed, or leave framed out here");
}

static int fail_head(struct tcp_source *t, int err)
{
	switch (err) {
	case EPROTO:
		/* The first bytes decide whether the sender knows frames at all. */
		return t->frames.greeted
			       ? fail_frame(t, EBADMSG, "a frame does not begin as one", NULL)
			       : fail_foreign(t);
	case EPROTONOSUPPORT:
		return fail_frame(t, EPROTO, "it sends another version of frames",
				  "use the same version of zcdma at both ends");
	case ERANGE:
		return fail_frame(t, EBADMSG, "a frame has values out of range", NULL);
	default:
		return fail_frame(t, EBADMSG, "the head of a frame is damaged", NULL);
	}
}

/* The connection ended, with @err or 0, and without the mark of the end. */
static int fail_unended(struct tcp_source *t, int err)
{
	if (!t->frames.greeted && !err)
		return t->frames.head_len ? fail_foreign(t)
					  : fail_frame(t, ECONNRESET, "it sent nothing",
						       "retry=N takes the next connection instead");
	if (err && err != ECONNRESET)
		return zc_tcp_fail(t, err);
	return fail_frame(
		t, ECONNRESET, "the sender ended without its mark",
		"it failed or was ended before all had arrived; what had come before is kept");
}

/*
 * The connection
 */

/* Close the connection. What of a frame has come, and was not delivered, comes again. */
static void drop_connection(struct tcp_source *t)
{
	struct zc_tcp_frames *f = &t->frames;

	close(t->fd);
	t->fd = -1;
	t->base.filled = 0;
	f->head_len = 0;
	f->hello_ns = 0;
	f->inside = f->greeted = false;
	t->base.src.info.peer = f->known ? t->end.peer : NULL;
}

/* Count a connection of the stream that ended without the mark of the end. */
static void note_break(struct tcp_source *t)
{
	t->base.src.stats.breaks++;
	t->frames.broken = true;
}

/* Close a connection that is of no use any more, where the sender may come by another one. */
static void lose_connection(struct tcp_source *t)
{
	if (t->frames.greeted)
		note_break(t);
	else
		t->base.src.stats.ignored_connections++;
	drop_connection(t);
}

/*
 * The connection is of no use any more, for the reason that the context's error message has. Returns -EAGAIN if the sender
 * is waited for, or @rc.
 */
static int give_up(struct tcp_source *t, int rc)
{
	const uint64_t retry = t->end.addr.retry;
	struct zc_tcp_frames *f = &t->frames;

	if (!retry && f->greeted)
		note_break(t);
	if (!retry)
		return rc;
	lose_connection(t);
	if (f->known && !f->deadline_ns)
		f->deadline_ns =
			retry == UINT64_MAX ? UINT64_MAX : zc_now_ns() + retry * 1000000000u;
	f->wake_ns = f->deadline_ns == UINT64_MAX ? 0 : f->deadline_ns;
	return -EAGAIN;
}

int zc_tcp_frames_wait(struct tcp_source *t)
{
	const struct zc_tcp_frames *f = &t->frames;

	if (!f->deadline_ns || zc_now_ns() < f->deadline_ns)
		return 0;
	return fail_frame(t, ETIMEDOUT, "the sender ended without its mark, and did not come back",
			  "what had come before is kept; retry=N waits longer");
}

/* Wait for the greeting, or, where the sender may come by another connection, give this one up. */
static int wait_for_hello(struct tcp_source *t, size_t missing)
{
	struct zc_tcp_frames *f = &t->frames;
	const uint64_t now = zc_now_ns();

	if (!f->hello_ns)
		f->hello_ns = now + ZC_TCP_HELLO_NS;
	if (now >= f->hello_ns)
		return give_up(t, fail_frame(t, ETIMEDOUT, "it does not greet", NULL));
	f->wake_ns = f->hello_ns;
	zc_tcp_set_lowat(t, missing);
	return -EAGAIN;
}

/* Wait for @missing bytes, or a while: the kernel may have less room than that. */
static int wait_for(struct tcp_source *t, size_t missing)
{
	if (!t->frames.greeted && t->end.addr.retry)
		return wait_for_hello(t, missing);
	t->frames.wake_ns = missing > ZC_FRAME_HEAD ? zc_now_ns() + ZC_TCP_PATIENCE_NS : 0;
	zc_tcp_set_lowat(t, missing);
	return -EAGAIN;
}

/* Receive up to @len bytes. Returns how many, -EAGAIN, or another negative errno with the error message set. */
static ssize_t receive(struct tcp_source *t, void *to, size_t len)
{
	ssize_t n;

	do {
		n = recv(t->fd, to, len, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n < 0 && errno == EAGAIN)
		return wait_for(t, len);
	return give_up(t, fail_unended(t, n ? errno : 0));
}

/*
 * Heads
 */

/* Answer a greeting. Another stream is not ours where something of the one that is known has come. */
static int take_hello(struct tcp_source *t, const struct zc_frame *hello)
{
	struct zc_tcp_frames *f = &t->frames;
	const struct zc_frame welcome = {
		.kind = ZC_FRAME_WELCOME,
		.stream = hello->stream,
		.offset = f->offset,
		.seq = f->seq,
	};
	const bool same = f->known && hello->stream == f->stream;
	uint8_t head[ZC_FRAME_HEAD];

	if (f->known && !same && (f->offset || f->seq))
		return give_up(t, fail_frame(t, EPROTO, "it sends another stream", NULL));
	zc_frame_write(&welcome, head);
	if (send(t->fd, head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(head))
		return give_up(t, fail_unended(t, ECONNRESET));
	f->resumed = same;
	f->known = f->greeted = true;
	f->stream = hello->stream;
	f->deadline_ns = 0;
	return 0;
}

/* Note what is missing before the position of @frame: by the sender as far as it says so, the rest by the connection. */
static void note_gap(struct tcp_source *t, const struct zc_frame *frame)
{
	struct zc_tcp_frames *f = &t->frames;
	const uint64_t bytes = frame->offset > f->offset ? frame->offset - f->offset : 0;
	const uint64_t blocks = frame->seq > f->seq ? frame->seq - f->seq : 0;
	const struct zcdma_loss sender = { zc_min(blocks, frame->lost_blocks),
					   zc_min(bytes, frame->lost_bytes) };

	f->sender.count += sender.count;
	f->sender.bytes += sender.bytes;
	f->connection.count += blocks - sender.count;
	f->connection.bytes += bytes - sender.bytes;
	/* Bytes without a number of blocks: the base counts blocks. */
	f->doubt |= frame->flags & ZC_FRAME_DOUBT || (sender.bytes && !sender.count);
	t->base.src.stats.connection_lost_blocks += blocks - sender.count;
	t->base.src.stats.connection_lost_bytes += bytes - sender.bytes;
	f->offset += bytes;
	f->seq += blocks;
	f->broken = false;
}

static int take_block_head(struct tcp_source *t, const struct zc_frame *frame)
{
	struct zc_tcp_frames *f = &t->frames;
	const uint64_t end = frame->offset + frame->len;

	if ((frame->offset < f->offset || frame->seq < f->seq) && !f->resumed)
		return fail_frame(t, EBADMSG, "a frame goes back in the stream", NULL);
	note_gap(t, frame);
	f->frame = *frame;
	f->inside = true;
	f->left = frame->len;
	f->skip = frame->offset >= f->offset ? 0
		  : end <= f->offset	     ? frame->len
					     : (uint32_t)(f->offset - frame->offset);
	f->resumed = false;
	XXH3_64bits_reset(f->hash);
	return 0;
}

/* Take a head that is complete. Returns 1 to go on, 0 at the end, or a negative errno. */
static int take_head(struct tcp_source *t)
{
	struct zc_tcp_frames *f = &t->frames;
	struct zc_frame frame;
	int rc = zc_frame_read(f->head, &frame);

	f->head_len = 0;
	if (rc)
		return give_up(t, fail_head(t, -rc));
	if (!f->greeted != (frame.kind == ZC_FRAME_HELLO) ||
	    (f->greeted && frame.stream != f->stream))
		return give_up(t,
			       fail_frame(t, EBADMSG, "a frame that does not belong there", NULL));
	switch (frame.kind) {
	case ZC_FRAME_HELLO:
		rc = take_hello(t, &frame);
		break;
	case ZC_FRAME_BLOCK:
		rc = take_block_head(t, &frame);
		break;
	case ZC_FRAME_END:
		note_gap(t, &frame);
		return 0;
	default:
		rc = give_up(t, fail_frame(t, EBADMSG, "a frame that does not belong there", NULL));
	}
	return rc ? rc : 1;
}

/* Receive a head. Returns as take_head(). */
static int receive_head(struct tcp_source *t)
{
	struct zc_tcp_frames *f = &t->frames;

	while (f->head_len < ZC_FRAME_HEAD) {
		ssize_t n = receive(t, f->head + f->head_len, ZC_FRAME_HEAD - f->head_len);

		if (n < 0)
			return (int)n;
		f->head_len += (size_t)n;
		if (!zc_frame_begins(f->head, f->head_len))
			return give_up(t, fail_head(t, EPROTO));
	}
	return take_head(t);
}

/*
 * Data
 */

static void finish_frame(struct tcp_source *t)
{
	struct zc_tcp_frames *f = &t->frames;
	struct zcdma_source_stats *s = &t->base.src.stats;

	f->inside = false;
	s->frames++;
	if (f->frame.flags & ZC_FRAME_UNHASHED) {
		s->unhashed_frames++;
	} else if (XXH3_64bits_digest(f->hash) != f->frame.hash) {
		if (!s->wrong_frames++)
			s->wrong_offset = f->frame.offset;
	}
	/* One that is empty, or came before, is done without a block. */
	f->seq = zc_max(f->seq, f->frame.seq + 1);
}

/* Receive data of a frame. Returns 1 if some came, or a negative errno. */
static int receive_data(struct tcp_source *t)
{
	struct zc_tcp_frames *f = &t->frames;
	uint8_t *to = zc_pool_source_room(&t->base);
	const size_t room = zc_min((size_t)f->left, ZC_POOL_BLOCK - t->base.filled);
	ssize_t n = receive(t, to, f->skip ? zc_min((size_t)f->skip, room) : room);

	if (n < 0)
		return (int)n;
	XXH3_64bits_update(f->hash, to, (size_t)n);
	t->base.src.stats.kernel_copied_bytes += (size_t)n;
	f->left -= (uint32_t)n;
	/* What came before the connection broke is received to where the next bytes overwrite it. */
	if (f->skip)
		f->skip -= (uint32_t)n;
	else
		t->base.filled += (size_t)n;
	return 1;
}

/* Nothing more is there. Returns whether another connection has taken the place of the one that there is, or was. */
static bool goes_on(struct tcp_source *t)
{
	if (t->fd >= 0) {
		if (!t->end.addr.retry || !zc_tcp_pending_look(t))
			return false;
		lose_connection(t);
	}
	return zc_tcp_pending_begin(t);
}

/* Wake the receiver when it has something to look at, though nothing comes. */
static void set_alarm(struct tcp_source *t)
{
	const uint64_t due = t->pending.due_ns, wake = t->frames.wake_ns;

	zc_alarm_set(&t->alarm, !due || (wake && wake < due) ? wake : due);
}

void zc_tcp_frames_get_stats(const struct tcp_source *t, struct zcdma_source_stats *stats)
{
	if (t->frames.broken)
		stats->connection_lost_blocks = stats->connection_lost_bytes = ZCDMA_UNKNOWN;
}

int zc_tcp_frames_fill(struct tcp_source *t)
{
	struct zc_tcp_frames *f = &t->frames;

	for (;;) {
		int rc = 1;

		if (!f->inside) {
			rc = receive_head(t);
		} else if (!f->left) {
			finish_frame(t);
			if (t->base.filled)
				return 1;
		} else if (t->base.filled == ZC_POOL_BLOCK) {
			return 1;
		} else {
			rc = receive_data(t);
		}
		if (rc == -EAGAIN && goes_on(t))
			continue;
		if (rc == -EAGAIN)
			set_alarm(t);
		if (rc != 1)
			return rc;
	}
}

void zc_tcp_frames_describe(struct tcp_source *t, struct zcdma_block *b)
{
	struct zc_tcp_frames *f = &t->frames;
	const struct zcdma_loss lost = f->connection;

	b->offset = f->offset;
	/* Its number is counted already. */
	b->seq += f->sender.count + lost.count;
	t->base.seq = b->seq + 1;
	b->time_ns = f->frame.time_ns - (uint64_t)f->clock_ns;
	if (f->sender.count || f->sender.bytes)
		b->flags |= ZCDMA_BLOCK_LOST;
	if (f->doubt)
		b->flags |= ZCDMA_BLOCK_DISCONTINUITY;
	/* What the connection lost is not the device's, which the source's base counts. */
	t->base.src.next_seq += lost.count;
	t->base.src.next_offset += lost.bytes;
	if (lost.bytes)
		b->lost[ZCDMA_LOST_NETWORK] =
			(struct zcdma_loss){ zc_max(lost.count, UINT64_C(1)), lost.bytes };
	f->sender = f->connection = (struct zcdma_loss){ 0, 0 };
	f->doubt = false;
	f->offset += b->len;
}
