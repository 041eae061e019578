// SPDX-License-Identifier: LGPL-2.1-or-later
/* Takes the segments and acknowledgements of a TCP reassembly. */
#include "packet/reassembly_parts.h"

/* No segment is longer, not even before a NIC cuts it: GSO_MAX_SIZE. */
#define LONGEST (8u * 65535)

/* Gaps that were passed over, and are remembered in case they are captured late. */
#define MOST_PASSED_OVER 256u

static void start(struct zc_reassembly *r, uint32_t first, bool from_syn)
{
	r->started = true;
	r->from_syn = from_syn;
	r->first = first;
}

/*
 * Data
 */

/* Make the buffer reach to @end. It keeps what was not acknowledged or passed on, as long as there is room. */
static void make_room(struct zc_reassembly *r, uint64_t end)
{
	struct zc_segment_buffer *b = &r->buffer;
	uint64_t keep = zc_max(b->base, zc_min(r->acked, r->next));
	uint64_t base;

	if (end <= b->base + b->room)
		return;
	if (!zc_segment_buffer_grow(b, keep, end) &&
	    !zc_segment_buffer_grow(b, zc_max(b->base, r->next), end))
		zc_segment_buffer_grow(b, end - 1, end);
	base = end > b->room ? end - b->room : 0;
	if (base > r->next) {
		r->counters.given_up++;
		zc_reassembly_give_up(r, base);
	}
	zc_segment_buffer_slide(b, base);
}

/* Count a segment by what was found of it; @overtaken: segments that follow it were captured before. */
static void count(struct zc_reassembly *r, const struct zc_segment_result *res, bool overtaken,
		  bool duplicate)
{
	struct zcdma_wire_counters *c = &r->counters;

	if (res->repeated && duplicate && !res->differing && !res->fresh) {
		c->capture_duplicates++;
		return;
	}
	if (res->repeated) {
		c->retransmitted++;
		c->retransmitted_bytes += res->repeated;
	} else if (overtaken) {
		c->out_of_order++;
	}
	if (!res->differing)
		return;
	if (r->doubtful) {
		c->uncompared_bytes += res->differing;
		return;
	}
	c->differing++;
	c->differing_bytes += res->differing;
	r->ops->differs(r->arg, r->first + (uint32_t)res->first, res);
}

/* Give up everything before @end: there are too many gaps, or no memory for them. */
static void start_over(struct zc_reassembly *r, uint64_t end)
{
	r->counters.given_up++;
	zc_reassembly_give_up(r, zc_max(r->buffer.top, end));
	zc_segment_buffer_slide(&r->buffer, r->next);
}

/* Put a segment from @offset to @end, of which @captured bytes are at @data; @before bytes came before the stream. */
static void put(struct zc_reassembly *r, uint64_t offset, const uint8_t *data, uint64_t captured,
		uint64_t end, uint64_t before, bool duplicate)
{
	struct zc_segment_result res = { .repeated = before };
	bool overtaken = offset < r->buffer.top, fits;
	uint64_t there = offset + captured, old;

	make_room(r, end);
	old = zc_min(zc_max(offset, r->next), there);
	zc_reassembly_take_old(r, offset, data, old - offset, &res);
	fits = zc_segment_buffer_put(&r->buffer, old, data + (old - offset), (size_t)(there - old),
				     &res);
	if (!fits || !zc_segment_buffer_extend(&r->buffer, end))
		start_over(r, end);
	count(r, &res, overtaken, duplicate);
	zc_reassembly_pass_on(r);
}

/* Put a whole segment that comes next, as most do. */
static void put_next(struct zc_reassembly *r, const uint8_t *data, uint64_t len)
{
	struct zc_segment_result res = { 0 };
	uint64_t offset = r->next, from;

	r->ops->data(r->arg, data, (size_t)len);
	r->next += len;
	make_room(r, r->next);
	from = zc_max(offset, r->buffer.base);
	zc_segment_buffer_put(&r->buffer, from, data + (from - offset), (size_t)(r->next - from),
			      &res);
}

/* Check for a keep-alive, which repeats the last byte that was acknowledged, with any value: RFC 9293, 3.8.4. */
static bool is_keepalive(const struct zc_reassembly *r, int64_t offset, uint32_t len)
{
	return len == 1 && offset + 1 == (int64_t)r->buffer.top &&
	       (!r->is_acked || r->acked >= r->buffer.top);
}

/*
 * Check whether a segment is too far from the others for the receiver to take it (RFC 9293, 3.10.7.4). One that
 * fills a gap that was passed over is not.
 */
static bool is_far(const struct zc_reassembly *r, int64_t offset, uint32_t len)
{
	if (offset > (int64_t)zc_reassembly_reach(r))
		return true;
	if (offset + (int64_t)len + ZC_SEGMENT_BUFFER_MAX >= (int64_t)r->next)
		return false;
	return offset < (int64_t)r->forgotten ||
	       zc_gaps_find(&r->passed_over, (uint64_t)offset) == r->passed_over.count;
}

/* Believe a segment that is far away only if it follows another one: then the capture missed what is between. */
static enum zc_segment_verdict take_far(struct zc_reassembly *r, int64_t offset,
					const struct zc_frame *frame)
{
	bool follows = r->has_stray && frame->seq == r->stray;

	r->has_stray = true;
	r->stray = frame->seq + frame->len;
	if (follows)
		return offset > (int64_t)r->next && zc_reassembly_fits_peer(r, frame)
			       ? ZC_SEGMENT_TAKEN
			       : ZC_SEGMENT_FOREIGN;
	r->counters.strayed++;
	return ZC_SEGMENT_STRAY;
}

static void take_bytes(struct zc_reassembly *r, int64_t offset, const struct zc_frame *frame,
		       bool duplicate)
{
	uint64_t captured = zc_min(frame->captured, frame->len), before = 0, end;

	r->counters.cut_bytes += frame->len - captured;
	if (offset < 0) {
		/* These bytes were first sent before the capture began. */
		before = zc_min((uint64_t)-offset, (uint64_t)frame->len);
		r->counters.uncompared_bytes += before;
		if (before >= captured) {
			const struct zc_segment_result res = { .repeated = before };

			count(r, &res, false, duplicate);
			return;
		}
		offset = 0;
	}
	end = (uint64_t)offset + frame->len - before;
	captured -= before;
	if (!before && (uint64_t)offset == r->next && r->next == r->buffer.top &&
	    captured == end - r->next)
		put_next(r, frame->payload, captured);
	else
		put(r, (uint64_t)offset, frame->payload + before, captured, end, before, duplicate);
}

static enum zc_segment_verdict take_data(struct zc_reassembly *r, int64_t offset,
					 const struct zc_frame *frame, bool duplicate)
{
	enum zc_segment_verdict verdict = ZC_SEGMENT_TAKEN;

	if (is_far(r, offset, frame->len))
		verdict = take_far(r, offset, frame);
	if (verdict != ZC_SEGMENT_TAKEN)
		return verdict;
	if (r->has_end && offset + frame->len > (int64_t)r->end) {
		if (zc_reassembly_is_over(r))
			return ZC_SEGMENT_FOREIGN;
		r->has_end = false;
	}
	r->counters.packets++;
	if (is_keepalive(r, offset, frame->len))
		r->counters.keepalives++;
	else if (frame->len > LONGEST)
		r->counters.strayed++;
	else
		take_bytes(r, offset, frame, duplicate);
	return ZC_SEGMENT_TAKEN;
}

static void take_fin(struct zc_reassembly *r, int64_t offset)
{
	if (offset < (int64_t)r->buffer.top || offset > (int64_t)zc_reassembly_reach(r))
		return;
	r->has_end = true;
	r->end = (uint64_t)offset;
}

/*
 * Interface
 */

void zc_reassembly_init(struct zc_reassembly *r, const struct zc_reassembly_ops *ops, void *arg,
			struct zc_budget *budget)
{
	*r = (struct zc_reassembly){
		.ops = ops,
		.arg = arg,
		.passed_over = { .budget = budget, .most = MOST_PASSED_OVER },
	};
	zc_segment_buffer_init(&r->buffer, budget);
}

void zc_reassembly_begin(struct zc_reassembly *r, uint32_t first)
{
	if (!r->started)
		start(r, first, true);
}

enum zc_segment_verdict zc_reassembly_take(struct zc_reassembly *r, const struct zc_frame *frame,
					   bool duplicate)
{
	enum zc_segment_verdict verdict = ZC_SEGMENT_TAKEN;
	uint32_t seq = frame->seq;
	int64_t offset;

	if (frame->flags & TH_RST) {
		zc_reassembly_take_reset(r, frame);
		return ZC_SEGMENT_TAKEN;
	}
	zc_reassembly_look_for_life(r, frame);
	if (frame->flags & TH_SYN)
		zc_reassembly_begin(r, ++seq);
	if (!frame->len && !(frame->flags & TH_FIN)) {
		if (r->started && !(frame->flags & TH_SYN) &&
		    zc_reassembly_offset(r, seq) + 1 == (int64_t)r->buffer.top)
			r->counters.keepalives++;
		return ZC_SEGMENT_TAKEN;
	}
	if (!r->started)
		start(r, seq, false);
	offset = zc_reassembly_offset(r, seq);
	if (frame->len)
		verdict = take_data(r, offset, frame, duplicate);
	if (frame->flags & TH_FIN && verdict == ZC_SEGMENT_TAKEN)
		take_fin(r, offset + frame->len);
	return verdict;
}

/* Believe an acknowledgement of more than can be in flight only if another one is near it. */
static bool is_stray_ack(struct zc_reassembly *r, uint32_t ack, int64_t offset)
{
	bool near = (uint32_t)(ack - r->last_ack) <= ZC_SEGMENT_BUFFER_MAX;

	r->last_ack = ack;
	return offset > (int64_t)zc_reassembly_reach(r) && !near;
}

void zc_reassembly_acked(struct zc_reassembly *r, uint32_t ack, bool from_syn)
{
	int64_t offset;

	if (from_syn)
		zc_reassembly_begin(r, ack);
	if (!r->started)
		return;
	offset = zc_reassembly_offset(r, ack);
	if (is_stray_ack(r, ack, offset))
		return;
	r->is_acked = true;
	if (offset <= (int64_t)r->acked)
		return;
	if (r->reset && zc_seq_is_after(ack, r->reset_seq))
		zc_reassembly_ignore_reset(r);
	r->acked = (uint64_t)offset;
	zc_reassembly_pass_on(r);
}

bool zc_reassembly_reaches(const struct zc_reassembly *r, const struct zc_frame *frame)
{
	int64_t offset = r->started ? zc_reassembly_offset(r, frame->seq) : 0;

	return r->started && r->has_end && offset > -(int64_t)ZC_SEGMENT_BUFFER_MAX &&
	       offset + (int64_t)frame->len <= (int64_t)r->end + 1;
}

bool zc_reassembly_is_complete(const struct zc_reassembly *r)
{
	return zc_reassembly_is_over(r) && r->next >= r->end;
}

void zc_reassembly_drop(struct zc_reassembly *r)
{
	zc_segment_buffer_drop(&r->buffer);
	zc_gaps_drop(&r->passed_over);
}

void zc_reassembly_end(struct zc_reassembly *r)
{
	/* An acknowledgement of one byte more than was captured may be of a FIN that was not captured. */
	uint64_t to = r->has_end ? r->end : r->acked - (r->acked == r->buffer.top + 1);

	if (!zc_segment_buffer_extend(&r->buffer, to))
		start_over(r, to);
	zc_reassembly_give_up(r, r->buffer.top);
	zc_reassembly_drop(r);
}
