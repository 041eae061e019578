/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The layers of a frame: each takes its header, and returns the layer of what follows. */
#ifndef ZCDMA_PACKET_LAYER_H
#define ZCDMA_PACKET_LAYER_H

#include "internal.h"
#include "packet/frame.h"

/* What is left of a frame. */
struct zc_rest {
	const uint8_t *at;
	uint32_t captured, len;
	bool aligned; /* the next header is padded to four bytes (radiotap's DATAPAD) */
};

/*
 * Take a header off @r. Returns the layer of what follows; one whose .take is NULL is the end, and @f says of
 * which kind.
 */
struct zc_layer {
	struct zc_layer (*take)(struct zc_rest *r, struct zc_frame *f);
};

/* Layers by the number that announces them. zcdma(7) lists the names, too. */
struct zc_layer_row {
	unsigned number;
	struct zc_layer layer;
	const char *name;
};

struct zc_layer_table {
	const struct zc_layer_row *row;
	size_t rows;
};

extern const struct zc_layer_table zc_link_layers;   /* by DLT_* */
extern const struct zc_layer_table zc_ethertypes;    /* by Ethernet type */
extern const struct zc_layer_table zc_ip_protocols;  /* by IP protocol */
extern const struct zc_layer_table zc_udp_ports;     /* by UDP port of the receiver */
extern const struct zc_layer_table zc_ppp_protocols; /* by protocol of PPP */

/* Returns the layer with @number, or ZC_LAYER_END if it is not known. */
struct zc_layer zc_layer_find(const struct zc_layer_table *table, unsigned number);

/* The end, where the kind of the frame is set already. */
#define ZC_LAYER_END ((struct zc_layer){ NULL })

/* Set the kind of the frame, and return ZC_LAYER_END. */
struct zc_layer zc_layer_end(struct zc_frame *f, enum zc_frame_kind kind);

/* Take the next @bytes of @r. Returns them, or NULL with the kind of @f set if they are not there. */
const uint8_t *zc_layer_take(struct zc_rest *r, uint32_t bytes, struct zc_frame *f);

/* Returns the next @bytes of @r without taking them, or NULL if they were not captured. */
const uint8_t *zc_layer_peek(const struct zc_rest *r, uint32_t bytes);

/* Cut @r to @len bytes: what follows is padding, or the checksum of Ethernet. */
void zc_layer_limit(struct zc_rest *r, uint32_t len);

/* Record that the frame is in the network @kind with @id. Returns false if it is in too many networks. */
bool zc_layer_enter(struct zc_frame *f, enum zc_net kind, uint32_t id);

static inline uint16_t zc_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t zc_be32(const uint8_t *p)
{
	return (uint32_t)zc_be16(p) << 16 | zc_be16(p + 2);
}

static inline uint32_t zc_le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* layer_link.c */
struct zc_layer zc_take_ethernet(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_vlan(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_cooked(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_cooked2(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_raw(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_loopback(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_pflog(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_nflog(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_pktap(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_ipoib(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_hdlc(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_ppp(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_pppoe(struct zc_rest *r, struct zc_frame *f);

/* layer_wifi.c */
struct zc_layer zc_take_radiotap(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_wifi(struct zc_rest *r, struct zc_frame *f);

/* layer_ip.c */
struct zc_layer zc_take_ipv4(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_ipv6(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_options(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_routing(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_fragment(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_authentication(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_tcp(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_udp(struct zc_rest *r, struct zc_frame *f);

/* layer_tunnel.c */
struct zc_layer zc_take_mpls(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_ipip(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_gre(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_erspan2(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_erspan3(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_vxlan(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_geneve(struct zc_rest *r, struct zc_frame *f);
struct zc_layer zc_take_gtp(struct zc_rest *r, struct zc_frame *f);

/* Returns the layer of an Ethernet @type, which may be a length: then it is LLC. */
struct zc_layer zc_layer_of_type(uint16_t type);

#endif
