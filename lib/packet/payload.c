// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Turns packets into the stream of their payloads: of one end of a TCP connection, or of datagrams. Datagrams are
 * passed on in the order of their arrival; those of one flow in the order of their numbers, if they have any.
 */
#include "packet/payload.h"

#include <stdlib.h>
#include <string.h>

#include "packet/frame_parse.h"
#include "packet/checksums.h"
#include "packet/merged.h"
#include "packet/tcp_payload.h"

/* Flows at once. The one that was silent for longest makes room for another. */
#define FLOWS 64

/* The most bytes of TCP in one piece. */
#define PIECE 65536

struct flow {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint64_t used;		  /* last, in packets since the start */
	struct zc_reorder *order; /* or NULL: its datagrams have no numbers */
	size_t merged;		  /* bytes of those that came merged last, or 0 */
	size_t single;	 /* bytes of the last packet, if its number shows one datagram, and ... */
	uint64_t number; /* ... that number */
	struct zc_checksums checksums;
};

struct zc_payload {
	struct zcdma_ctx *ctx;
	const char *name;
	struct zc_reorder_field field;
	bool any_checksum;
	struct zc_tcp_payload *tcp; /* or NULL: datagrams with numbers are looked for */
	struct flow flow[FLOWS];
	unsigned flows;
	struct flow *draining; /* pass on next what waited there ... */
	bool draining_all;     /* ... even if a datagram before it is missing */
	unsigned to_flush;     /* flows, the last one first */
	struct zc_frame frame; /* the last packet; not passed on yet if .pending */
	enum zc_checksum sum;  /* of it */
	bool pending;
	size_t at;	     /* what of its payload was looked at, where it is merged */
	const uint8_t *data; /* the next piece, or NULL */
	size_t len;
	bool of_tcp;
	struct zc_reorder_stats order_stats;
	struct zcdma_packet_stats stats;
};

int zc_payload_new(struct zcdma_ctx *ctx, const char *name, const struct zc_reorder_field *field,
		   bool any_checksum, struct zc_payload **out)
{
	struct zc_payload *p = calloc(1, sizeof(*p));

	if (!p)
		return zc_fail(ctx, ENOMEM, "payload of %s", name);
	p->ctx = ctx;
	p->name = name;
	p->field = *field;
	p->any_checksum = any_checksum;
	if (!field->width) {
		p->tcp = zc_tcp_payload_new(ctx, name);
		if (!p->tcp) {
			free(p);
			return zc_fail(ctx, ENOMEM, "payload of %s", name);
		}
	}
	*out = p;
	return 0;
}

void zc_payload_free(struct zc_payload *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->flows; i++)
		zc_reorder_free(p->flow[i].order);
	zc_tcp_payload_free(p->tcp);
	free(p);
}

static int fail_mixed(struct zc_payload *p)
{
	int rc = zc_fail_plain(p->ctx, EINVAL,
			       "payload of %s: both TCP and UDP, which do not go into one stream",
			       p->name);

	zc_hint(p->ctx, "choose with filter=, for example filter=udp");
	return rc;
}

static int put_segment(struct zc_payload *p)
{
	if (!p->tcp) {
		p->stats.others++;
		return 0;
	}
	return p->frame.len && p->stats.flows ? fail_mixed(p)
					      : zc_tcp_payload_put(p->tcp, &p->frame, p->sum);
}

static int put_datagram(struct zc_payload *p)
{
	struct zcdma_packet_stats tcp = { 0 };

	p->pending = p->frame.captured == p->frame.len;
	p->at = 0;
	p->stats.cut += !p->pending;
	if (p->tcp)
		zc_tcp_payload_get_stats(p->tcp, &tcp);
	return tcp.flows ? fail_mixed(p) : 0;
}

int zc_payload_put(struct zc_payload *p, const struct zc_packet *packet)
{
	p->to_flush = 0;
	p->stats.packets++;
	zc_frame_parse(packet, &p->frame);
	p->sum = p->any_checksum ? ZC_CHECKSUM_UNKNOWN : zc_frame_checksum(&p->frame);
	switch (p->frame.kind) {
	case ZC_FRAME_TCP:
		return put_segment(p);
	case ZC_FRAME_UDP:
		return put_datagram(p);
	case ZC_FRAME_FRAGMENT:
		p->stats.fragments++;
		break;
	case ZC_FRAME_CUT:
		p->stats.cut++;
		break;
	case ZC_FRAME_MALFORMED:
		p->stats.malformed++;
		break;
	case ZC_FRAME_OTHER:
		p->stats.others++;
	}
	return 0;
}

/*
 * Flows
 */

static bool is_of(const struct flow *flow, const struct zc_frame *f)
{
	return flow->sport == f->sport && flow->dport == f->dport &&
	       !memcmp(flow->src, f->src, sizeof(f->src)) &&
	       !memcmp(flow->dst, f->dst, sizeof(f->dst));
}

static struct flow *find(struct zc_payload *p)
{
	for (unsigned i = 0; i < p->flows; i++) {
		if (is_of(&p->flow[i], &p->frame))
			return &p->flow[i];
	}
	return NULL;
}

/* Returns a flow that is free, or the one that was silent for longest. */
static struct flow *make_room(struct zc_payload *p)
{
	struct flow *oldest = &p->flow[0];

	if (p->flows < FLOWS)
		return &p->flow[p->flows++];
	for (unsigned i = 1; i < FLOWS; i++) {
		if (p->flow[i].used < oldest->used)
			oldest = &p->flow[i];
	}
	return oldest;
}

/* Pass on what waits in @flow; @all: even after a missing datagram. */
static void drain(struct zc_payload *p, struct flow *flow, bool all)
{
	p->draining = flow->order ? flow : NULL;
	p->draining_all = all;
}

/* Find the flow of .frame, or make one; *@out is NULL if another one must be drained first. Returns 0 or a negative errno. */
static int get_flow(struct zc_payload *p, struct flow **out)
{
	const struct zc_frame *f = &p->frame;
	struct flow *flow = find(p);

	*out = NULL;
	if (!flow) {
		flow = make_room(p);
		if (flow->order && zc_reorder_is_waiting(flow->order)) {
			drain(p, flow, true);
			return 0;
		}
		zc_reorder_free(flow->order);
		*flow = (struct flow){ .sport = f->sport, .dport = f->dport };
		memcpy(flow->src, f->src, sizeof(flow->src));
		memcpy(flow->dst, f->dst, sizeof(flow->dst));
		if (p->field.width)
			flow->order = zc_reorder_new(&p->field, &p->order_stats);
		if (p->field.width && !flow->order)
			return zc_fail(p->ctx, ENOMEM, "payload of %s", p->name);
		p->stats.flows++;
	}
	flow->used = p->stats.packets;
	*out = flow;
	return 0;
}

/*
 * Pieces
 */

static void set_piece(struct zc_payload *p, const uint8_t *data, size_t len)
{
	p->data = len ? data : NULL;
	p->len = len;
}

/*
 * Returns the bytes of the datagram at .at of .frame, which may be merged with others. A flow whose packets have one
 * length, and numbers without a gap, has none that are merged.
 */
static size_t datagram_size(const struct zc_payload *p, struct flow *flow, uint64_t number)
{
	const struct zc_frame *f = &p->frame;
	const size_t left = f->len - p->at;

	if (p->at && flow->merged)
		return zc_min(left, flow->merged);
	if (flow->single == f->len && number == flow->number + 1)
		return left;
	flow->single = 0;
	return zc_merged_size(&p->field, f->payload, f->len, flow->merged);
}

/* Put the datagram at .at of .frame, or the only one, in the order of its number. Returns enum zc_reorder_verdict. */
static int put_in_order(struct zc_payload *p, struct flow *flow, size_t *len)
{
	const struct zc_frame *f = &p->frame;
	const uint8_t *data = f->payload + p->at;
	uint64_t number;

	if (!zc_reorder_read(&p->field, data, *len, &number)) {
		p->stats.unnumbered++;
		return ZC_REORDER_SKIPPED;
	}
	*len = datagram_size(p, flow, number);
	if (*len < f->len)
		flow->merged = p->at ? flow->merged : *len;
	else
		flow->single = f->len;
	flow->number = number;
	return zc_reorder_put(flow->order, number, data, *len);
}

/* Look whether the datagram in .frame is the next piece. Returns 0 or a negative errno. */
static int look_at(struct zc_payload *p)
{
	const struct zc_frame *f = &p->frame;
	size_t len = f->len - p->at;
	struct flow *flow;
	int rc = get_flow(p, &flow);

	if (rc || !flow)
		return rc;
	if (!p->at && zc_checksums_prove_damage(&flow->checksums, p->sum)) {
		p->stats.malformed++;
		rc = ZC_REORDER_SKIPPED;
	} else if (!flow->order) {
		rc = ZC_REORDER_PASS;
	} else {
		rc = put_in_order(p, flow, &len);
	}
	if (rc < 0)
		return zc_fail(p->ctx, -rc, "payload of %s", p->name);
	if (rc == ZC_REORDER_PASS)
		set_piece(p, f->payload + p->at, len);
	if (rc != ZC_REORDER_FULL) {
		p->stats.wrong_sums += rc != ZC_REORDER_SKIPPED && p->sum == ZC_CHECKSUM_WRONG;
		p->at += len;
		p->pending = p->at < f->len;
	}
	drain(p, flow, false);
	return 0;
}

/* Take a piece of TCP's stream. Returns false if it has none. */
static bool take_bytes(struct zc_payload *p)
{
	p->data = p->tcp ? zc_tcp_payload_get(p->tcp, &p->len) : NULL;
	p->of_tcp = p->data;
	p->len = zc_min(p->len, (size_t)PIECE);
	return p->data;
}

static void take_waiting(struct zc_payload *p)
{
	size_t len;
	const uint8_t *data = zc_reorder_next(p->draining->order, p->draining_all, &len);

	if (data)
		set_piece(p, data, len);
	else
		p->draining = NULL;
}

int zc_payload_get(struct zc_payload *p, const uint8_t **data, size_t *len)
{
	int rc = 0;

	while (!rc && !p->data) {
		if (p->draining)
			take_waiting(p);
		else if (p->pending)
			rc = look_at(p);
		else if (p->to_flush)
			drain(p, &p->flow[--p->to_flush], true);
		else if (!take_bytes(p))
			return 0;
	}
	*data = p->data;
	*len = p->len;
	return rc ? rc : 1;
}

void zc_payload_done(struct zc_payload *p)
{
	if (p->of_tcp)
		zc_tcp_payload_done(p->tcp, p->len);
	p->of_tcp = false;
	p->data = NULL;
}

void zc_payload_flush(struct zc_payload *p)
{
	p->to_flush = p->flows;
}

int zc_payload_end(struct zc_payload *p)
{
	zc_payload_flush(p);
	return p->tcp ? zc_tcp_payload_end(p->tcp) : 0;
}

bool zc_payload_waits(const struct zc_payload *p)
{
	return p->order_stats.waiting_bytes;
}

void zc_payload_get_stats(const struct zc_payload *p, struct zcdma_packet_stats *stats)
{
	*stats = p->stats;
	zc_reorder_report(&p->order_stats, stats);
	if (p->tcp)
		zc_tcp_payload_get_stats(p->tcp, stats);
	if (p->tcp && p->stats.flows)
		stats->lost = ZCDMA_UNKNOWN;
}
