/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of TCP reassembly. */
#ifndef ZCDMA_PACKET_REASSEMBLY_PARTS_H
#define ZCDMA_PACKET_REASSEMBLY_PARTS_H

#include <netinet/tcp.h>

#include "packet/tcp_reassembly.h"

/*
 * Returns the offset of @seq that is nearest to the newest data, as sequence numbers wrap around and offsets do
 * not. It is negative if it is before the first byte.
 */
static inline int64_t zc_reassembly_offset(const struct zc_reassembly *r, uint32_t seq)
{
	uint64_t near = zc_max(r->buffer.top, r->acked);

	return (int64_t)near + (int32_t)(seq - (r->first + (uint32_t)near));
}

/* Returns the highest offset that may be in flight. */
static inline uint64_t zc_reassembly_reach(const struct zc_reassembly *r)
{
	return zc_max(r->buffer.top, r->acked) + ZC_SEGMENT_BUFFER_MAX;
}

/* Returns whether sequence number @seq is after @other. */
static inline bool zc_seq_is_after(uint32_t seq, uint32_t other)
{
	return (int32_t)(seq - other) > 0;
}

/* Returns whether the segment acknowledges what the other end has sent, as far as is known. */
static inline bool zc_reassembly_fits_peer(const struct zc_reassembly *r,
					   const struct zc_frame *frame)
{
	const struct zc_reassembly *peer = r->peer;
	int64_t offset;

	if (!peer || !peer->started || !(frame->flags & TH_ACK))
		return true;
	offset = zc_reassembly_offset(peer, frame->ack);
	return offset >= 0 && offset <= (int64_t)zc_reassembly_reach(peer);
}

/* reassembly_output.c: what is passed on, and what is waited for */

/* Pass on what there is before @to, and pass over what is missing there. */
void zc_reassembly_give_up(struct zc_reassembly *r, uint64_t to);

/* Pass on what is in order, and give up acknowledged bytes that were waited for long enough. */
void zc_reassembly_pass_on(struct zc_reassembly *r);

/* reassembly_repeat.c: data from before .next */

/* Take bytes from before .next: compare them, or take them as late. Adds to *@res. */
void zc_reassembly_take_old(struct zc_reassembly *r, uint64_t offset, const uint8_t *data,
			    uint64_t len, struct zc_segment_result *res);

/* reassembly_reset.c: RST */

/* Take a segment with RST. */
void zc_reassembly_take_reset(struct zc_reassembly *r, const struct zc_frame *frame);

/* Take back a reset that was not accepted, as the connection goes on. */
void zc_reassembly_ignore_reset(struct zc_reassembly *r);

/* Look whether this end sends more than it had sent, or received, when it reset the connection. */
void zc_reassembly_look_for_life(struct zc_reassembly *r, const struct zc_frame *frame);

#endif
