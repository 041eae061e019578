// SPDX-License-Identifier: LGPL-2.1-or-later
/* Passes the stream on in order, and decides how long it waits for what is missing. */
#include "packet/reassembly_parts.h"

/*
 * How far the stream goes on before missing bytes are given up, though they were acknowledged: a segment may be
 * captured after its acknowledgement, at a mirror port, from several queues, or in files that were merged.
 */
#define WAIT_BYTES (4u << 20)
#define WAIT_GAPS  128u

static void pass_on(struct zc_reassembly *r, uint64_t to)
{
	while (r->next < to) {
		uint64_t len = to - r->next;
		const uint8_t *data = zc_segment_buffer_at(&r->buffer, r->next, &len);

		r->ops->data(r->arg, data, (size_t)len);
		r->next += len;
	}
}

/* Forget the oldest gap: bytes of it that are captured later may be late or retransmitted. */
static void forget_oldest(struct zc_reassembly *r)
{
	if (!r->passed_over.count)
		return;
	r->forgotten = r->passed_over.gap[0].to;
	zc_gaps_forget(&r->passed_over, 1);
}

/* Remember a gap, in case it is captured late. */
static void remember(struct zc_reassembly *r, uint64_t from, uint64_t to)
{
	struct zc_gaps *g = &r->passed_over;

	if (g->count && g->gap[g->count - 1].to == from) {
		g->gap[g->count - 1].to = to;
		return;
	}
	if (g->count == g->most)
		forget_oldest(r);
	/* Without memory, forget all gaps. */
	if (!zc_gaps_append(g, from, to)) {
		zc_gaps_forget(g, g->count);
		r->forgotten = to;
	}
}

static void pass_over(struct zc_reassembly *r, uint64_t to)
{
	if (to <= r->next)
		return;
	remember(r, r->next, to);
	r->ops->uncaptured(r->arg, to - r->next);
	r->counters.uncaptured_bytes += to - r->next;
	r->next = to;
}

void zc_reassembly_give_up(struct zc_reassembly *r, uint64_t to)
{
	while (r->next < to) {
		const struct zc_gap *gap = zc_segment_buffer_gap(&r->buffer, r->next);
		uint64_t from = gap ? zc_min(gap->from, to) : zc_min(to, r->buffer.top);

		if (r->next < from)
			pass_on(r, from);
		else
			pass_over(r, gap ? zc_min(gap->to, to) : to);
	}
}

void zc_reassembly_pass_on(struct zc_reassembly *r)
{
	const struct zc_gaps *g = &r->buffer.gaps;
	uint64_t to = r->buffer.top - zc_min(r->buffer.top, (uint64_t)WAIT_BYTES);
	const struct zc_gap *gap;

	if (g->count > WAIT_GAPS)
		to = zc_max(to, g->gap[g->count - WAIT_GAPS - 1].to);
	zc_reassembly_give_up(r, zc_min(to, r->acked));
	gap = zc_segment_buffer_gap(&r->buffer, r->next);
	pass_on(r, gap ? gap->from : r->buffer.top);
}
