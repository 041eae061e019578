// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * tcp: - what one sender sends over TCP. Bytes are received into whole blocks: the kernel wakes the receiver when the
 * rest of a block is there (SO_RCVLOWAT, socket(7)), or a timer does, so that the data of a slow sender goes on too.
 * To a path that takes descriptors the connection itself is lent.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "source/options.h"
#include "source/tcp.h"

/* After stop(), how long to read on to the end: as the pipe source does. */
#define LINGER_NS 500000000u

enum receive {
	AUTO, /* into the ring, or not at all where the path takes the connection */
	COPY, /* into the ring */
};

static const char *const receive_names[] = { "auto", "copy", NULL };

/*
 * The sender
 */

/* Refuse other connections, or, where the sender may come back, let them wait. */
static void stop_listening(struct tcp_source *t)
{
	if (!t->end.addr.retry)
		zc_endpoint_close(&t->end);
	for (unsigned i = 0; i < t->end.count; i++)
		zc_alarm_remove(&t->alarm, t->end.fds[i]);
}

/* Have a connection wake the receiver. Returns 0 or a negative errno with the error message set. */
static int wait_for_sender(struct tcp_source *t)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < t->end.count; i++)
		rc = zc_alarm_add(&t->alarm, t->end.fds[i]);
	return rc ? zc_fail(t->base.src.ctx, -rc, "source %s", t->base.src.name) : 0;
}

/* Take the connection, and refuse others from now on. Returns 0, or a negative errno with the error message set. */
static int begin(struct tcp_source *t, int fd)
{
	struct zcdma_source *src = &t->base.src;
	int rc;

	t->fd = fd;
	t->lowat = 1;
	src->info.peer = t->end.peer;
	stop_listening(t);
	if (t->base.pool) {
		rc = zc_alarm_add(&t->alarm, fd);
		return rc ? zc_fail(src->ctx, -rc, "receive from %s", t->end.peer) : 0;
	}
	rc = zcdma_source_open_fd(src->ctx, fd, src->name, &t->lender);
	if (!rc)
		rc = zc_source_activate(t->lender, src->uses);
	src->poll_fd = fd;
	return rc;
}

/* Look for a sender. Returns 0, -EAGAIN if it has not come yet, or another negative errno. */
static int find_sender(struct tcp_source *t)
{
	for (unsigned i = 0; i < t->end.count; i++) {
		int fd = zc_take_connection(t->end.fds[i], t->end.peer, sizeof(t->end.peer));

		if (fd >= 0)
			return begin(t, fd);
		if (fd != -EAGAIN)
			return zc_fail(t->base.src.ctx, -fd, "accept a connection to %s",
				       t->base.src.name);
	}
	return -EAGAIN;
}

/*
 * Receiving
 */

void zc_tcp_set_lowat(struct tcp_source *t, size_t bytes)
{
	const int lowat = (int)bytes;

	if (lowat == t->lowat)
		return;
	setsockopt(t->fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
	t->lowat = lowat;
}

/*
 * Nothing more is there, and the block lacks @missing bytes. Returns 1 if it goes on as it is, or -EAGAIN, and then the
 * next bytes, or those that fill the block, or the time wake the receiver.
 */
static int wait_for_more(struct tcp_source *t, size_t missing)
{
	const uint64_t now = zc_now_ns();

	if (zc_pool_source_fills_target(&t->base)) {
		zc_tcp_set_lowat(t, missing);
		return -EAGAIN;
	}
	if (!t->due_ns || now < t->due_ns) {
		if (!t->due_ns)
			t->due_ns = now + ZC_TCP_PATIENCE_NS;
		zc_alarm_set(&t->alarm, t->due_ns);
		zc_tcp_set_lowat(t, missing);
		return -EAGAIN;
	}
	if (t->base.filled)
		return 1;
	/* A silent sender does not wake anybody. */
	zc_alarm_set(&t->alarm, 0);
	zc_tcp_set_lowat(t, 1);
	return -EAGAIN;
}

/* Receive into the block until it has @size bytes. Returns 1 if it can go on, 0 at the end, or a negative errno. */
static int receive(struct tcp_source *t, size_t size)
{
	struct zc_pool_source *base = &t->base;
	ssize_t n;

	while (base->filled < size) {
		n = recv(t->fd, zc_pool_source_room(base), size - base->filled, MSG_DONTWAIT);
		if (n > 0) {
			base->filled += (size_t)n;
			base->src.stats.kernel_copied_bytes += (size_t)n;
		} else if (!n) {
			t->ended = true;
			return base->filled > 0;
		} else if (errno == EAGAIN) {
			return wait_for_more(t, size - base->filled);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 1;
}

int zc_tcp_fail(struct tcp_source *t, int err)
{
	struct zcdma_source *src = &t->base.src;
	int rc = zc_fail(src->ctx, err, "receive from %s", t->end.peer);

	if (err == ECONNRESET)
		zc_hint(src->ctx,
			"the sender failed or was ended before all had arrived; what had come before is kept");
	return rc;
}

static void make_block(struct tcp_source *t, struct zcdma_block *b)
{
	zc_pool_source_finish(&t->base, b);
	if (t->end.addr.framed)
		zc_tcp_frames_describe(t, b);
	t->due_ns = 0;
}

static int next_framed(struct tcp_source *t, struct zcdma_block *b)
{
	int rc = zc_tcp_frames_fill(t);

	if (rc == -EAGAIN && t->fd < 0)
		return wait_for_sender(t) ?: -EAGAIN;
	if (rc < 0 && rc != -EAGAIN)
		zc_error_keep(&t->base.failed, t->base.src.ctx, rc);
	t->ended = !rc;
	if (rc == 1)
		make_block(t, b);
	return rc;
}

static int next_received(struct tcp_source *t, size_t max, struct zcdma_block *b)
{
	struct zc_pool_source *base = &t->base;
	int rc;

	if (t->ended)
		return 0;
	rc = zc_pool_source_begin(base);
	if (rc)
		return rc;
	if (t->end.addr.framed)
		return next_framed(t, b);
	rc = receive(t, zc_min(max, base->pool->ring.block_size));
	if (rc == -EAGAIN)
		return rc;
	if (rc < 0)
		zc_error_keep(&base->failed, base->src.ctx, zc_tcp_fail(t, -rc));
	if (rc < 0 && !base->filled)
		return rc;
	if (rc)
		make_block(t, b);
	return rc ? 1 : 0;
}

static int next_lent(struct tcp_source *t, size_t max, struct zcdma_block *b)
{
	int rc = t->lender->ops->next(t->lender, max, b);

	t->base.src.starved = t->lender->starved;
	t->base.seq += rc == 1;
	return rc;
}

static int tcp_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct tcp_source *t = (struct tcp_source *)src;
	int rc;

	if (t->deadline_ns && (t->fd < 0 || zc_now_ns() > t->deadline_ns)) {
		if (!t->base.filled || t->end.addr.framed)
			return 0;
		make_block(t, b);
		return 1;
	}
	rc = t->fd < 0 && !t->base.failed.rc ? find_sender(t) : 0;
	if (rc == -EAGAIN && zc_tcp_frames_wait(t))
		rc = zc_error_keep(&t->base.failed, src->ctx, -ETIMEDOUT);
	if (rc)
		return rc;
	return t->lender ? next_lent(t, max, b) : next_received(t, max, b);
}

static void tcp_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct tcp_source *t = (struct tcp_source *)src;

	if (!t->lender) {
		zc_pool_source_put(src, b, how);
		return;
	}
	t->lender->ops->put(t->lender, b, how);
	src->starved = false;
}

static void tcp_stop(struct zcdma_source *src)
{
	struct tcp_source *t = (struct tcp_source *)src;

	t->deadline_ns = zc_now_ns() + LINGER_NS;
	if (t->lender)
		t->lender->ops->stop(t->lender);
}

/*
 * Opening
 */

static int parse_receive(const char *text, uint64_t *value)
{
	return zc_option_name(text, receive_names, value);
}

static const struct zc_option options[] = {
	{ "receive", offsetof(struct tcp_source, receive), parse_receive, "auto or copy" },
};

static int tcp_open(struct zcdma_source *src, const char *arg)
{
	struct tcp_source *t = (struct tcp_source *)src;
	int rc;

	t->fd = t->alarm.fd = t->alarm.timer_fd = -1;
	src->info.block_size = ZC_POOL_BLOCK;
	rc = zc_endpoint_parse(src, &t->end, arg, false);
	src->info.framed = t->end.addr.framed;
	return rc;
}

/* Listen. The sockets stay open when the ring is made anew, as a sender may have come. */
static int listen_once(struct tcp_source *t)
{
	struct zcdma_source *src = &t->base.src;
	int rc = zc_alarm_open(&t->alarm);

	if (rc)
		return zc_fail(src->ctx, -rc, "source %s: its timer", src->name);
	rc = zc_endpoint_listen(src, &t->end);
	if (!rc)
		rc = wait_for_sender(t);
	if (rc) {
		zc_endpoint_close(&t->end);
		zc_alarm_close(&t->alarm);
	}
	src->poll_fd = t->alarm.fd;
	return rc;
}

static int tcp_activate(struct zcdma_source *src, unsigned uses)
{
	struct tcp_source *t = (struct tcp_source *)src;
	int rc = t->alarm.fd < 0 ? listen_once(t) : 0;

	if (rc)
		return rc;
	if (t->end.addr.framed)
		rc = zc_tcp_frames_open(t);
	if (rc)
		return rc;
	if (!(uses & ZC_USE_FD) || t->receive == COPY || t->end.addr.framed)
		return zc_pool_source_activate(&t->base, uses);
	src->info.caps = ZCDMA_CAP_FD;
	return 0;
}

static void tcp_close(struct zcdma_source *src)
{
	struct tcp_source *t = (struct tcp_source *)src;

	zc_tcp_frames_close(t);
	zcdma_source_close(t->lender);
	if (t->fd >= 0)
		close(t->fd);
	zc_endpoint_close(&t->end);
	zc_alarm_close(&t->alarm);
}

const struct zc_source_ops zc_source_tcp = {
	.type = {
		.name = "tcp",
		.syntax = "tcp:[HOST]:PORT[,receive=auto|copy,iface=NAME,dscp=CLASS,ttl=N,mss=N,keepalive=SECONDS,framed,retry=N]",
		.summary = "what one sender sends over TCP",
	},
	.size = sizeof(struct tcp_source),
	.fills_target = true,
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.address = offsetof(struct tcp_source, end.addr),
	.open = tcp_open,
	.activate = tcp_activate,
	.deactivate = zc_pool_source_deactivate,
	.next = tcp_next,
	.put = tcp_put,
	.stop = tcp_stop,
	.share = zc_pool_source_share,
	.get_stats = zc_pool_source_get_stats,
	.close = tcp_close,
};
