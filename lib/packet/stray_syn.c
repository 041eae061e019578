// SPDX-License-Identifier: LGPL-2.1-or-later
/* A SYN that does not fit a connection. */
#include "packet/stray_syn.h"

#include <netinet/tcp.h>

/* A reset is no proof of it: what follows may show that it was not believed. */
static bool has_ended(const struct zc_follow *one, const struct zc_follow *other)
{
	return (zc_follow_is_over(one) || !one->started) &&
	       (zc_follow_is_over(other) || !other->started);
}

/* Does the segment go on from the SYN that waits? */
static bool proves(const struct zc_rival *r, unsigned from, const struct zc_frame *frame)
{
	if (!r->pending || frame->flags & TH_RST)
		return false;
	if (from == r->from)
		return !(frame->flags & TH_SYN) && frame->seq == r->first;
	return frame->flags & TH_ACK && frame->ack == r->first;
}

enum zc_rival_is zc_rival_judge(struct zc_rival *r, const struct zc_follow *sender,
				const struct zc_follow *receiver, unsigned from,
				const struct zc_frame *frame)
{
	if (proves(r, from, frame))
		return ZC_RIVAL_PROVEN;
	if (!(frame->flags & TH_SYN) || frame->flags & TH_RST ||
	    zc_follow_begins_at(sender, frame->seq + 1))
		return ZC_RIVAL_NONE;
	*r = (struct zc_rival){ .from = from, .first = frame->seq + 1 };
	if (has_ended(sender, receiver))
		return ZC_RIVAL_PROVEN;
	r->pending = true;
	return ZC_RIVAL_IGNORED;
}
