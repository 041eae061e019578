// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * tcp: - what one sender sends over TCP. Bytes are received into whole blocks: the kernel wakes the receiver when the
 * rest of a block is there (SO_RCVLOWAT, socket(7)), or a timer does, so that the data of a slow sender goes on too.
 * To a path that takes descriptors the connection itself is lent. tcp_map.c maps pages instead.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "path/path.h"
#include "source/options.h"
#include "source/tcp.h"

/* After stop(), how long to read on to the end: as the pipe source does. */
#define LINGER_NS 500000000u

enum receive {
	AUTO, /* into the ring, or not at all where the path takes the connection */
	COPY, /* into the ring */
	MAP,  /* where it lies, as far as that can be mapped; else into the ring */
};

static const char *const receive_names[] = { "auto", "copy", "map", NULL };

/*
 * The sender
 */

/*
 * Take the connection, and refuse others from now on, unless the sender may come back. Returns 0, or a negative errno with
 * the error message set.
 */
static int begin(struct tcp_source *t, int fd)
{
	struct zcdma_source *src = &t->base.src;
	int rc;

	t->fd = fd;
	t->lowat = 1;
	src->info.peer = t->end.peer;
	if (!t->end.addr.retry)
		zc_endpoint_close(&t->end);
	if (t->receive == MAP)
		zc_tcp_map_begin(t);
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

/* Check whether the connection @fd is that of a path of the source itself. */
static bool is_own(const struct tcp_source *t, int fd)
{
	char ours[128], theirs[128];

	zcdma_sockname(fd, false, ours, sizeof(ours));
	for (const struct zcdma_path *p = t->base.src.paths; p; p = p->next) {
		if (p->sink.kind == ZC_SINK_SOCKET &&
		    !strcmp(zcdma_sockname(p->sink.fd, true, theirs, sizeof(theirs)), ours) &&
		    !strcmp(zcdma_sockname(p->sink.fd, false, theirs, sizeof(theirs)), t->end.peer))
			return true;
	}
	return false;
}

/* Refuse it: each end would wait for data of the other. Returns -ELOOP. */
static int fail_own(const struct tcp_source *t, int fd)
{
	const struct zcdma_source *src = &t->base.src;

	close(fd);
	zc_fail_plain(src->ctx, ELOOP, "source %s: its sender is this program itself", src->name);
	zc_hint(src->ctx, "send to another address than the one that it listens on");
	return -ELOOP;
}

/* Look for a sender. Returns 0, -EAGAIN if it has not come yet, or another negative errno. */
static int find_sender(struct tcp_source *t)
{
	for (unsigned i = 0; i < t->end.count; i++) {
		int fd = zc_take_connection(t->end.fds[i], t->end.peer, sizeof(t->end.peer));

		if (fd >= 0)
			return is_own(t, fd) ? fail_own(t, fd) : begin(t, fd);
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

int zc_tcp_wait(struct tcp_source *t, size_t missing, bool any)
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
	if (any)
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
			return zc_tcp_wait(t, size - base->filled, base->filled);
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
	else if (err == ETIMEDOUT)
		zc_hint(src->ctx,
			"the sender's machine no longer answers; what had come before is kept");
	return rc;
}

/* Returns whether a block can go on, even if it is not full. */
static bool has_data(const struct tcp_source *t)
{
	return t->base.filled || t->map.filled;
}

/* Bytes that were copied come before those that were mapped. */
static void make_block(struct tcp_source *t, struct zcdma_block *b)
{
	if (t->map.filled && !t->base.filled)
		zc_tcp_map_finish(t, b);
	else
		zc_pool_source_finish(&t->base, b);
	if (t->end.addr.framed)
		zc_tcp_frames_describe(t, b);
	t->due_ns = 0;
}

static int next_framed(struct tcp_source *t, struct zcdma_block *b)
{
	int rc = zc_tcp_frames_fill(t);

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
	rc = t->receive == MAP ? zc_tcp_map_fill(t, max)
			       : receive(t, zc_min(max, base->pool->ring.block_size));
	if (rc == -EAGAIN)
		return rc;
	if (rc < 0)
		zc_error_keep(&base->failed, base->src.ctx, zc_tcp_fail(t, -rc));
	if (rc < 0 && !has_data(t))
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
		if (!has_data(t) || t->end.addr.framed)
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
		if (!zc_tcp_map_put(t, b))
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
	{ "receive", offsetof(struct tcp_source, receive), parse_receive, "auto, copy or map" },
};

static int tcp_open(struct zcdma_source *src, const char *arg)
{
	struct tcp_source *t = (struct tcp_source *)src;
	int rc;

	t->fd = t->alarm.fd = t->alarm.timer_fd = t->pending.fd = -1;
	src->info.block_size = ZC_POOL_BLOCK;
	rc = zc_endpoint_parse(src, &t->end, arg, false);
	src->info.framed = t->end.addr.framed;
	if (rc || t->receive != MAP)
		return rc;
	if (t->end.addr.framed) {
		zc_fail_plain(
			src->ctx, EINVAL,
			"source %s: frames cannot be mapped, as their heads stand between pages",
			src->name);
		zc_hint(src->ctx, "leave out framed, or receive=map");
		return -EINVAL;
	}
	zc_tcp_map_choose_mss(t);
	return 0;
}

/* Listen. The sockets stay open when the ring is made anew, as a sender may have come. */
static int listen_once(struct tcp_source *t)
{
	struct zcdma_source *src = &t->base.src;
	int rc = zc_alarm_open(&t->alarm);

	if (rc)
		return zc_fail(src->ctx, -rc, "source %s: its timer", src->name);
	rc = zc_endpoint_listen(src, &t->end);
	if (!rc) {
		rc = zc_tcp_listen(t);
		rc = rc ? zc_fail(src->ctx, -rc, "source %s", src->name) : 0;
	}
	if (rc) {
		zc_endpoint_close(&t->end);
		zc_alarm_close(&t->alarm);
	}
	src->poll_fd = t->alarm.fd;
	return rc;
}

/* Make the ring for what cannot be mapped, and reserve the rest. Its blocks are memory alone. */
static int activate_map(struct tcp_source *t, unsigned uses)
{
	struct zcdma_source *src = &t->base.src;
	int rc;

	if (zc_pool_source_fills_target(&t->base)) {
		zc_fail_plain(
			src->ctx, EINVAL,
			"source %s: a device that plays has memory of its own, and takes no pages",
			src->name);
		zc_hint(src->ctx, "leave out receive=map");
		return -EINVAL;
	}
	rc = zc_tcp_map_open(t);
	if (!rc)
		rc = zc_pool_source_activate(&t->base, uses & ~(ZC_USE_FD | ZC_USE_SHARE));
	if (rc)
		return rc;
	src->info.blocks += ZC_TCP_MAP_SLOTS;
	src->info.caps = ZCDMA_CAP_MEMORY;
	src->ring = NULL;
	return 0;
}

static int tcp_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	const struct tcp_source *t = (const struct tcp_source *)src;

	if (t->receive != MAP)
		return zc_pool_source_share(src, desc);
	return zc_fail_plain(src->ctx, EOPNOTSUPP,
			     "source %s: pages of a connection cannot be handed over", src->name);
}

static void tcp_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct tcp_source *t = (struct tcp_source *)src;

	zc_pool_source_get_stats(src, stats);
	if (t->receive == MAP)
		zc_tcp_map_get_stats(t, stats);
	zc_tcp_frames_get_stats(t, stats);
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
	if (t->receive == MAP)
		return activate_map(t, uses);
	if (!(uses & ZC_USE_FD) || t->receive == COPY || t->end.addr.framed)
		return zc_pool_source_activate(&t->base, uses);
	src->info.caps = ZCDMA_CAP_FD;
	return 0;
}

static void tcp_close(struct zcdma_source *src)
{
	struct tcp_source *t = (struct tcp_source *)src;

	zc_tcp_frames_close(t);
	zc_tcp_map_close(t);
	zcdma_source_close(t->lender);
	if (t->fd >= 0)
		close(t->fd);
	zc_tcp_pending_close(t);
	zc_endpoint_close(&t->end);
	zc_alarm_close(&t->alarm);
}

const struct zc_source_ops zc_source_tcp = {
	.type = {
		.name = "tcp",
		.syntax = "tcp:[HOST]:PORT[,receive=auto|copy|map,iface=NAME,dscp=CLASS,ttl=N,mss=N,keepalive=SECONDS,framed,retry=N]",
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
	.share = tcp_share,
	.get_stats = tcp_get_stats,
	.close = tcp_close,
};
