// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A framed stream: the head before each block, the greeting at the beginning, the mark of the end, and a connection that
 * is made anew after it broke. A head is copied into the socket and waits for the block (MSG_MORE), whose path sends it
 * as it sends any block.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <xxhash.h>

#include "net/frame.h"
#include "net/socket.h"
#include "path/path.h"
#include "path/reuse.h"

/* How long the receiver has to answer, and a connection to be made. */
#define ANSWER_NS  5000000000u
#define CONNECT_NS 10000000000u

/* Between two tries. */
#define NAP_NS 1000000000u

/* How long what is in flight of a connection that broke may stay there. */
#define DRAIN_NS     2000000000u
#define DRAIN_NAP_NS 5000000u

enum link_state {
	UP,
	DRAINING, /* it broke: completions are waited for, so that blocks can be reused */
	NAPPING,  /* until the next try */
	CONNECTING,
	GREETING, /* the greeting is sent, and its answer waited for */
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
	enum link_state state;
	int timer_fd, fd; /* .fd: the new socket, or -1 */
	uint64_t due_ns;  /* when the state ends at the latest */
	uint64_t broke_ns;
	uint8_t answer[ZC_FRAME_HEAD];
	size_t answer_len;
	struct zc_error failed; /* why the last try did */
};

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
 * The greeting
 */

static int fail_greeting(struct zcdma_ctx *ctx, const char *name, int err, const char *why)
{
	int rc = zc_fail_plain(ctx, err, "send frames to %s: %s", name, why);

	zc_hint(ctx,
		"start a receiver of frames there: zcdma capture tcp::PORT,framed, or zcdma verify --listen :PORT,framed");
	return rc;
}

static int greet(struct zc_framing *f, int fd)
{
	const struct zc_frame hello = { .kind = ZC_FRAME_HELLO, .stream = f->stream };
	uint8_t head[ZC_FRAME_HEAD];
	ssize_t n;

	zc_frame_write(&hello, head);
	f->answer_len = 0;
	/* A new connection has room for it. */
	n = send(fd, head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n < (ssize_t)sizeof(head) ? -EPROTO : 0;
}

/*
 * Read the answer to the greeting. Returns 0 and sets *@welcome, -EAGAIN, or another negative errno with the error message
 * set: -EPROTO if what answers does not know frames.
 */
static int read_answer(struct zcdma_ctx *ctx, struct zc_framing *f, int fd, const char *name,
		       struct zc_frame *welcome)
{
	while (f->answer_len < ZC_FRAME_HEAD) {
		ssize_t n = recv(fd, f->answer + f->answer_len, ZC_FRAME_HEAD - f->answer_len,
				 MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return -EAGAIN;
		if (n < 0)
			return zc_fail(ctx, errno, "send frames to %s", name);
		if (!n)
			return fail_greeting(ctx, name, ECONNRESET, "it ended the connection");
		f->answer_len += (size_t)n;
		if (!zc_frame_begins(f->answer, f->answer_len))
			return fail_greeting(ctx, name, EPROTO, "its answer is not a frame");
	}
	switch (zc_frame_read(f->answer, welcome)) {
	case 0:
		if (welcome->kind == ZC_FRAME_WELCOME && welcome->stream == f->stream)
			return 0;
		return fail_greeting(ctx, name, EPROTO, "its answer is not one to this stream");
	case -EPROTONOSUPPORT:
		return fail_greeting(ctx, name, EPROTO, "it has another version of frames");
	default:
		return fail_greeting(ctx, name, EPROTO, "its answer is damaged");
	}
}

/* Greet the receiver for the first time, and wait. Returns 0 or a negative errno with the error message set. */
static int first_greeting(struct zcdma_ctx *ctx, struct zc_framing *f, int fd)
{
	const uint64_t deadline = zc_now_ns() + ANSWER_NS;
	struct zc_frame welcome;
	char name[128];
	int rc = greet(f, fd);

	zcdma_sockname(fd, true, name, sizeof(name));
	if (rc)
		return zc_fail(ctx, -rc, "send frames to %s", name);
	while ((rc = read_answer(ctx, f, fd, name, &welcome)) == -EAGAIN) {
		rc = zc_poll(ctx, fd, POLLIN, zc_time_left(deadline));
		if (rc == -ETIMEDOUT)
			return fail_greeting(ctx, name, EPROTO,
					     "it does not answer as a receiver of frames does");
		if (rc)
			return rc;
	}
	return rc;
}

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
		rc = first_greeting(ctx, f, fd);
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
 * A connection that broke
 */

static void set_timer(const struct zc_framing *f, uint64_t at_ns)
{
	const struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(at_ns / 1000000000u),
			      .tv_nsec = (long)(at_ns % 1000000000u) },
	};

	timerfd_settime(f->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void enter(struct zc_framing *f, enum link_state state, uint64_t due_ns)
{
	f->state = state;
	f->due_ns = due_ns;
	set_timer(f, due_ns);
}

bool zc_framing_is_down(const struct zcdma_path *path)
{
	return path->framing && path->framing->state > DRAINING;
}

static bool is_lost_connection(int err)
{
	static const int errors[] = { ECONNRESET,  EPIPE,	 ECONNABORTED, ETIMEDOUT,
				      ENETUNREACH, EHOSTUNREACH, ENETDOWN,     ENETRESET };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i] == err)
			return true;
	}
	return false;
}

bool zc_framing_survives(struct zcdma_path *path, int rc)
{
	struct zc_framing *f = path->framing;

	if (!f || !f->addr.retry || f->state != UP || !is_lost_connection(-rc))
		return false;
	zc_error_keep(&f->failed, path->ctx, rc);
	f->broke_ns = zc_now_ns();
	path->stats.breaks++;
	enter(f, DRAINING, f->broke_ns + DRAIN_NS);
	return true;
}

/* Forget the connection, when what was in flight has completed, or will not. The block that is being sent begins anew. */
static void tear_down(struct zcdma_path *path)
{
	struct zcdma_path_stats *s = &path->stats;
	struct zc_framing *f = path->framing;

	zc_reuse_forget(path, s->pending_calls && path->sent);
	s->unknown_bytes += s->pending_bytes;
	s->unknown_calls += s->pending_calls;
	s->pending_bytes = s->pending_calls = s->pending_blocks = 0;
	s->plain = false;
	s->plain_reason = s->plain_hint = NULL;
	if (path->ops->close)
		path->ops->close(path);
	memset((char *)path + sizeof(*path), 0, path->ops->size - sizeof(*path));
	zc_sink_close(&path->sink);
	path->sink.fd = path->sink.own_fd = -1;
	path->sent = 0;
	f->has_head = false;
	enter(f, NAPPING, zc_now_ns());
}

/* Wait for what is in flight. The socket reports its error all the time, so that it is looked at now and then. */
static int drain(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;
	const uint64_t now = zc_now_ns();

	zc_reuse_reap(path);
	if (path->stats.pending_calls && now < f->due_ns) {
		set_timer(f, zc_min(now + DRAIN_NAP_NS, f->due_ns));
		return -EAGAIN;
	}
	tear_down(path);
	return 0;
}

/* Returns -EAGAIN to try again in a while, or the error of the last try if the time for that is over. */
static int try_later(struct zcdma_path *path, int rc)
{
	struct zc_framing *f = path->framing;
	const uint64_t now = zc_now_ns();

	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	/* Without a message: the kernel's answer to a try. */
	if (rc)
		zc_error_keep(&f->failed, path->ctx,
			      zc_fail(path->ctx, -rc, "connect again to %s", path->sink.name));
	if (f->addr.retry != UINT64_MAX && now - f->broke_ns >= f->addr.retry * 1000000000u)
		return zc_error_again(&f->failed, path->ctx);
	enter(f, NAPPING, now + NAP_NS);
	return -EAGAIN;
}

static int connect_again(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;

	f->fd = zc_connection_begin(&f->addr, &f->to, f->to_len);
	if (f->fd < 0)
		return try_later(path, f->fd);
	enter(f, CONNECTING, zc_now_ns() + CONNECT_NS);
	return 0;
}

static int greet_again(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;
	int rc = zc_connection_end(f->fd);

	if (rc == -EAGAIN && zc_now_ns() < f->due_ns)
		return rc;
	if (!rc)
		rc = greet(f, f->fd);
	if (rc)
		return try_later(path, rc == -EAGAIN ? -ETIMEDOUT : rc);
	enter(f, GREETING, zc_now_ns() + ANSWER_NS);
	return 0;
}

/* Count what the receiver does not have, of what was sent whole. */
static void count_gap(struct zcdma_path *path, const struct zc_frame *welcome)
{
	const struct zc_framing *f = path->framing;

	if (f->offset > welcome->offset)
		path->stats.lost_bytes += f->offset - welcome->offset;
	if (f->seq > welcome->seq)
		path->stats.lost_blocks += f->seq - welcome->seq;
}

/* Take the answer of the receiver, and open the path to the new socket. */
static int resume(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;
	struct zc_frame welcome;
	int rc = read_answer(path->ctx, f, f->fd, path->sink.name, &welcome);

	if (rc == -EAGAIN && zc_now_ns() < f->due_ns)
		return rc;
	if (rc == -EPROTO)
		return rc;
	if (rc) {
		if (rc != -EAGAIN)
			zc_error_keep(&f->failed, path->ctx, rc);
		return try_later(path, rc == -EAGAIN ? -ETIMEDOUT : 0);
	}
	rc = zc_path_set_sink(path, f->fd);
	if (rc)
		return rc;
	path->sink.own_fd = f->fd;
	f->fd = -1;
	path->broken = false;
	memset(&path->fresh, 0, sizeof(path->fresh));
	memset(&path->merged, 0, sizeof(path->merged));
	count_gap(path, &welcome);
	enter(f, UP, 0);
	return path->ops->open ? path->ops->open(path) : 0;
}

/* Make a step. Returns 0 if another may follow, -EAGAIN, or another negative errno. */
static int step(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;

	switch (f->state) {
	case DRAINING:
		return drain(path);
	case NAPPING:
		return zc_now_ns() < f->due_ns ? -EAGAIN : connect_again(path);
	case CONNECTING:
		return greet_again(path);
	case GREETING:
		return resume(path);
	default:
		return 0;
	}
}

int zc_framing_ready(struct zcdma_path *path)
{
	int rc = 0;

	while (!rc && path->framing->state != UP)
		rc = step(path);
	return rc;
}

unsigned zc_framing_poll(const struct zcdma_path *path, struct pollfd p[ZC_PATH_POLLS])
{
	const struct zc_framing *f = path->framing;
	unsigned n = 0;

	if (!f || f->state == UP)
		return 0;
	p[n++] = (struct pollfd){ .fd = f->timer_fd, .events = POLLIN };
	if (f->state == CONNECTING)
		p[n++] = (struct pollfd){ .fd = f->fd, .events = POLLOUT };
	else if (f->state == GREETING)
		p[n++] = (struct pollfd){ .fd = f->fd, .events = POLLIN };
	return n;
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

		if (!complete && path->framing->state != UP)
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
