// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * tcp: - what one sender sends over TCP. Bytes are received into whole blocks: the kernel wakes the receiver when the
 * rest of a block is there (SO_RCVLOWAT, socket(7)), or a timer does, so that the data of a slow sender goes on too.
 * To a path that takes descriptors the connection itself is lent.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory/block_pool.h"
#include "net/socket.h"
#include "source/endpoint.h"
#include "source/options.h"
#include "util/alarm.h"

#define BLOCK_SIZE (1u << 20)
#define BLOCKS	   16

/* How long bytes may wait for a block to be full. */
#define PATIENCE_NS 10000000u

/* After stop(), how long to read on to the end: as the pipe source does. */
#define LINGER_NS 500000000u

enum receive {
	AUTO, /* into the ring, or not at all where the path takes the connection */
	COPY, /* into the ring */
};

static const char *const receive_names[] = { "auto", "copy", NULL };

struct tcp_source {
	struct zcdma_source src;
	uint64_t receive; /* enum receive */
	struct zc_endpoint end;
	struct zc_alarm alarm;
	int fd;	   /* the connection, or -1 */
	int lowat; /* its SO_RCVLOWAT */
	bool ended;
	struct zc_error failed; /* after the blocks before, or .rc 0 */

	struct zc_pool pool;	     /* .ring.base is NULL where the connection is lent ... */
	struct zcdma_source *lender; /* ... by this source, once there is one; else NULL */

	/* The block that is being filled. */
	bool filling;
	uint32_t index;
	size_t filled;
	uint64_t due_ns; /* when it goes on although it is not full; 0: not decided */

	uint64_t offset, seq;
	uint64_t deadline_ns; /* 0: not stopping */
};

/*
 * The sender
 */

/* Take the connection, and refuse others from now on. Returns 0, or a negative errno with the error message set. */
static int begin(struct tcp_source *t, int fd)
{
	struct zcdma_source *src = &t->src;
	int rc;

	t->fd = fd;
	t->lowat = 1;
	src->info.peer = t->end.peer;
	zc_endpoint_close(&t->end);
	if (t->pool.ring.base) {
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
			return zc_fail(t->src.ctx, -fd, "accept a connection to %s", t->src.name);
	}
	return -EAGAIN;
}

/*
 * Receiving
 */

/* Have the connection be readable from @bytes on. */
static void set_lowat(struct tcp_source *t, size_t bytes)
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

	if (!t->due_ns || now < t->due_ns) {
		if (!t->due_ns)
			t->due_ns = now + PATIENCE_NS;
		zc_alarm_set(&t->alarm, t->due_ns);
		set_lowat(t, missing);
		return -EAGAIN;
	}
	if (t->filled)
		return 1;
	/* A silent sender does not wake anybody. */
	zc_alarm_set(&t->alarm, 0);
	set_lowat(t, 1);
	return -EAGAIN;
}

/* Receive into the block until it has @size bytes. Returns 1 if it can go on, 0 at the end, or a negative errno. */
static int receive(struct tcp_source *t, size_t size)
{
	uint8_t *block = zc_ring_block(&t->pool.ring, t->index);
	ssize_t n;

	while (t->filled < size) {
		n = recv(t->fd, block + t->filled, size - t->filled, MSG_DONTWAIT);
		if (n > 0) {
			t->filled += (size_t)n;
			t->src.stats.kernel_copied_bytes += (size_t)n;
		} else if (!n) {
			t->ended = true;
			return t->filled > 0;
		} else if (errno == EAGAIN) {
			return wait_for_more(t, size - t->filled);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 1;
}

static int fail_receive(struct tcp_source *t, int err)
{
	struct zcdma_source *src = &t->src;
	int rc = zc_fail(src->ctx, err, "receive from %s", t->end.peer);

	if (err == ECONNRESET)
		zc_hint(src->ctx,
			"the sender failed or was ended before all had arrived; what had come before is kept");
	return rc;
}

static void make_block(struct tcp_source *t, struct zcdma_block *b)
{
	const struct zc_ring *ring = &t->pool.ring;

	*b = (struct zcdma_block){
		.data = zc_ring_block(ring, t->index),
		.len = t->filled,
		.offset = t->offset,
		.seq = t->seq++,
		.time_ns = zc_now_ns(),
		.index = t->index,
		.fd = ring->fd,
		.fd_offset = ring->fd < 0 ? -1 : (int64_t)(t->index * ring->block_size),
	};
	t->offset += b->len;
	t->filling = false;
	t->filled = 0;
	t->due_ns = 0;
}

/* Take a block to fill, unless there is one. Returns false if all are out. */
static bool take_block(struct tcp_source *t)
{
	t->src.starved = !t->filling && !t->pool.unused_count;
	if (t->src.starved)
		return false;
	if (!t->filling)
		t->index = zc_pool_take(&t->pool);
	t->filling = true;
	return true;
}

static int next_received(struct tcp_source *t, size_t max, struct zcdma_block *b)
{
	struct zcdma_source *src = &t->src;
	int rc;

	if (t->pool.error)
		return zc_fail(src->ctx, -t->pool.error, "fresh pages for %s", src->name);
	if (t->failed.rc)
		return zc_error_again(&t->failed, src->ctx);
	if (t->ended)
		return 0;
	if (!take_block(t))
		return -EAGAIN;
	rc = receive(t, zc_min(max, (size_t)BLOCK_SIZE));
	if (rc == -EAGAIN)
		return rc;
	if (rc < 0)
		zc_error_keep(&t->failed, src->ctx, fail_receive(t, -rc));
	if (rc < 0 && !t->filled)
		return rc;
	if (rc)
		make_block(t, b);
	return rc ? 1 : 0;
}

static int next_lent(struct tcp_source *t, size_t max, struct zcdma_block *b)
{
	int rc = t->lender->ops->next(t->lender, max, b);

	t->src.starved = t->lender->starved;
	t->seq += rc == 1;
	return rc;
}

static int tcp_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct tcp_source *t = (struct tcp_source *)src;
	int rc;

	if (t->deadline_ns && (t->fd < 0 || zc_now_ns() > t->deadline_ns)) {
		if (!t->filled)
			return 0;
		make_block(t, b);
		return 1;
	}
	rc = t->fd < 0 ? find_sender(t) : 0;
	if (rc)
		return rc;
	return t->lender ? next_lent(t, max, b) : next_received(t, max, b);
}

static void tcp_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct tcp_source *t = (struct tcp_source *)src;

	if (t->lender) {
		t->lender->ops->put(t->lender, b, how);
		src->starved = false;
		return;
	}
	src->stats.replaced += how == ZC_PUT_REPLACE;
	zc_pool_put(&t->pool, b->index, how);
	src->starved = false;
}

static void tcp_stop(struct zcdma_source *src)
{
	struct tcp_source *t = (struct tcp_source *)src;

	t->deadline_ns = zc_now_ns() + LINGER_NS;
	if (t->lender)
		t->lender->ops->stop(t->lender);
}

static void tcp_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	stats->next_seq = ((struct tcp_source *)src)->seq;
}

static int tcp_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	return zc_source_share_ring(src, &((const struct tcp_source *)src)->pool.ring, desc);
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

	t->fd = t->alarm.fd = t->alarm.timer_fd = -1;
	src->info.block_size = BLOCK_SIZE;
	return zc_endpoint_parse(src, &t->end, arg, false);
}

/* Listen. The sockets stay open when the ring is made anew, as a sender may have come. */
static int listen_once(struct tcp_source *t)
{
	struct zcdma_source *src = &t->src;
	int rc = zc_alarm_open(&t->alarm);

	if (rc)
		return zc_fail(src->ctx, -rc, "source %s: its timer", src->name);
	rc = zc_endpoint_listen(src, &t->end);
	for (unsigned i = 0; !rc && i < t->end.count; i++) {
		rc = zc_alarm_add(&t->alarm, t->end.fds[i]);
		if (rc)
			zc_fail(src->ctx, -rc, "source %s", src->name);
	}
	if (rc) {
		zc_endpoint_close(&t->end);
		zc_alarm_close(&t->alarm);
	}
	src->poll_fd = t->alarm.fd;
	return rc;
}

static int make_ring(struct tcp_source *t, unsigned uses)
{
	struct zcdma_source_info *info = &t->src.info;
	const struct zc_ring *ring = &t->pool.ring;
	int rc = zc_pool_alloc(t->src.ctx, &t->pool, BLOCK_SIZE, BLOCKS, uses);

	if (rc)
		return rc;
	info->blocks = ring->blocks;
	info->page_size = ring->page_size;
	info->caps = ZCDMA_CAP_MEMORY;
	if (ring->fd >= 0)
		info->caps |= ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	zc_source_offer_ring(&t->src, ring);
	return 0;
}

static int tcp_activate(struct zcdma_source *src, unsigned uses)
{
	struct tcp_source *t = (struct tcp_source *)src;
	int rc = t->alarm.fd < 0 ? listen_once(t) : 0;

	if (rc)
		return rc;
	if (!(uses & ZC_USE_FD) || t->receive == COPY)
		return make_ring(t, uses);
	src->info.caps = ZCDMA_CAP_FD;
	return 0;
}

static void tcp_deactivate(struct zcdma_source *src)
{
	struct tcp_source *t = (struct tcp_source *)src;

	zc_pool_free(&t->pool);
	t->pool = (struct zc_pool){ .unused = NULL };
	src->ring = NULL;
	src->info.blocks = 0;
}

static void tcp_close(struct zcdma_source *src)
{
	struct tcp_source *t = (struct tcp_source *)src;

	zcdma_source_close(t->lender);
	if (t->fd >= 0)
		close(t->fd);
	zc_endpoint_close(&t->end);
	zc_alarm_close(&t->alarm);
}

const struct zc_source_ops zc_source_tcp = {
	.type = {
		.name = "tcp",
		.syntax = "tcp:[HOST]:PORT[,receive=auto|copy,iface=NAME,dscp=CLASS,ttl=N,mss=N,keepalive=SECONDS]",
		.summary = "what one sender sends over TCP",
	},
	.size = sizeof(struct tcp_source),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.address = offsetof(struct tcp_source, end.addr),
	.open = tcp_open,
	.activate = tcp_activate,
	.deactivate = tcp_deactivate,
	.next = tcp_next,
	.put = tcp_put,
	.stop = tcp_stop,
	.share = tcp_share,
	.get_stats = tcp_get_stats,
	.close = tcp_close,
};
