/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a captured frame, from its link layer down to the payload of TCP or UDP. */
#ifndef ZCDMA_FRAME_H
#define ZCDMA_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum zc_frame_kind {
	ZC_FRAME_TCP,
	ZC_FRAME_UDP,
	ZC_FRAME_OTHER,	    /* of IP, but neither; or not of IP at all */
	ZC_FRAME_FRAGMENT,  /* a piece of an IP packet: its payload cannot be told */
	ZC_FRAME_CUT,	    /* headers beyond the snap length */
	ZC_FRAME_MALFORMED, /* lengths that contradict each other */
};

enum zc_checksum {
	ZC_CHECKSUM_UNKNOWN, /* not all of it was captured, or the sender made none (UDP) */
	ZC_CHECKSUM_RIGHT,
	ZC_CHECKSUM_OFFLOADED, /* holds the pseudo header's sum, which a NIC is to complete */
	ZC_CHECKSUM_WRONG,
};

struct zc_frame {
	enum zc_frame_kind kind;
	uint8_t version; /* of IP: 4 or 6; 0: none */
	/* The rest is of TCP and UDP only. */
	uint8_t src[16], dst[16]; /* of IPv4 the first four, the rest 0 */
	uint16_t sport, dport;
	uint32_t seq, ack; /* TCP */
	uint8_t flags;	   /* TCP: TH_SYN and so on, as in <netinet/tcp.h> */
	const uint8_t *payload;
	uint32_t len;	   /* bytes of payload on the wire ... */
	uint32_t captured; /* ... of which so many are at .payload */

	/* For the checksum: the TCP or UDP header, and the payload behind it. */
	const uint8_t *segment;
	uint32_t segment_len, segment_captured;
	bool routed; /* .dst is a stop on the way, which is not what the sum is made with */
};

/*
 * Take @frame apart: @captured bytes of it are there, of @len on the wire. @linktype is libpcap's
 * DLT_*: Ethernet, Linux cooked (both versions), raw IP, BSD loopback; VLAN tags are skipped, as many
 * as there are. A length field of 0, as offload leaves it in packets over 64 KiB, is the frame's.
 * The result points into @frame.
 */
void zc_frame_parse(int linktype, const void *frame, uint32_t captured, uint32_t len,
		    struct zc_frame *out);

/* Is that link layer known? */
bool zc_frame_knows(int linktype);

/* What its TCP or UDP checksum is worth: reads all of the payload. */
enum zc_checksum zc_frame_checksum(const struct zc_frame *f);

#endif
