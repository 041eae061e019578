// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * udp: - the place of datagrams in a block. They lie where they were received; they are copied only where they are not
 * of the size that was expected, or not in the order of their numbers.
 */
#include <string.h>

#include "source/udp.h"

/* How long a block takes what comes, when it is not full. */
#define DUE_NS 10000000u

/* Count what was lost before the datagram that is next. Returns false if the block goes on before it. */
static bool note_losses(struct udp_source *u)
{
	const uint64_t lost = u->order_stats.lost - u->lost;

	if (lost && u->base.filled)
		return false;
	u->lost_before += lost;
	u->lost = u->order_stats.lost;
	return true;
}

/* Put @len bytes after those in the block, unless they are there. Returns false if the block goes on first. */
static bool append(struct udp_source *u, const uint8_t *data, size_t len)
{
	uint8_t *to = zc_pool_source_room(&u->base);

	if (!note_losses(u) || len > ZC_POOL_BLOCK - u->base.filled)
		return false;
	if (!u->base.filled)
		u->due_ns = zc_now_ns() + DUE_NS;
	if (data != to) {
		memcpy(to, data, len);
		u->base.src.stats.copied_bytes += len;
	}
	u->base.filled += len;
	return true;
}

/* Put what waited for the right order into the block. Returns 1 if the block goes on first, or 0. */
static int place_waiting(struct udp_source *u)
{
	while (u->draining) {
		if (!u->late)
			u->late = zc_reorder_next(u->order, u->flushing, &u->late_len);
		if (!u->late)
			break;
		zc_receiver_evacuate(u->rx);
		if (!append(u, u->late, u->late_len))
			return 1;
		u->late = NULL;
	}
	u->draining = u->flushing = false;
	return 0;
}

/* Read the number of a datagram, wherever its bytes are. Returns false if it is too short. */
static bool read_number(const struct udp_source *u, const struct zc_datagrams *d, size_t len,
			uint64_t *number)
{
	uint8_t bytes[8];
	struct zc_reorder_field field = u->field;

	for (uint32_t i = 0; i < field.width; i++) {
		const size_t at = field.offset + i;

		if (at < d->head_len)
			bytes[i] = d->head[at];
		else if (at - d->head_len < len)
			bytes[i] = d->data[at - d->head_len];
		else
			return false;
	}
	field.offset = 0;
	return zc_reorder_read(&field, bytes, field.width, number);
}

/* Decide where in the order the next datagram is. Returns enum zc_reorder_verdict, or a negative errno. */
static int put_in_order(struct udp_source *u, const struct zc_datagrams *d, size_t len)
{
	uint64_t number;

	if (!u->order || u->passed)
		return ZC_REORDER_PASS;
	if (!read_number(u, d, len, &number)) {
		u->base.src.stats.packets.unnumbered++;
		return ZC_REORDER_SKIPPED;
	}
	return zc_reorder_put(u->order, number, d->data, len);
}

static uint64_t count(const struct zc_datagrams *d)
{
	return d->segment ? (d->len + d->segment - 1) / d->segment : 1;
}

/* Place what comes next, @d. Returns 1 if the block goes on first, 0, or a negative errno with the error message set. */
static int place_next(struct udp_source *u, struct zc_datagrams *d)
{
	/* With numbers one by one; else all that came merged. */
	const size_t taken = u->order ? zc_min(d->len, d->segment) : d->len;
	const size_t len = u->opt.size ? zc_min(taken, (size_t)u->opt.size) : taken;
	struct zcdma_packet_stats *s = &u->base.src.stats.packets;
	int verdict = put_in_order(u, d, len);

	if (verdict < 0)
		return zc_fail(u->base.src.ctx, -verdict, "receive from %s", u->end.peer);
	u->draining = u->order != NULL;
	if (verdict == ZC_REORDER_FULL)
		return 0;
	if (verdict == ZC_REORDER_PASS) {
		u->passed = u->order != NULL;
		if (d->data != zc_pool_source_room(&u->base)) {
			zc_receiver_evacuate(u->rx);
			zc_receiver_peek(u->rx, d);
		}
		if (!append(u, d->data, len))
			return 1;
	}
	u->passed = false;
	s->packets += u->order ? 1 : count(d);
	s->shortened += d->shortened || len < taken;
	zc_receiver_advance(u->rx, taken);
	return 0;
}

static bool is_empty(const struct zc_datagrams *d)
{
	return !d->head_len && !d->len;
}

/* Take the first sender, and skip the datagrams of any other. Returns whether @d is the sender's. */
static bool is_senders(struct udp_source *u, const struct zc_datagrams *d)
{
	char name[sizeof(u->end.peer)];

	if (u->from_len)
		return u->from_len == d->from_len && !memcmp(&u->from, d->from, d->from_len);
	/* An empty one may be the mark of a stream that an earlier receiver took. */
	if (is_empty(d))
		return false;
	zc_format_name(d->from, d->from_len, name, sizeof(name));
	if (strncmp(name, u->wanted, strlen(u->wanted)))
		return false;
	memcpy(&u->from, d->from, d->from_len);
	u->from_len = d->from_len;
	strcpy(u->end.peer, name);
	u->base.src.info.peer = u->end.peer;
	return true;
}

static void skip(struct udp_source *u, const struct zc_datagrams *d, uint64_t *counter)
{
	*counter += count(d);
	zc_receiver_advance(u->rx, d->len);
}

/* Returns what counts a datagram that is not the sender's. */
static uint64_t *skipped_counter(struct udp_source *u, const struct zc_datagrams *d)
{
	struct zcdma_packet_stats *s = &u->base.src.stats.packets;

	if (is_empty(d))
		return &s->others;
	return u->wanted[0] ? &s->unwanted : &s->ignored;
}

int zc_udp_place(struct udp_source *u)
{
	struct zcdma_packet_stats *s = &u->base.src.stats.packets;
	struct zc_datagrams d;
	int rc;

	while (!(rc = place_waiting(u)) && zc_receiver_peek(u->rx, &d)) {
		if (!is_senders(u, &d)) {
			skip(u, &d, skipped_counter(u, &d));
		} else if (is_empty(&d)) {
			u->mark_ns = u->mark_ns ? u->mark_ns : zc_now_ns();
			zc_receiver_advance(u->rx, 0);
		} else if (d.head_len < u->opt.skip || !d.len || d.len < u->opt.size) {
			skip(u, &d, &s->undersized);
		} else {
			rc = place_next(u, &d);
			if (rc)
				return rc;
		}
	}
	return rc;
}
