// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * udp: - the datagrams of one sender, one after the other. They are received to where they stay in the block. While they
 * come, the receiver naps between its calls, rather than being woken by each.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "source/options.h"
#include "source/packets.h"
#include "source/udp.h"

/* How long to let datagrams come in before the next call. */
#define NAP_NS 200000u
/* How long a datagram waits for an earlier one where nothing else comes: as those of pcap: do. */
#define PATIENCE_NS 100000000u
/* How long to accept reordered datagrams after the mark of the end. */
#define GRACE_NS 50000000u
/* After stop(), how long to read what is there. */
#define LINGER_NS 500000000u

/*
 * Receiving
 */

/* Receive into the block. Returns 0, 1 if the block has no room and goes on, -EAGAIN, or another negative errno. */
static int receive(struct udp_source *u)
{
	const struct zc_udp_room room = {
		.data = zc_pool_source_room(&u->base),
		.len = ZC_POOL_BLOCK - u->base.filled,
		.head = u->opt.skip,
		.size = u->opt.size,
	};
	int rc;

	if (u->base.filled && room.len < zc_receiver_needs(u->rx, &room))
		return 1;
	rc = zc_receiver_fill(u->rx, &room);
	u->came |= !rc;
	return rc;
}

/* End the stream, with what waits in it for missing datagrams. */
static void end(struct udp_source *u)
{
	u->ended = true;
	u->draining = u->flushing = u->order != NULL;
}

/* Returns the earlier of two times, of which 0 is never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* Sleep until something is due, and, unless datagrams are known to come, until one does. */
static void sleep_until_due(struct udp_source *u, uint64_t now)
{
	uint64_t due = earlier(u->base.filled ? u->due_ns : 0, u->order_ns);

	if (u->mark_ns)
		due = earlier(due, u->mark_ns + GRACE_NS);
	u->base.src.poll_fd = u->came ? u->alarm.timer_fd : u->alarm.fd;
	zc_alarm_set(&u->alarm, u->came ? earlier(due, now + NAP_NS) : due);
	u->came = false;
}

/* Nothing more is there for now. Returns 0 if something else can be placed, 1 if the block goes on, or -EAGAIN. */
static int wait_for_more(struct udp_source *u)
{
	const uint64_t now = zc_now_ns();

	if (u->deadline_ns || (u->mark_ns && now >= u->mark_ns + GRACE_NS)) {
		end(u);
		return 0;
	}
	if (!u->order || !zc_reorder_is_waiting(u->order))
		u->order_ns = 0;
	else if (!u->order_ns)
		u->order_ns = now + PATIENCE_NS;
	if (u->order_ns && now >= u->order_ns) {
		u->order_ns = 0;
		u->draining = u->flushing = true;
		return 0;
	}
	if (u->base.filled && now >= u->due_ns)
		return 1;
	sleep_until_due(u, now);
	return -EAGAIN;
}

/* Fill the block with @max bytes or more, as datagrams are whole. Returns 1 if it goes on, 0 at the end of the stream, -EAGAIN, or another negative errno. */
static int fill(struct udp_source *u, size_t max)
{
	for (;;) {
		int rc = zc_udp_place(u);

		if (rc)
			return rc;
		if (u->ended || u->base.filled >= max)
			return u->base.filled > 0;
		if (u->deadline_ns && zc_now_ns() > u->deadline_ns)
			end(u);
		rc = u->ended ? 0 : receive(u);
		if (rc == -EAGAIN)
			rc = wait_for_more(u);
		else if (rc < 0)
			return zc_fail(u->base.src.ctx, -rc, "receive from %s", u->base.src.name);
		if (rc)
			return rc;
	}
}

static void make_block(struct udp_source *u, struct zcdma_block *b)
{
	struct zcdma_loss lost = { u->lost_before, u->lost_before * u->opt.size };

	/* Where each has the same size it is known how much is missing. */
	u->base.offset += lost.bytes;
	if (lost.count && !lost.bytes)
		lost.bytes = ZCDMA_UNKNOWN;
	zc_pool_source_finish(&u->base, b);
	b->flags = u->lost_before ? ZCDMA_BLOCK_LOST : 0;
	b->lost[ZCDMA_LOST_NETWORK] = lost;
	u->base.src.stats.kernel_copied_bytes += b->len;
	u->lost_before = 0;
}

static int udp_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct udp_source *u = (struct udp_source *)src;
	int rc = zc_pool_source_begin(&u->base);

	if (rc)
		return rc;
	rc = fill(u, max);
	if (rc < 0 && rc != -EAGAIN) {
		zc_error_keep(&u->base.failed, src->ctx, rc);
		rc = u->base.filled ? 1 : rc;
	}
	if (rc != 1)
		return rc;
	zc_receiver_evacuate(u->rx);
	make_block(u, b);
	return 1;
}

static void udp_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	const struct udp_source *u = (const struct udp_source *)src;
	struct zcdma_packet_stats *s = &stats->packets;

	zc_pool_source_get_stats(src, stats);
	if (src->stats.copied_bytes)
		stats->copies_reason =
			"the kernel copies what it receives into the ring, and this process those datagrams that came merged or in another size than was expected, or not in the order of their numbers";
	zc_reorder_report(&u->order_stats, s);
	if (s->lost > src->lost_packets) /* after the last block */
		stats->lost_bytes =
			u->opt.size ? (s->lost - src->lost_packets) * u->opt.size : ZCDMA_UNKNOWN;
	if (u->rx)
		s->dropped = zcdma_receiver_drops(u->rx, &s->socket_buffer);
}

static void udp_stop(struct zcdma_source *src)
{
	((struct udp_source *)src)->deadline_ns = zc_now_ns() + LINGER_NS;
}

/*
 * Opening
 */

static int parse_bytes(const char *text, uint64_t *value, uint64_t most)
{
	int rc = zcdma_size_parse(text, value);

	return rc ? rc : *value && *value <= most ? 0 : -ERANGE;
}

static int parse_size(const char *text, uint64_t *value)
{
	return parse_bytes(text, value, 65507);
}

static int parse_skip(const char *text, uint64_t *value)
{
	return parse_bytes(text, value, ZC_DATAGRAM_HEAD);
}

static const struct zc_option options[] = {
	{ "size", offsetof(struct udp_options, size), parse_size,
	  "a number of bytes from 1 to 65507" },
	{ "skip", offsetof(struct udp_options, skip), parse_skip,
	  "a number of bytes from 1 to 1024" },
	{ "seq", offsetof(struct udp_options, seq), zc_packets_parse_seq, ZC_PACKETS_SEQ_TAKES },
};

static int udp_open(struct zcdma_source *src, const char *arg)
{
	struct udp_source *u = (struct udp_source *)src;

	u->alarm.fd = u->alarm.timer_fd = -1;
	src->info.block_size = ZC_POOL_BLOCK;
	src->info.endless = true;
	return zc_endpoint_parse(src, &u->end, arg, true);
}

static int open_order(struct udp_source *u)
{
	u->field = zc_packets_seq_field(u->opt.seq);
	u->base.src.info.packets =
		u->opt.seq ? ZCDMA_PACKETS_RECEIVED_NUMBERED : ZCDMA_PACKETS_RECEIVED;
	if (!u->opt.seq)
		return 0;
	u->order = zc_reorder_new(&u->field, &u->order_stats);
	return u->order ? 0 : zc_fail(u->base.src.ctx, ENOMEM, "source %s", u->base.src.name);
}

static int open_receiver(struct udp_source *u)
{
	struct zcdma_source *src = &u->base.src;
	int rc = zcdma_receiver_open(src->ctx, u->end.fds, u->end.count, &u->rx);

	if (rc)
		return rc;
	/* What has a head, or a size, is received one by one. */
	zc_receiver_merge(u->rx, !u->opt.skip && !u->opt.size);
	for (unsigned i = 0; i < u->end.count; i++) {
		rc = zc_alarm_add(&u->alarm, u->end.fds[i]);
		if (rc)
			return zc_fail(src->ctx, -rc, "source %s", src->name);
	}
	return 0;
}

static void close_all(struct udp_source *u)
{
	zcdma_receiver_close(u->rx);
	u->rx = NULL;
	zc_reorder_free(u->order);
	u->order = NULL;
	zc_endpoint_close(&u->end);
	zc_alarm_close(&u->alarm);
}

/* Open all but the ring. The sockets stay open when that is made anew. */
static int open_all(struct udp_source *u)
{
	struct zcdma_source *src = &u->base.src;
	int rc = zcdma_sender_name(src->ctx, &u->end.addr, u->wanted, sizeof(u->wanted));

	if (rc || u->rx)
		return rc;
	rc = zc_alarm_open(&u->alarm);
	if (rc)
		return zc_fail(src->ctx, -rc, "source %s: its timer", src->name);
	rc = zc_endpoint_listen(src, &u->end);
	if (!rc)
		rc = open_receiver(u);
	if (!rc)
		rc = open_order(u);
	if (rc)
		close_all(u);
	src->poll_fd = u->alarm.fd;
	return rc;
}

static int udp_activate(struct zcdma_source *src, unsigned uses)
{
	struct udp_source *u = (struct udp_source *)src;
	int rc = open_all(u);

	return rc ? rc : zc_pool_source_activate(&u->base, uses);
}

static void udp_close(struct zcdma_source *src)
{
	struct udp_source *u = (struct udp_source *)src;

	close_all(u);
}

const struct zc_source_ops zc_source_udp = {
	.type = {
		.name = "udp",
		.syntax = "udp:[HOST]:PORT[,size=N,skip=N,seq=FIELD,iface=NAME,source=ADDRESS,buffer=SIZE]",
		.summary = "the datagrams that one sender sends",
	},
	.size = sizeof(struct udp_source),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct udp_source, opt),
	.address = offsetof(struct udp_source, end.addr),
	.open = udp_open,
	.activate = udp_activate,
	.deactivate = zc_pool_source_deactivate,
	.next = udp_next,
	.put = zc_pool_source_put,
	.stop = udp_stop,
	.share = zc_pool_source_share,
	.get_stats = udp_get_stats,
	.close = udp_close,
};
