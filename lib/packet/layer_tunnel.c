// SPDX-License-Identifier: LGPL-2.1-or-later
/* Tunnels: the connection that counts is the one inside. */
#include "packet/layer.h"

/*
 * Take a label; a bit marks the last one. Nothing names what follows: IP is known by its version, and a
 * pseudowire's control word by 0 in its place (RFC 4385, 3).
 */
struct zc_layer zc_take_mpls(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 4, f), *inner;

	if (!h)
		return ZC_LAYER_END;
	if (!(h[2] & 1))
		return (struct zc_layer){ zc_take_mpls };
	inner = zc_layer_peek(r, 1);
	if (!inner)
		return zc_layer_end(f, r->len ? ZC_FRAME_CUT : ZC_FRAME_OTHER);
	if (inner[0] >> 4 == 4 || inner[0] >> 4 == 6)
		return zc_take_raw(r, f);
	if (inner[0] >> 4 || !zc_layer_take(r, 4, f))
		return ZC_LAYER_END;
	return (struct zc_layer){ zc_take_ethernet };
}

/* Enter the network @kind with @id, in which @next is. */
static struct zc_layer enter(struct zc_frame *f, enum zc_net kind, uint32_t id,
			     struct zc_layer next)
{
	return zc_layer_enter(f, kind, id) ? next : zc_layer_end(f, ZC_FRAME_OTHER);
}

/* Take IP in IP; the version field decides between IPv4 and IPv6, as protocol numbers may be wrong. */
struct zc_layer zc_take_ipip(struct zc_rest *r, struct zc_frame *f)
{
	(void)r;
	return enter(f, ZC_NET_TUNNEL, 0, (struct zc_layer){ zc_take_raw });
}

/*
 * GRE: RFC 2784, 2890 and, in version 1, 2637
 */

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING  0x4000
#define GRE_KEY	     0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_ACK	     0x0080
#define GRE_VERSION  0x0007

/* Returns the layer inside GRE. In version 1 the key is a length and a call's number, which do not name a network. */
static struct zc_layer gre_inner(struct zc_frame *f, uint16_t flags, uint16_t type,
				 const uint8_t *key)
{
	struct zc_layer next = zc_layer_find(&zc_ethertypes, type);

	/* ERSPAN of the first kind has no header of its own, and no sequence numbers tell it. */
	if (next.take == zc_take_erspan2 && !(flags & GRE_SEQUENCE))
		next.take = zc_take_ethernet;
	if (flags & GRE_KEY && !(flags & GRE_VERSION))
		return enter(f, ZC_NET_GRE, zc_be32(key), next);
	return enter(f, ZC_NET_TUNNEL, 0, next);
}

struct zc_layer zc_take_gre(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 4, f), *key = NULL;
	uint16_t flags;

	if (!h)
		return ZC_LAYER_END;
	flags = zc_be16(h);
	if (flags & GRE_ROUTING || (flags & GRE_VERSION) > 1)
		return zc_layer_end(f, ZC_FRAME_OTHER);
	if (flags & GRE_CHECKSUM && !zc_layer_take(r, 4, f))
		return ZC_LAYER_END;
	if (flags & GRE_KEY && !(key = zc_layer_take(r, 4, f)))
		return ZC_LAYER_END;
	if (flags & GRE_SEQUENCE && !zc_layer_take(r, 4, f))
		return ZC_LAYER_END;
	if (flags & GRE_VERSION && flags & GRE_ACK && !zc_layer_take(r, 4, f))
		return ZC_LAYER_END;
	return gre_inner(f, flags, zc_be16(h + 2), key);
}

/* Take ERSPAN II: the session is in the lower ten bits (draft-foschiano-erspan-03, 4.2). */
struct zc_layer zc_take_erspan2(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 8, f);

	if (!h)
		return ZC_LAYER_END;
	return enter(f, ZC_NET_ERSPAN, zc_be16(h + 2) & 0x3ff,
		     (struct zc_layer){ zc_take_ethernet });
}

/* Take ERSPAN III: 12 bytes, and 8 more if the last bit is set (draft-foschiano-erspan-03, 4.3). */
struct zc_layer zc_take_erspan3(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_take(r, 12, f);

	if (!h || (h[11] & 1 && !zc_layer_take(r, 8, f)))
		return ZC_LAYER_END;
	return enter(f, ZC_NET_ERSPAN, zc_be16(h + 2) & 0x3ff,
		     (struct zc_layer){ zc_take_ethernet });
}

/*
 * In UDP. What has the port of a tunnel and not its header stays a datagram.
 */

static uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | zc_be16(p + 1);
}

/* Take @len bytes of a tunnel's header. Returns false if the frame has ended. */
static bool take_header(struct zc_rest *r, struct zc_frame *f, uint32_t len)
{
	f->kind = ZC_FRAME_OTHER;
	return zc_layer_take(r, len, f);
}

/* Take VXLAN: one flag is set, reserved bits are 0 (RFC 7348, 5). */
struct zc_layer zc_take_vxlan(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 8);

	if (!h || zc_be32(h) != 0x08000000 || h[7])
		return ZC_LAYER_END;
	take_header(r, f, 8);
	return enter(f, ZC_NET_VXLAN, be24(h + 4), (struct zc_layer){ zc_take_ethernet });
}

/* Take GENEVE: version 0, reserved bits are 0 (RFC 8926, 3.4). */
struct zc_layer zc_take_geneve(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 8);

	if (!h || h[0] >> 6 || h[1] & 0x3f || h[7])
		return ZC_LAYER_END;
	if (!zc_layer_find(&zc_ethertypes, zc_be16(h + 2)).take)
		return ZC_LAYER_END;
	if (!take_header(r, f, 8 + (h[0] & 0x3f) * 4u))
		return ZC_LAYER_END;
	return enter(f, ZC_NET_GENEVE, be24(h + 4), zc_layer_find(&zc_ethertypes, zc_be16(h + 2)));
}

/* Take extension headers, each with its length in words and, at its end, the next one's type: TS 29.281, 5.2. */
static bool take_gtp_extensions(struct zc_rest *r, struct zc_frame *f, uint8_t type)
{
	while (type) {
		const uint8_t *h = zc_layer_peek(r, 1);
		const uint32_t len = h && h[0] ? h[0] * 4u : 1; /* 0 would not end */

		h = zc_layer_take(r, len, f);
		if (!h)
			return false;
		type = h[len - 1];
	}
	return true;
}

/* Take GTP-U: version 1, a packet (255) as long as the datagram (TS 29.281, 5.1). */
struct zc_layer zc_take_gtp(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 8), *more;

	if (!h || (h[0] & 0xf8) != 0x30 || h[1] != 255 || zc_be16(h + 2) + 8u != r->len)
		return ZC_LAYER_END;
	if (!take_header(r, f, 8))
		return ZC_LAYER_END;
	if (h[0] & 7) {
		more = zc_layer_take(r, 4, f);
		if (!more || !take_gtp_extensions(r, f, h[0] & 4 ? more[3] : 0))
			return ZC_LAYER_END;
	}
	return enter(f, ZC_NET_TUNNEL, 0, (struct zc_layer){ zc_take_raw });
}
