/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A SYN that does not fit: whether it begins another connection between the same ports. RFC 5961, 4. */
#ifndef ZCDMA_PACKET_STRAY_SYN_H
#define ZCDMA_PACKET_STRAY_SYN_H

#include "packet/tcp_reassembly.h"

/* All-zero is none. */
struct zc_rival {
	bool pending;
	unsigned from;	/* the end that sent the SYN */
	uint32_t first; /* sequence number after it */
};

enum zc_rival_is {
	ZC_RIVAL_NONE,	  /* the segment is the connection's own */
	ZC_RIVAL_IGNORED, /* a receiver would only answer it: leave it out */
	ZC_RIVAL_PROVEN, /* the segment is of another connection, which began with the SYN in *@r if .pending */
};

/*
 * Judge a segment from end @from, whose stream is @sender. While the connection may be alive a SYN that does not
 * fit is remembered, and proven by the next segment that either counts on from it or acknowledges it.
 */
enum zc_rival_is zc_rival_judge(struct zc_rival *r, const struct zc_follow *sender,
				const struct zc_follow *receiver, unsigned from,
				const struct zc_frame *frame);

#endif
