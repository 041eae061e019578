/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A SYN that does not fit its connection: whether it begins another one between the same ports. RFC 5961, 4. */
#ifndef ZCDMA_PACKET_STRAY_SYN_H
#define ZCDMA_PACKET_STRAY_SYN_H

#include "packet/tcp_reassembly.h"

/* All-zero: no SYN is pending. */
struct zc_stray_syn {
	bool pending;
	unsigned from;	/* the end that sent the SYN */
	uint32_t first; /* sequence number after it */
};

enum zc_stray_syn_verdict {
	ZC_STRAY_SYN_NONE,    /* the segment belongs to the connection */
	ZC_STRAY_SYN_IGNORED, /* a receiver would only answer it: skip it */
	ZC_STRAY_SYN_PROVEN, /* it is of another connection, which began with the SYN in *@s if that is .pending */
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
