// SPDX-License-Identifier: LGPL-2.1-or-later
/* IP, what it carries before TCP and UDP, and those. */
#include <netinet/in.h>
#include <string.h>

#include "packet/layer.h"

/*
 * TCP and UDP
 */

static void set_payload(struct zc_frame *f, const struct zc_rest *segment, uint32_t header)
{
	uint32_t there = zc_min(header, segment->captured);

	f->segment = segment->at;
	f->segment_len = segment->len;
	f->segment_captured = segment->captured;
	f->sport = zc_be16(segment->at);
	f->dport = zc_be16(segment->at + 2);
	f->payload = segment->at + there;
	f->captured = segment->captured - there;
	f->len = segment->len - header;
}

/* Take TCP. Its options may be cut off, as nothing here needs them. */
struct zc_layer zc_take_tcp(struct zc_rest *r, struct zc_frame *f)
{
	const struct zc_rest segment = *r;
	const uint8_t *h = zc_layer_take(r, 20, f);
	uint32_t header;

	if (!h)
		return ZC_LAYER_END;
	header = (h[12] >> 4) * 4u;
	if (header < 20 || header > segment.len)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	f->seq = zc_be32(h + 4);
	f->ack = zc_be32(h + 8);
	f->flags = h[13];
	set_payload(f, &segment, header);
	return zc_layer_end(f, ZC_FRAME_TCP);
}

/* Take UDP. A length of 0 is a jumbogram's (RFC 2675). The layer of a tunnel's port decides whether it is a tunnel. */
struct zc_layer zc_take_udp(struct zc_rest *r, struct zc_frame *f)
{
	struct zc_rest segment = *r;
	const uint8_t *h = zc_layer_take(r, 8, f);
	uint32_t len;

	if (!h)
		return ZC_LAYER_END;
	len = zc_be16(h + 4);
	if (!len)
		len = segment.len;
	if (len < 8 || len > segment.len)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	zc_layer_limit(&segment, len);
	zc_layer_limit(r, len - 8);
	set_payload(f, &segment, 8);
	f->kind = ZC_FRAME_UDP;
	return zc_layer_find(&zc_udp_ports, f->dport);
}

/*
 * IP
 */

static void set_addresses(struct zc_frame *f, uint8_t version, const uint8_t *src,
			  const uint8_t *dst)
{
	const size_t len = version == 4 ? 4 : 16;

	memset(f->src, 0, sizeof(f->src));
	memset(f->dst, 0, sizeof(f->dst));
	memcpy(f->src, src, len);
	memcpy(f->dst, dst, len);
	f->routed = false;
}

struct zc_layer zc_take_ipv4(struct zc_rest *r, struct zc_frame *f)
{
	const uint32_t whole = r->len;
	const uint8_t *h = zc_layer_take(r, 20, f);
	uint32_t header, len;

	if (!h)
		return ZC_LAYER_END;
	header = (h[0] & 15) * 4u;
	len = zc_be16(h + 2) ? zc_be16(h + 2) : whole;
	if (h[0] >> 4 != 4 || header < 20 || len < header || len > whole)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	f->version = 4;
	f->ip_id = zc_be16(h + 4);
	if (!zc_layer_take(r, header - 20, f))
		return ZC_LAYER_END;
	zc_layer_limit(r, len - header);
	if (zc_be16(h + 6) & 0x3fff)
		return zc_layer_end(f, ZC_FRAME_FRAGMENT);
	set_addresses(f, 4, h + 12, h + 16);
	return zc_layer_find(&zc_ip_protocols, h[9]);
}

struct zc_layer zc_take_ipv6(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 40, f);
	uint32_t len;

	if (!h)
		return ZC_LAYER_END;
	len = zc_be16(h + 4) ? zc_be16(h + 4) : r->len;
	if (h[0] >> 4 != 6 || len > r->len)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	f->version = 6;
	f->ip_id = -1;
	zc_layer_limit(r, len);
	set_addresses(f, 6, h + 8, h + 24);
	return zc_layer_find(&zc_ip_protocols, h[6]);
}

/* Take an extension header, whose second byte counts units of @unit bytes after the first eight. */
static struct zc_layer take_extension(struct zc_rest *r, struct zc_frame *f, uint32_t unit)
{
	const uint8_t *h = zc_layer_take(r, 8, f);

	if (!h || !zc_layer_take(r, h[1] * unit, f))
		return ZC_LAYER_END;
	return zc_layer_find(&zc_ip_protocols, h[0]);
}

struct zc_layer zc_take_options(struct zc_rest *r, struct zc_frame *f)
{
	return take_extension(r, f, 8);
}

/* Take a routing header, whose fourth byte counts the stops that are left. */
struct zc_layer zc_take_routing(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 4);

	if (h && h[3])
		f->routed = true;
	return take_extension(r, f, 8);
}

/* Take a fragment header. A packet with offset 0 and without "more fragments" is whole (RFC 6946). */
struct zc_layer zc_take_fragment(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 4);

	if (h && zc_be16(h + 2) & 0xfff9)
		return zc_layer_end(f, ZC_FRAME_FRAGMENT);
	return take_extension(r, f, 0);
}

/* Take AH, whose length counts words of four bytes, without the first two: RFC 4302, 2.2. */
struct zc_layer zc_take_authentication(struct zc_rest *r, struct zc_frame *f)
{
	return take_extension(r, f, 4);
}
