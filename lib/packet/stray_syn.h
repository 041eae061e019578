/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A SYN that does not fit: whether it begins another connection between the same ports. RFC 5961, 4. */
#ifndef ZCDMA_PACKET_STRAY_SYN_H
#define ZCDMA_PACKET_STRAY_SYN_H

#include "packet/tcp_reassembly.h"

/* All-zero is none. */
struct zc_stray_syn {
	bool pending;
	unsigned from;	/* the end that sent the SYN */
	uint32_t first; /* sequence number after it */
};

enum zc_stray_syn_verdict {
	ZC_STRAY_SYN_NONE,    /* the segment is the connection's own */
	ZC_STRAY_SYN_IGNORED, /* a receiver would only answer it: leave it out */
	ZC_STRAY_SYN_PROVEN, /* the segment is of another connection, which began with the SYN in *@s if .pending */
};

/*
 * Judge a segment from end @from, whose stream is @sender. While the connection may be alive a SYN that does not
 * fit is remembered, and proven by the next segment that either counts on from it or acknowledges it.
 */
enum zc_stray_syn_verdict zc_stray_syn_judge(struct zc_stray_syn *s,
					     const struct zc_reassembly *sender,
					     const struct zc_reassembly *receiver, unsigned from,
					     const struct zc_frame *frame);

#endif
