/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A captured frame, from its link layer down to the payload of TCP or UDP. */
#ifndef ZCDMA_PACKET_FRAME_H
#define ZCDMA_PACKET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum zc_frame_kind {
	ZC_FRAME_TCP,
	ZC_FRAME_UDP,
	ZC_FRAME_OTHER,	    /* neither of them, or in layers that are not known */
	ZC_FRAME_FRAGMENT,  /* a piece of a packet: its payload is not known */
	ZC_FRAME_CUT,	    /* headers beyond the snap length */
	ZC_FRAME_MALFORMED, /* lengths that contradict each other */
};

enum zc_checksum {
	ZC_CHECKSUM_UNKNOWN, /* not all of it was captured, or the sender made none (UDP) */
	ZC_CHECKSUM_RIGHT,
	ZC_CHECKSUM_OFFLOADED, /* the pseudo header's sum, which a NIC is to complete */
	ZC_CHECKSUM_ZERO,      /* TCP's field is 0: a NIC or a tool left it so */
	ZC_CHECKSUM_WRONG,
};

/* How a network inside another one is named. */
enum zc_net {
	ZC_NET_NONE,
	ZC_NET_VLAN,   /* the VLAN's id, which is not 0 */
	ZC_NET_PPPOE,  /* the session's id */
	ZC_NET_TUNNEL, /* IP in IP, GTP-U, GRE without a key: 0 */
	ZC_NET_GRE,    /* the key */
	ZC_NET_VXLAN,  /* the VNI */
	ZC_NET_GENEVE, /* the VNI */
	ZC_NET_ERSPAN, /* the session's id */
};

/*
 * The networks that a frame was in, from the outermost. Two connections with the same addresses and ports
 * in two networks are two connections. MPLS labels and the endpoint ids of GTP-U are not in here, as those
 * of the two directions differ. Without padding, so that it can be hashed.
 */
#define ZC_FRAME_NETS 6
struct zc_frame_nets {
	uint32_t id[ZC_FRAME_NETS];
	uint8_t kind[ZC_FRAME_NETS]; /* enum zc_net, ZC_NET_NONE after the last */
	uint8_t zero[2];
};

struct zc_frame {
	enum zc_frame_kind kind;
	uint8_t version; /* of IP: 4 or 6; 0: the frame has none */

	/* Where it was captured: copies of one packet differ in it, a retransmission does not. */
	uint32_t interface; /* an index that differs among interfaces; 0: unknown */
	int packet_type;    /* of Linux: PACKET_HOST, PACKET_OUTGOING ...; -1: unknown */

	/* The rest is valid for TCP and UDP only. */
	struct zc_frame_nets nets;
	uint8_t src[16], dst[16]; /* IPv4: in the first four bytes, the others are 0 */
	uint16_t sport, dport;
	int ip_id;	   /* identification of IPv4; -1 for IPv6 */
	uint32_t seq, ack; /* TCP */
	uint8_t flags;	   /* TCP: TH_SYN and so on, as in <netinet/tcp.h> */
	const uint8_t *payload;
	uint32_t len;	   /* bytes of payload on the wire ... */
	uint32_t captured; /* ... of which this number is at .payload */

	/* For the checksum: the TCP or UDP header, and the payload after it. */
	const uint8_t *segment;
	uint32_t segment_len, segment_captured;
	bool routed; /* .dst is a stop of a routing header, while the sum is made with the last address */
};

/* Judge the checksum of TCP or UDP: reads all of the payload. */
enum zc_checksum zc_frame_checksum(const struct zc_frame *f);

#endif
