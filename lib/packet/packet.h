/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A captured packet. */
#ifndef ZCDMA_PACKET_PACKET_H
#define ZCDMA_PACKET_PACKET_H

#include <stdbool.h>
#include <stdint.h>

struct zc_packet {
	uint64_t time_ns;    /* since 1970, if .timed, else 0 */
	bool timed;	     /* a simple packet block of pcapng has no time */
	const uint8_t *data; /* valid until the next call */
	uint32_t captured, len;
	int linktype;	    /* a DLT_* of libpcap's */
	uint32_t interface; /* in a file of several: a number from 1; 0: unknown */
	int packet_type;    /* of Linux: PACKET_HOST, PACKET_OUTGOING ...; -1: unknown */
};

#endif
