// SPDX-License-Identifier: LGPL-2.1-or-later
/* Frames taken apart: link layer, IP, TCP or UDP. No byte is looked at that is not there. */
#include "frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <stddef.h>
#include <string.h>

#include "../internal.h"

/* What is left of a frame. */
struct rest {
	const uint8_t *at;
	uint32_t captured, len;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static const uint8_t *give_up(struct zc_frame *f, enum zc_frame_kind kind)
{
	f->kind = kind;
	return NULL;
}

/* The next @bytes, or NULL: they are not there. */
static const uint8_t *take(struct rest *r, uint32_t bytes, struct zc_frame *f)
{
	const uint8_t *taken = r->at;

	if (r->len < bytes)
		return give_up(f, ZC_FRAME_MALFORMED);
	if (r->captured < bytes)
		return give_up(f, ZC_FRAME_CUT);
	r->at += bytes;
	r->captured -= bytes;
	r->len -= bytes;
	return taken;
}

/* What is behind that is no part of it: the padding of a short frame, a checksum of Ethernet. */
static void limit(struct rest *r, uint32_t len)
{
	r->len = len;
	r->captured = zc_min(r->captured, len);
}

/*
 * TCP and UDP
 */

static void set_payload(struct zc_frame *f, const struct rest *segment, uint32_t header)
{
	uint32_t there = zc_min(header, segment->captured);

	f->segment = segment->at;
	f->segment_len = segment->len;
	f->segment_captured = segment->captured;
	f->sport = be16(segment->at);
	f->dport = be16(segment->at + 2);
	f->payload = segment->at + there;
	f->captured = segment->captured - there;
	f->len = segment->len - header;
}

/* Options that were cut off are no loss: nothing here is in need of them. */
static void parse_tcp(struct rest *r, struct zc_frame *f)
{
	const struct rest segment = *r;
	const uint8_t *h = take(r, 20, f);
	uint32_t header;

	if (!h)
		return;
	header = (h[12] >> 4) * 4u;
	if (header < 20 || header > segment.len) {
		give_up(f, ZC_FRAME_MALFORMED);
		return;
	}
	f->kind = ZC_FRAME_TCP;
	f->seq = be32(h + 4);
	f->ack = be32(h + 8);
	f->flags = h[13];
	set_payload(f, &segment, header);
}

/* A length of 0 is a jumbogram's (RFC 2675). */
static void parse_udp(struct rest *r, struct zc_frame *f)
{
	struct rest segment = *r;
	const uint8_t *h = take(r, 8, f);
	uint32_t len;

	if (!h)
		return;
	len = be16(h + 4);
	if (!len)
		len = segment.len;
	if (len < 8 || len > segment.len) {
		give_up(f, ZC_FRAME_MALFORMED);
		return;
	}
	limit(&segment, len);
	f->kind = ZC_FRAME_UDP;
	set_payload(f, &segment, 8);
}

static void parse_transport(uint8_t protocol, struct rest *r, struct zc_frame *f)
{
	if (protocol == IPPROTO_TCP)
		parse_tcp(r, f);
	else if (protocol == IPPROTO_UDP)
		parse_udp(r, f);
}

/*
 * IP
 */

static void parse_ipv4(struct rest *r, struct zc_frame *f)
{
	const uint32_t whole = r->len;
	const uint8_t *h = take(r, 20, f);
	uint32_t header, len;

	if (!h)
		return;
	header = (h[0] & 15) * 4u;
	len = be16(h + 2) ? be16(h + 2) : whole;
	if (h[0] >> 4 != 4 || header < 20 || len < header || len > whole) {
		give_up(f, ZC_FRAME_MALFORMED);
		return;
	}
	f->version = 4;
	if (!take(r, header - 20, f))
		return;
	limit(r, len - header);
	if (be16(h + 6) & 0x3fff) {
		give_up(f, ZC_FRAME_FRAGMENT);
		return;
	}
	memcpy(f->src, h + 12, 4);
	memcpy(f->dst, h + 16, 4);
	parse_transport(h[9], r, f);
}

/* Skip an extension header of IPv6, whose kind is *@next. False: it is none, or the end of it. */
static bool skip_extension(struct rest *r, uint8_t *next, struct zc_frame *f)
{
	const uint8_t *h;
	uint32_t more = 0;

	if (*next != IPPROTO_HOPOPTS && *next != IPPROTO_ROUTING && *next != IPPROTO_DSTOPTS &&
	    *next != IPPROTO_FRAGMENT && *next != IPPROTO_AH)
		return false;
	h = take(r, 8, f);
	if (!h)
		return false;
	/* Offset or "more to come". A packet with neither is whole (RFC 6946). */
	if (*next == IPPROTO_FRAGMENT && be16(h + 2) & 0xfff9)
		return give_up(f, ZC_FRAME_FRAGMENT);
	if (*next == IPPROTO_ROUTING && h[3])
		f->routed = true;
	if (*next == IPPROTO_AH)
		more = h[1] * 4u; /* which counts other units than the rest */
	else if (*next != IPPROTO_FRAGMENT)
		more = h[1] * 8u;
	*next = h[0];
	return take(r, more, f);
}

static void parse_ipv6(struct rest *r, struct zc_frame *f)
{
	const uint8_t *h = take(r, 40, f);
	uint32_t len;
	uint8_t next;

	if (!h)
		return;
	len = be16(h + 4) ? be16(h + 4) : r->len;
	if (h[0] >> 4 != 6 || len > r->len) {
		give_up(f, ZC_FRAME_MALFORMED);
		return;
	}
	f->version = 6;
	limit(r, len);
	memcpy(f->src, h + 8, 16);
	memcpy(f->dst, h + 24, 16);
	next = h[6];
	while (skip_extension(r, &next, f))
		;
	if (f->kind == ZC_FRAME_OTHER)
		parse_transport(next, r, f);
}

/*
 * Link layers: each takes its header, and tells the Ethernet type of what is behind it. False: there
 * is no more to be had.
 */

static bool is_vlan(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == 0x88a8 || type == 0x9100;
}

static bool skip_vlans(struct rest *r, struct zc_frame *f, uint16_t *type)
{
	while (is_vlan(*type)) {
		const uint8_t *tag = take(r, 4, f);

		if (!tag)
			return false;
		*type = be16(tag + 2);
	}
	return true;
}

static bool take_type(struct rest *r, struct zc_frame *f, uint32_t header, uint32_t at,
		      uint16_t *type)
{
	const uint8_t *h = take(r, header, f);

	if (!h)
		return false;
	*type = be16(h + at);
	return skip_vlans(r, f, type);
}

static bool take_ethernet(struct rest *r, struct zc_frame *f, uint16_t *type)
{
	return take_type(r, f, 14, 12, type);
}

static bool take_cooked(struct rest *r, struct zc_frame *f, uint16_t *type)
{
	return take_type(r, f, 16, 14, type);
}

static bool take_cooked2(struct rest *r, struct zc_frame *f, uint16_t *type)
{
	return take_type(r, f, 20, 0, type);
}

static bool take_raw(struct rest *r, struct zc_frame *f, uint16_t *type)
{
	struct rest peek = *r;
	const uint8_t *h = take(&peek, 1, f);

	if (!h)
		return false;
	*type = h[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
	return true;
}

/* The address family, in the writer's byte order; that of IPv6 has another number in each BSD. */
static bool take_loopback(struct rest *r, struct zc_frame *f, uint16_t *type)
{
	const uint8_t *h = take(r, 4, f);
	uint32_t family;

	if (!h)
		return false;
	family = be32(h);
	if (family > 0xffff)
		family = (uint32_t)h[1] << 8 | h[0];
	switch (family) {
	case 2:
		*type = ETHERTYPE_IP;
		return true;
	case 10:
	case 24:
	case 28:
	case 30:
		*type = ETHERTYPE_IPV6;
		return true;
	}
	return false;
}

static const struct link {
	int linktype;
	bool (*take)(struct rest *r, struct zc_frame *f, uint16_t *type);
} links[] = {
	{ DLT_EN10MB, take_ethernet },	  { DLT_LINUX_SLL, take_cooked },
	{ DLT_LINUX_SLL2, take_cooked2 }, { DLT_RAW, take_raw },
	{ DLT_IPV4, take_raw },		  { DLT_IPV6, take_raw },
	{ DLT_NULL, take_loopback },	  { DLT_LOOP, take_loopback },
};

static const struct link *find_link(int linktype)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (links[i].linktype == linktype)
			return &links[i];
	}
	return NULL;
}

bool zc_frame_knows(int linktype)
{
	return find_link(linktype);
}

void zc_frame_parse(int linktype, const void *frame, uint32_t captured, uint32_t len,
		    struct zc_frame *out)
{
	const struct link *link = find_link(linktype);
	struct rest r = { .at = frame, .captured = zc_min(captured, len), .len = len };
	uint16_t type;

	*out = (struct zc_frame){ .kind = ZC_FRAME_OTHER };
	if (!link || !link->take(&r, out, &type))
		return;
	if (type == ETHERTYPE_IP)
		parse_ipv4(&r, out);
	else if (type == ETHERTYPE_IPV6)
		parse_ipv6(&r, out);
}

/*
 * Checksums: sums of 16-bit words whose carry goes round. They come out the same, as bytes, in
 * either byte order and from wider words.
 */

static uint64_t sum(const uint8_t *data, uint32_t len)
{
	uint64_t total = 0, word;

	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		total += (uint32_t)word;
		total += word >> 32;
	}
	word = 0;
	memcpy(&word, data, len);
	return total + (uint32_t)word + (word >> 32);
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

enum zc_checksum zc_frame_checksum(const struct zc_frame *f)
{
	const bool udp = f->kind == ZC_FRAME_UDP;
	uint64_t addresses;
	uint16_t field;

	if ((f->kind != ZC_FRAME_TCP && !udp) || f->routed || f->segment_captured < f->segment_len)
		return ZC_CHECKSUM_UNKNOWN;
	memcpy(&field, f->segment + (udp ? 6 : 16), sizeof(field));
	if (udp && !field)
		return ZC_CHECKSUM_UNKNOWN;
	addresses = sum(f->src, 16) + sum(f->dst, 16) + htonl(udp ? IPPROTO_UDP : IPPROTO_TCP);
	if (fold(addresses + htonl(f->segment_len) + sum(f->segment, f->segment_len)) == 0xffff)
		return ZC_CHECKSUM_RIGHT;
	/* Before it is cut into segments, some drivers have the length left out. */
	if (field == fold(addresses + htonl(f->segment_len)) || field == fold(addresses))
		return ZC_CHECKSUM_OFFLOADED;
	return ZC_CHECKSUM_WRONG;
}
