// SPDX-License-Identifier: LGPL-2.1-or-later
/* Link layers: Ethernet and what it is in, Linux cooked, raw IP, loopback, PPP, pflog. */
#include <net/ethernet.h>

#include "packet/layer.h"

/* Take LLC (802.2): the next layer is known for SNAP, with the OUI of Ethernet or of a bridge (802.1H). */
static struct zc_layer take_llc(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 8, f);
	uint32_t oui;

	if (!h)
		return ZC_LAYER_END;
	oui = (uint32_t)h[3] << 16 | zc_be16(h + 4);
	if (h[0] != 0xaa || h[1] != 0xaa || h[2] != 3 || (oui && oui != 0x0000f8))
		return zc_layer_end(f, ZC_FRAME_OTHER);
	return zc_layer_find(&zc_ethertypes, zc_be16(h + 6));
}

/* A type up to 1500 is the length of an 802.3 frame, and 4 is Linux' own number for LLC (ETH_P_802_2). */
struct zc_layer zc_layer_of_type(uint16_t type)
{
	if (type <= ETHERMTU && type != 1)
		return (struct zc_layer){ take_llc };
	return zc_layer_find(&zc_ethertypes, type);
}

/* Take a header of @len bytes, with the type of what follows at offset @at. */
static struct zc_layer take_type(struct zc_rest *r, struct zc_frame *f, uint32_t len, uint32_t at)
{
	const uint8_t *h = zc_layer_take(r, len, f);

	return h ? zc_layer_of_type(zc_be16(h + at)) : ZC_LAYER_END;
}

struct zc_layer zc_take_ethernet(struct zc_rest *r, struct zc_frame *f)
{
	return take_type(r, f, 14, 12);
}

/* Take a VLAN tag. Id 0 means that it has only a priority: 802.1Q, 9.6. */
struct zc_layer zc_take_vlan(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 4, f);
	uint32_t id;

	if (!h)
		return ZC_LAYER_END;
	id = zc_be16(h) & 0xfff;
	if (id && !zc_layer_enter(f, ZC_NET_VLAN, id))
		return zc_layer_end(f, ZC_FRAME_OTHER);
	return zc_layer_of_type(zc_be16(h + 2));
}

struct zc_layer zc_take_cooked(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 2);

	if (h)
		f->packet_type = zc_be16(h);
	return take_type(r, f, 16, 14);
}

struct zc_layer zc_take_cooked2(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 20);

	if (h) {
		f->interface = zc_be32(h + 4);
		f->packet_type = h[10];
	}
	return take_type(r, f, 20, 0);
}

struct zc_layer zc_take_raw(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 1);

	if (!h)
		return zc_layer_end(f, r->len ? ZC_FRAME_CUT : ZC_FRAME_MALFORMED);
	return (struct zc_layer){ h[0] >> 4 == 6 ? zc_take_ipv6 : zc_take_ipv4 };
}

/* Find the layer of an address family: IPv6 has another number in each BSD, and 10 in Linux. */
static struct zc_layer find_family(uint32_t family)
{
	static const struct zc_layer_row families[] = {
		{ 2, { zc_take_ipv4 }, NULL },	{ 10, { zc_take_ipv6 }, NULL },
		{ 24, { zc_take_ipv6 }, NULL }, { 28, { zc_take_ipv6 }, NULL },
		{ 30, { zc_take_ipv6 }, NULL },
	};
	static const struct zc_layer_table table = { families, ARRAY_SIZE(families) };

	return zc_layer_find(&table, family);
}

/* Take BSD's loopback header: the address family, in the writer's byte order. */
struct zc_layer zc_take_loopback(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 4, f);
	uint32_t family;

	if (!h)
		return ZC_LAYER_END;
	family = zc_be32(h);
	return find_family(family > 0xffff ? (uint32_t)h[1] << 8 | h[0] : family);
}

/* Take pflog: its length, without the padding to four bytes, and the address family come first. */
struct zc_layer zc_take_pflog(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 2);

	if (!h)
		return zc_layer_end(f, r->len < 2 ? ZC_FRAME_MALFORMED : ZC_FRAME_CUT);
	if (h[0] < 2)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	if (!zc_layer_take(r, (h[0] + 3u) & ~3u, f))
		return ZC_LAYER_END;
	return find_family(h[1]);
}

/* Take Apple's PKTAP, in the byte order of its machines: the header's length, a type, and the link type of the rest. */
struct zc_layer zc_take_pktap(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 12);

	if (!h)
		return zc_layer_end(f, r->len < 12 ? ZC_FRAME_MALFORMED : ZC_FRAME_CUT);
	if (zc_le32(h) < 12)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	if (!zc_layer_take(r, zc_le32(h), f))
		return ZC_LAYER_END;
	return zc_layer_find(&zc_link_layers, zc_le32(h + 8));
}

struct zc_layer zc_take_ipoib(struct zc_rest *r, struct zc_frame *f)
{
	return take_type(r, f, 44, 40);
}

#define NFLOG_PAYLOAD 9 /* NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h */

/*
 * Take netfilter's log: the address family, then attributes, each with its length, without padding, and its type, in
 * the byte order of the machine. Types are small, so that they show which one that is.
 */
struct zc_layer zc_take_nflog(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 4, f), *attribute;
	uint32_t len, type;

	if (!h)
		return ZC_LAYER_END;
	do {
		attribute = zc_layer_peek(r, 4);
		if (!attribute)
			return zc_layer_end(f,
					    r->captured < r->len ? ZC_FRAME_CUT : ZC_FRAME_OTHER);
		len = zc_le32(attribute) & 0xffff;
		type = zc_le32(attribute) >> 16;
		if (type > 0xff) { /* the other byte order */
			len = zc_be16(attribute);
			type = zc_be16(attribute + 2);
		}
		if (len < 4)
			return zc_layer_end(f, ZC_FRAME_MALFORMED);
		if (!zc_layer_take(r, type == NFLOG_PAYLOAD ? 4 : (len + 3) & ~3u, f))
			return ZC_LAYER_END;
	} while (type != NFLOG_PAYLOAD);
	return find_family(h[0]);
}

/*
 * PPP
 */

/* Take the protocol field of PPP, which is one byte long if that is odd: RFC 1661, 6.5. */
static struct zc_layer take_ppp_type(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 1, f);
	uint16_t type;

	if (!h)
		return ZC_LAYER_END;
	type = h[0];
	if (!(type & 1)) {
		if (!zc_layer_take(r, 1, f))
			return ZC_LAYER_END;
		type = zc_be16(h);
	}
	return zc_layer_find(&zc_ppp_protocols, type);
}

/* Take PPP. Address 0xff, which is not a protocol, and control 3 may be absent: RFC 1661, 6.6. */
struct zc_layer zc_take_ppp(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 1);

	if (h && h[0] == 0xff && !zc_layer_take(r, 2, f))
		return ZC_LAYER_END;
	return take_ppp_type(r, f);
}

/* Take HDLC: Cisco's if the address is one of its two, else PPP's. RFC 1547, 4.3.1. */
struct zc_layer zc_take_hdlc(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 1);

	if (h && (h[0] == 0x0f || h[0] == 0x8f))
		return take_type(r, f, 4, 2);
	return zc_take_ppp(r, f);
}

/* Take PPPoE with version 1, type 1, and code 0 for data: RFC 2516, 4. */
struct zc_layer zc_take_pppoe(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 6, f);

	if (!h)
		return ZC_LAYER_END;
	if (h[0] != 0x11 || h[1] || !zc_layer_enter(f, ZC_NET_PPPOE, zc_be16(h + 2)))
		return zc_layer_end(f, ZC_FRAME_OTHER);
	if (zc_be16(h + 4) <= r->len)
		zc_layer_limit(r, zc_be16(h + 4));
	return take_ppp_type(r, f);
}
