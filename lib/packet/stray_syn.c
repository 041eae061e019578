// SPDX-License-Identifier: LGPL-2.1-or-later
/* A SYN that does not fit a connection. */
#include "packet/stray_syn.h"

#include <netinet/tcp.h>

/* Returns whether the connection has ended. A reset is not enough, as it may not have been accepted. */
static bool has_ended(const struct zc_reassembly *one, const struct zc_reassembly *other)
{
	return (zc_reassembly_is_over(one) || !one->started) &&
	       (zc_reassembly_is_over(other) || !other->started);
}

/* Returns whether the segment goes on from the pending SYN. */
static bool proves(const struct zc_stray_syn *s, unsigned from, const struct zc_frame *frame)
{
	if (!s->pending || frame->flags & TH_RST)
		return false;
	if (from == s->from)
		return !(frame->flags & TH_SYN) && frame->seq == s->first;
	return frame->flags & TH_ACK && frame->ack == s->first;
}

enum zc_stray_syn_verdict zc_stray_syn_judge(struct zc_stray_syn *s,
					     const struct zc_reassembly *sender,
					     const struct zc_reassembly *receiver, unsigned from,
					     const struct zc_frame *frame)
{
	if (proves(s, from, frame))
		return ZC_STRAY_SYN_PROVEN;
	if (!(frame->flags & TH_SYN) || frame->flags & TH_RST ||
	    zc_reassembly_begins_at(sender, frame->seq + 1))
		return ZC_STRAY_SYN_NONE;
	*s = (struct zc_stray_syn){ .from = from, .first = frame->seq + 1 };
	if (has_ended(sender, receiver))
		return ZC_STRAY_SYN_PROVEN;
	s->pending = true;
	return ZC_STRAY_SYN_IGNORED;
}
