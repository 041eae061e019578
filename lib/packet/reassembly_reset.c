// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Resets (RFC 9293, 3.10.7.4; RFC 5961, 3): the receiver accepts one whose number is the next it expects,
 * answers one within its window, and drops any other.
 */
#include "packet/reassembly_parts.h"

static void note_ack(struct zc_reassembly *r, const struct zc_frame *frame)
{
	if (!(frame->flags & TH_ACK) || (r->has_ack && !zc_seq_is_after(frame->ack, r->ack)))
		return;
	r->has_ack = true;
	r->ack = frame->ack;
}

void zc_reassembly_take_reset(struct zc_reassembly *r, const struct zc_frame *frame)
{
	int64_t offset = r->started ? zc_reassembly_offset(r, frame->seq) : 0;
	uint64_t sent = zc_max(r->buffer.top, r->acked);
	bool fits = offset >= (int64_t)r->acked && offset <= (int64_t)(sent + r->has_end);

	if (r->started &&
	    (offset < (int64_t)r->acked || offset > (int64_t)zc_reassembly_reach(r))) {
		r->counters.ignored_resets++;
		return;
	}
	if (r->reset == ZC_TCP_RESET)
		return;
	r->counters.ignored_resets += r->reset == ZC_TCP_RESET_AHEAD;
	if (zc_reassembly_fits_peer(r, frame))
		note_ack(r, frame);
	r->reset = !r->started || fits ? ZC_TCP_RESET : ZC_TCP_RESET_AHEAD;
	r->reset_seq = frame->seq;
	r->reset_ack = r->ack;
}

void zc_reassembly_ignore_reset(struct zc_reassembly *r)
{
	r->reset = ZC_TCP_NO_RESET;
	r->counters.ignored_resets++;
}

void zc_reassembly_look_for_life(struct zc_reassembly *r, const struct zc_frame *frame)
{
	uint32_t end = frame->seq + frame->len + !!(frame->flags & TH_FIN);

	note_ack(r, frame);
	if (r->reset && (zc_seq_is_after(end, r->reset_seq) ||
			 (r->has_ack && zc_seq_is_after(r->ack, r->reset_ack))))
		zc_reassembly_ignore_reset(r);
}
