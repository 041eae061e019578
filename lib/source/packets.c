// SPDX-License-Identifier: LGPL-2.1-or-later
#include "source/packets.h"

#include <stdio.h>
#include <string.h>

#include "source/options.h"

/* How long a datagram waits for an earlier one where nothing else comes. */
#define PATIENCE_NS 100000000u

/*
 * Options
 */

/* "OFFSET:WIDTHbe" or "...le": one number holds it all. */
#define SEQ_LITTLE (UINT64_C(1) << 63)
#define SEQ_WIDTH  (UINT64_C(1) << 32)

int zc_packets_parse_seq(const char *text, uint64_t *value)
{
	unsigned offset, width;
	char order[3] = "";
	int end = 0;

	if (sscanf(text, "%5u:%1u%2[a-z]%n", &offset, &width, order, &end) != 3 || text[end] ||
	    *text < '0' || *text > '9')
		return -EINVAL;
	if (offset > 65535 || !width || width > 8 || (strcmp(order, "be") && strcmp(order, "le")))
		return -EINVAL;
	*value = offset | width * SEQ_WIDTH | (*order == 'l' ? SEQ_LITTLE : 0);
	return 0;
}

struct zc_reorder_field zc_packets_seq_field(uint64_t seq)
{
	return (struct zc_reorder_field){
		.offset = (uint32_t)(seq & 0xffff),
		.width = (uint32_t)(seq / SEQ_WIDTH) & 15,
		.little_endian = seq & SEQ_LITTLE,
	};
}

int zc_packets_parse_checksum(const char *text, uint64_t *value)
{
	static const char *const names[] = { "auto", "off", NULL };

	return zc_option_name(text, names, value);
}

/*
 * Opening
 */

void zc_packets_init(struct zc_packet_source *p, const struct zc_packet_ops *from)
{
	p->from = from;
	p->alarm.fd = p->alarm.timer_fd = -1;
}

int zc_packets_open_payload(struct zc_packet_source *p, const char *name, uint64_t seq,
			    bool any_checksum)
{
	const struct zc_reorder_field field = zc_packets_seq_field(seq);

	p->base.src.info.packets = seq ? ZCDMA_PACKETS_NUMBERED : ZCDMA_PACKETS_PAYLOAD;
	return zc_payload_new(p->base.src.ctx, name, &field, any_checksum, &p->payload);
}

int zc_packets_watch(struct zc_packet_source *p, int fd)
{
	struct zcdma_source *src = &p->base.src;
	int rc = p->alarm.fd < 0 ? zc_alarm_open(&p->alarm) : 0;

	if (!rc)
		rc = zc_alarm_add(&p->alarm, fd);
	src->poll_fd = p->alarm.fd;
	return rc ? zc_fail(src->ctx, -rc, "source %s: its timer", src->name) : 0;
}

void zc_packets_close(struct zc_packet_source *p)
{
	zc_alarm_close(&p->alarm);
	zc_payload_free(p->payload);
	p->base.src.poll_fd = -1;
	p->payload = NULL;
}

/*
 * Pieces of the stream
 */

/* Returns whether the time to wait for missing datagrams is over; starts it if a datagram waits. */
static bool patience_has_ended(struct zc_packet_source *p)
{
	const uint64_t now = zc_now_ns();

	if (p->alarm.fd < 0 || (p->patience_ns && now < p->patience_ns))
		return false;
	if (p->patience_ns) {
		p->patience_ns = 0;
		zc_alarm_set(&p->alarm, 0);
		return true;
	}
	if (zc_payload_waits(p->payload)) {
		p->patience_ns = now + PATIENCE_NS;
		zc_alarm_set(&p->alarm, p->patience_ns);
	}
	return false;
}

/* Take a packet. Returns 1, 0 at the end, or a negative errno. */
static int take_packet(struct zc_packet_source *p)
{
	struct zc_packet packet;
	int rc = p->stopped ? 0 : p->from->next(p, &packet);

	if (rc != 1)
		return rc;
	rc = p->payload ? zc_payload_put(p->payload, &packet) : p->from->take_whole(p, &packet);
	return rc ? rc : 1;
}

/* Stop waiting for datagrams, as no packet came, for now or at the end. Returns 0 or a negative errno. */
static int wait_no_longer(struct zc_packet_source *p, int rc)
{
	p->ended = !rc;
	if (p->ended)
		return p->payload ? zc_payload_end(p->payload) : p->from->end_whole(p);
	if (!p->payload)
		return rc;
	if (rc != -EAGAIN || !patience_has_ended(p))
		return rc;
	zc_payload_flush(p->payload);
	return 0;
}

/* Find the next piece. Returns 1, 0 at the end, -EAGAIN if none is there yet, or another negative errno. */
static int find_piece(struct zc_packet_source *p)
{
	int rc;

	while (!p->has_piece) {
		rc = p->payload ? zc_payload_get(p->payload, &p->data, &p->len) : 0;
		if (rc < 0)
			return rc;
		p->has_piece = rc;
		if (rc || p->ended)
			break;
		rc = take_packet(p);
		if (rc <= 0)
			rc = wait_no_longer(p, rc);
		if (rc < 0)
			return rc;
	}
	return p->has_piece;
}

/*
 * Blocks
 */

static void append_piece(struct zc_packet_source *p)
{
	uint8_t *to = zc_pool_source_room(&p->base);

	memcpy(to, p->header, p->header_len);
	if (p->len)
		memcpy(to + p->header_len, p->data, p->len);
	p->base.filled += p->header_len + p->len;
	p->header_len = p->len = 0;
	p->has_piece = false;
	if (p->payload)
		zc_payload_done(p->payload);
}

/* Put pieces into the block, up to @size bytes, as long as they fit. Returns what find_piece() said last. */
static int fill(struct zc_packet_source *p, size_t size)
{
	int rc;

	while ((rc = find_piece(p)) == 1 && p->header_len + p->len <= size - p->base.filled)
		append_piece(p);
	return rc;
}

static void make_block(struct zc_packet_source *p, struct zcdma_block *b)
{
	struct zcdma_source_stats *stats = &p->base.src.stats;

	zc_pool_source_finish(&p->base, b);
	stats->copied_bytes += b->len;
	if (p->kernel_copies)
		stats->kernel_copied_bytes += b->len;
}

int zc_packets_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct zc_packet_source *p = (struct zc_packet_source *)src;
	/* A file of packets ends with a whole one. */
	const size_t size = p->payload ? ZC_POOL_BLOCK : zc_min(max, (size_t)ZC_POOL_BLOCK);
	int rc = zc_pool_source_begin(&p->base);

	if (rc)
		return rc;
	rc = fill(p, size);
	/* An error comes after what was read before it. */
	if (rc < 0 && rc != -EAGAIN)
		zc_error_keep(&p->base.failed, src->ctx, rc);
	if (p->base.filled) {
		make_block(p, b);
		return 1;
	}
	if (rc == 1 && size == ZC_POOL_BLOCK)
		return zc_fail_plain(src->ctx, EMSGSIZE,
				     "source %s: a packet of %zu bytes is larger than a block",
				     src->name, p->len);
	src->info.at_limit |= rc == 1;
	return rc == 1 ? 0 : rc;
}

void zc_packets_stop(struct zcdma_source *src)
{
	((struct zc_packet_source *)src)->stopped = true;
}

void zc_packets_get_stats(struct zc_packet_source *p, struct zcdma_source_stats *stats)
{
	zc_pool_source_get_stats(&p->base.src, stats);
	if (p->payload)
		zc_payload_get_stats(p->payload, &stats->packets);
}
