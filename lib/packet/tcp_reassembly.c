// SPDX-License-Identifier: LGPL-2.1-or-later
/* Follows one direction of a TCP connection: segments as they were captured, to the stream in order. */
#include "packet/tcp_reassembly.h"

#include <netinet/tcp.h>

/* There are no longer segments, not even before a NIC cuts them: GSO_MAX_SIZE. */
#define LONGEST (8u * 65535)

/*
 * How far the stream goes on before what is missing is given up, though it was acknowledged: it may be
 * captured later than its acknowledgement, at a mirror port, from several queues, or in files that were merged.
 */
#define PATIENCE      (4u << 20) /* bytes */
#define PATIENCE_GAPS 128u

/* Ranges that were given up, and are remembered in case they are captured late. */
#define MOST_MISSED 256u

/*
 * Sequence numbers wrap around, offsets do not: the offset of @seq that is nearest to the newest data.
 * It may be before the first, and is negative then.
 */
static int64_t to_offset(const struct zc_reassembly *f, uint32_t seq)
{
	uint64_t near = zc_max(f->buffer.top, f->acked);

	return (int64_t)near + (int32_t)(seq - (f->first + (uint32_t)near));
}

static void start(struct zc_reassembly *f, uint32_t first, bool from_syn)
{
	f->started = true;
	f->from_syn = from_syn;
	f->first = first;
}

/* Returns whether @seq is after @other. */
static bool is_after(uint32_t seq, uint32_t other)
{
	return (int32_t)(seq - other) > 0;
}

/* The most that may be in flight from here on. */
static uint64_t reach(const struct zc_reassembly *f)
{
	return zc_max(f->buffer.top, f->acked) + ZC_SEGMENT_BUFFER_MAX;
}

/*
 * Passing on
 */

static void pass_on(struct zc_reassembly *f, uint64_t to)
{
	while (f->next < to) {
		uint64_t len = to - f->next;
		const uint8_t *data = zc_segment_buffer_at(&f->buffer, f->next, &len);

		f->ops->data(f->arg, data, (size_t)len);
		f->next += len;
	}
}

/* Forget the oldest that was given up: what is captured of it later is neither new nor sent again for sure. */
static void forget_missed(struct zc_reassembly *f)
{
	if (!f->missed.count)
		return;
	f->known = f->missed.gap[0].to;
	zc_gaps_forget(&f->missed, 1);
}

static void note_missed(struct zc_reassembly *f, uint64_t from, uint64_t to)
{
	struct zc_gaps *m = &f->missed;

	if (m->count && m->gap[m->count - 1].to == from) {
		m->gap[m->count - 1].to = to;
		return;
	}
	if (m->count == m->most)
		forget_missed(f);
	/* Without memory all of it is forgotten. */
	if (!zc_gaps_append(m, from, to)) {
		zc_gaps_forget(m, m->count);
		f->known = to;
	}
}

static void pass_over(struct zc_reassembly *f, uint64_t to)
{
	if (to <= f->next)
		return;
	note_missed(f, f->next, to);
	f->ops->unseen(f->arg, to - f->next);
	f->stats.unseen_bytes += to - f->next;
	f->next = to;
}

/* Pass on what there is, and wait no longer for what is missing before @to. */
static void give_up(struct zc_reassembly *f, uint64_t to)
{
	while (f->next < to) {
		const struct zc_gap *gap = zc_segment_buffer_gap(&f->buffer, f->next);
		uint64_t from = gap ? zc_min(gap->from, to) : zc_min(to, f->buffer.top);

		if (f->next < from)
			pass_on(f, from);
		else
			pass_over(f, gap ? zc_min(gap->to, to) : to);
	}
}

/* Up to the first gap. */
static void pass_on_whole(struct zc_reassembly *f)
{
	const struct zc_gap *gap = zc_segment_buffer_gap(&f->buffer, f->next);

	pass_on(f, gap ? gap->from : f->buffer.top);
}

/* Give up what was acknowledged, and has been waited for long enough. */
static void settle(struct zc_reassembly *f)
{
	const struct zc_gaps *h = &f->buffer.gaps;
	uint64_t to = f->buffer.top - zc_min(f->buffer.top, (uint64_t)PATIENCE);

	if (h->count > PATIENCE_GAPS)
		to = zc_max(to, h->gap[h->count - PATIENCE_GAPS - 1].to);
	give_up(f, zc_min(to, f->acked));
	pass_on_whole(f);
}

/*
 * Data that was passed on or given up before
 */

/* What came again so late that the first of it is forgotten. */
static void compare_forgotten(struct zc_reassembly *f, uint64_t offset, const uint8_t *data,
			      uint64_t len, struct zc_segment_result *res)
{
	uint8_t before[4096];

	for (uint64_t n; len; offset += n, data += n, len -= n) {
		n = zc_min(len, (uint64_t)sizeof(before));
		if (f->ops->recall(f->arg, offset, before, (size_t)n)) {
			zc_segment_compare(before, data, offset, (size_t)n, res);
		} else {
			res->again += n;
			f->stats.uncompared_bytes += n;
		}
	}
}

/* Bytes that were captured before. */
static void compare(struct zc_reassembly *f, uint64_t offset, const uint8_t *data, uint64_t len,
		    struct zc_segment_result *res)
{
	uint64_t kept = zc_min(zc_max(offset, f->buffer.base), offset + len);

	compare_forgotten(f, offset, data, kept - offset, res);
	zc_segment_buffer_put(&f->buffer, kept, data + (kept - offset),
			      (size_t)(offset + len - kept), res);
}

/* Bytes that are captured for the first time, though they have been given up: part of missed range @i. */
static void take_late(struct zc_reassembly *f, unsigned i, uint64_t offset, const uint8_t *data,
		      uint64_t len, struct zc_segment_result *res)
{
	uint64_t kept = zc_min(zc_max(offset, f->buffer.base), offset + len);

	f->stats.late_bytes += len;
	if (f->ops->late(f->arg, offset, data, (size_t)len))
		f->stats.unseen_bytes -= len;
	res->fresh += kept - offset;
	zc_segment_buffer_put(&f->buffer, kept, data + (kept - offset),
			      (size_t)(offset + len - kept), res);
	if (zc_gaps_fill(&f->missed, i, offset, offset + len))
		return;
	f->known = zc_max(f->known, f->missed.gap[i].to);
	zc_gaps_forget(&f->missed, i + 1);
}

/* Bytes from before .next: of each it is known whether it was captured, unless that is forgotten. */
static void take_old(struct zc_reassembly *f, uint64_t offset, const uint8_t *data, uint64_t len,
		     struct zc_segment_result *res)
{
	for (uint64_t n; len; offset += n, data += n, len -= n) {
		unsigned i = zc_gaps_find(&f->missed, offset);
		const struct zc_gap *gap = i < f->missed.count ? &f->missed.gap[i] : NULL;

		if (offset < f->known) {
			n = zc_min(len, f->known - offset);
			res->again += n;
			f->stats.uncompared_bytes += n;
		} else if (gap && gap->from <= offset) {
			n = zc_min(len, gap->to - offset);
			take_late(f, i, offset, data, n, res);
		} else {
			n = gap ? zc_min(len, gap->from - offset) : len;
			compare(f, offset, data, n, res);
		}
	}
}

/*
 * Data
 */

/* Make the window reach to @end. What was not acknowledged or is waited for is kept, as long as there is room. */
static void make_room(struct zc_reassembly *f, uint64_t end)
{
	struct zc_segment_buffer *k = &f->buffer;
	uint64_t keep = zc_max(k->base, zc_min(f->acked, f->next));
	uint64_t base;

	if (end <= k->base + k->room)
		return;
	if (!zc_segment_buffer_grow(k, keep, end) &&
	    !zc_segment_buffer_grow(k, zc_max(k->base, f->next), end))
		zc_segment_buffer_grow(k, end - 1, end);
	base = end > k->room ? end - k->room : 0;
	if (base > f->next) {
		f->stats.given_up++;
		give_up(f, base);
	}
	zc_segment_buffer_slide(k, base);
}

static void count(struct zc_reassembly *f, const struct zc_segment_result *res, bool behind,
		  bool copy)
{
	struct zc_reassembly_stats *s = &f->stats;

	if (res->again && copy && !res->differing && !res->fresh) {
		s->copies++;
		return;
	}
	if (res->again) {
		s->again++;
		s->again_bytes += res->again;
	} else if (behind) {
		s->out_of_order++;
	}
	if (!res->differing)
		return;
	if (f->doubtful) {
		s->uncompared_bytes += res->differing;
		return;
	}
	s->differing++;
	s->differing_bytes += res->differing;
	f->ops->differs(f->arg, f->first + (uint32_t)res->first, res);
}

/* Too many gaps, or no memory for them: what is missing can be waited for no longer. */
static void start_over(struct zc_reassembly *f, uint64_t end)
{
	f->stats.given_up++;
	give_up(f, zc_max(f->buffer.top, end));
	zc_segment_buffer_slide(&f->buffer, f->next);
}

/* A segment from @offset to @end, of which @captured bytes are at @data. */
static void put(struct zc_reassembly *f, uint64_t offset, const uint8_t *data, uint64_t captured,
		uint64_t end, bool copy)
{
	struct zc_segment_buffer *k = &f->buffer;
	struct zc_segment_result res = { 0 };
	bool behind = offset < k->top, fits;
	uint64_t there = offset + captured, old;

	make_room(f, end);
	old = zc_min(zc_max(offset, f->next), there);
	take_old(f, offset, data, old - offset, &res);
	fits = zc_segment_buffer_put(k, old, data + (old - offset), (size_t)(there - old), &res);
	if (!fits || !zc_segment_buffer_extend(k, end))
		start_over(f, end);
	count(f, &res, behind, copy);
	settle(f);
}

/* The next one, whole, as most are. */
static void put_next(struct zc_reassembly *f, const uint8_t *data, uint64_t len)
{
	struct zc_segment_result res = { 0 };
	uint64_t offset = f->next, from;

	f->ops->data(f->arg, data, (size_t)len);
	f->next += len;
	make_room(f, f->next);
	from = zc_max(offset, f->buffer.base);
	zc_segment_buffer_put(&f->buffer, from, data + (from - offset), (size_t)(f->next - from),
			      &res);
}

/*
 * A keep-alive repeats the last byte that was acknowledged, and any byte will do for it: RFC 9293, 3.8.4.
 */
static bool is_keepalive(const struct zc_reassembly *f, int64_t offset, uint32_t len)
{
	return len == 1 && offset + 1 == (int64_t)f->buffer.top &&
	       (!f->told || f->acked >= f->buffer.top);
}

/*
 * Is a segment so far from the others that the receiver would drop it (RFC 9293, 3.10.7.4)? What was given up,
 * and comes late, is not.
 */
static bool is_far(const struct zc_reassembly *f, int64_t offset, uint32_t len)
{
	if (offset > (int64_t)reach(f))
		return true;
	if (offset + (int64_t)len + ZC_SEGMENT_BUFFER_MAX >= (int64_t)f->next)
		return false;
	return offset < (int64_t)f->known ||
	       zc_gaps_find(&f->missed, (uint64_t)offset) == f->missed.count;
}

/* Does the segment acknowledge what the other end has sent, as far as is known? */
static bool fits_peer(const struct zc_reassembly *f, const struct zc_frame *frame)
{
	const struct zc_reassembly *peer = f->peer;
	int64_t offset;

	if (!peer || !peer->started || !(frame->flags & TH_ACK))
		return true;
	offset = to_offset(peer, frame->ack);
	return offset >= 0 && offset <= (int64_t)reach(peer);
}

/* A segment that is far away is believed only when another one follows it: the capture missed what is between. */
static enum zc_segment_verdict take_far(struct zc_reassembly *f, int64_t offset,
					const struct zc_frame *frame)
{
	bool follows = f->has_stray && frame->seq == f->stray;

	f->has_stray = true;
	f->stray = frame->seq + frame->len;
	if (follows)
		return offset > (int64_t)f->next && fits_peer(f, frame) ? ZC_SEGMENT_TAKEN
									: ZC_SEGMENT_FOREIGN;
	f->stats.strayed++;
	return ZC_SEGMENT_STRAY;
}

static void take_bytes(struct zc_reassembly *f, int64_t offset, const struct zc_frame *frame,
		       bool copy)
{
	uint64_t captured = zc_min(frame->captured, frame->len), before = 0, end;

	f->stats.cut_bytes += frame->len - captured;
	if (offset < 0) {
		/* Sent first before the capture began. */
		before = zc_min((uint64_t)-offset, (uint64_t)frame->len);
		f->stats.uncompared_bytes += before;
		f->stats.again++;
		f->stats.again_bytes += before;
		if (before >= captured)
			return;
		offset = 0;
	}
	end = (uint64_t)offset + frame->len - before;
	captured -= before;
	if ((uint64_t)offset == f->next && f->next == f->buffer.top && captured == end - f->next)
		put_next(f, frame->payload + before, captured);
	else
		put(f, (uint64_t)offset, frame->payload + before, captured, end, copy);
}

static enum zc_segment_verdict take_data(struct zc_reassembly *f, int64_t offset,
					 const struct zc_frame *frame, bool copy)
{
	enum zc_segment_verdict taken = ZC_SEGMENT_TAKEN;

	if (is_far(f, offset, frame->len))
		taken = take_far(f, offset, frame);
	if (taken != ZC_SEGMENT_TAKEN)
		return taken;
	if (f->has_end && offset + frame->len > (int64_t)f->end) {
		if (zc_reassembly_is_over(f))
			return ZC_SEGMENT_FOREIGN;
		f->has_end = false;
	}
	f->stats.segments++;
	f->stats.data_bytes += frame->len;
	if (is_keepalive(f, offset, frame->len))
		f->stats.keepalives++;
	else if (frame->len > LONGEST)
		f->stats.strayed++;
	else
		take_bytes(f, offset, frame, copy);
	return ZC_SEGMENT_TAKEN;
}

/*
 * Resets (RFC 9293, 3.10.7.4; RFC 5961, 3): the receiver believes one whose number is the next it expects,
 * answers one within its window, and drops any other.
 */

static void note_ack(struct zc_reassembly *f, const struct zc_frame *frame)
{
	if (!(frame->flags & TH_ACK) || (f->has_ack && !is_after(frame->ack, f->ack)))
		return;
	f->has_ack = true;
	f->ack = frame->ack;
}

static void take_reset(struct zc_reassembly *f, const struct zc_frame *frame)
{
	int64_t offset = f->started ? to_offset(f, frame->seq) : 0;
	uint64_t sent = zc_max(f->buffer.top, f->acked);
	bool fits = offset >= (int64_t)f->acked && offset <= (int64_t)(sent + f->has_end);

	if (f->started && (offset < (int64_t)f->acked || offset > (int64_t)reach(f))) {
		f->stats.ignored_resets++;
		return;
	}
	if (f->reset == ZC_TCP_RESET)
		return;
	f->stats.ignored_resets += f->reset == ZC_TCP_RESET_AHEAD;
	if (fits_peer(f, frame))
		note_ack(f, frame);
	f->reset = !f->started || fits ? ZC_TCP_RESET : ZC_TCP_RESET_AHEAD;
	f->reset_seq = frame->seq;
	f->reset_ack = f->ack;
}

/* The connection goes on: the reset was somebody else's, or it was not believed. */
static void ignore_reset(struct zc_reassembly *f)
{
	f->reset = ZC_TCP_NO_RESET;
	f->stats.ignored_resets++;
}

/* Look whether this end sends more than it had sent, or received, when it reset the connection. */
static void look_for_life(struct zc_reassembly *f, const struct zc_frame *frame)
{
	uint32_t end = frame->seq + frame->len + !!(frame->flags & TH_FIN);

	note_ack(f, frame);
	if (f->reset &&
	    (is_after(end, f->reset_seq) || (f->has_ack && is_after(f->ack, f->reset_ack))))
		ignore_reset(f);
}

/*
 * Interface
 */

void zc_reassembly_init(struct zc_reassembly *f, const struct zc_reassembly_ops *ops, void *arg,
			struct zc_budget *budget)
{
	*f = (struct zc_reassembly){ .ops = ops,
				     .arg = arg,
				     .missed = { .budget = budget, .most = MOST_MISSED } };
	zc_segment_buffer_init(&f->buffer, budget);
}

void zc_reassembly_begin(struct zc_reassembly *f, uint32_t first)
{
	if (!f->started)
		start(f, first, true);
}

static void take_fin(struct zc_reassembly *f, int64_t offset)
{
	if (offset < (int64_t)f->buffer.top || offset > (int64_t)reach(f))
		return;
	f->has_end = true;
	f->end = (uint64_t)offset;
}

enum zc_segment_verdict zc_reassembly_take(struct zc_reassembly *f, const struct zc_frame *frame,
					   bool copy)
{
	enum zc_segment_verdict taken = ZC_SEGMENT_TAKEN;
	uint32_t seq = frame->seq;
	int64_t offset;

	if (frame->flags & TH_RST) {
		take_reset(f, frame);
		return ZC_SEGMENT_TAKEN;
	}
	look_for_life(f, frame);
	if (frame->flags & TH_SYN)
		zc_reassembly_begin(f, ++seq);
	if (!frame->len && !(frame->flags & TH_FIN)) {
		if (f->started && !(frame->flags & TH_SYN) &&
		    to_offset(f, seq) + 1 == (int64_t)f->buffer.top)
			f->stats.keepalives++;
		return ZC_SEGMENT_TAKEN;
	}
	if (!f->started)
		start(f, seq, false);
	offset = to_offset(f, seq);
	if (frame->len)
		taken = take_data(f, offset, frame, copy);
	if (frame->flags & TH_FIN && taken == ZC_SEGMENT_TAKEN)
		take_fin(f, offset + frame->len);
	return taken;
}

/* An acknowledgement of more than can be in flight is believed when another one is near it. */
static bool is_stray_ack(struct zc_reassembly *f, uint32_t ack, int64_t offset)
{
	bool near = (uint32_t)(ack - f->last_ack) <= ZC_SEGMENT_BUFFER_MAX;

	f->last_ack = ack;
	return offset > (int64_t)reach(f) && !near;
}

void zc_reassembly_acked(struct zc_reassembly *f, uint32_t ack, bool from_syn)
{
	int64_t offset;

	if (from_syn)
		zc_reassembly_begin(f, ack);
	if (!f->started)
		return;
	offset = to_offset(f, ack);
	if (is_stray_ack(f, ack, offset))
		return;
	f->told = true;
	if (offset <= (int64_t)f->acked)
		return;
	if (f->reset && is_after(ack, f->reset_seq))
		ignore_reset(f);
	f->acked = (uint64_t)offset;
	settle(f);
}

bool zc_reassembly_begins_at(const struct zc_reassembly *f, uint32_t first)
{
	return !f->started || f->first == first;
}

bool zc_reassembly_reaches(const struct zc_reassembly *f, const struct zc_frame *frame)
{
	int64_t offset = f->started ? to_offset(f, frame->seq) : 0;

	return f->started && f->has_end && offset > -(int64_t)ZC_SEGMENT_BUFFER_MAX &&
	       offset + (int64_t)frame->len <= (int64_t)f->end + 1;
}

bool zc_reassembly_is_over(const struct zc_reassembly *f)
{
	return f->has_end && (!f->told || f->acked > f->end);
}

bool zc_reassembly_is_complete(const struct zc_reassembly *f)
{
	return zc_reassembly_is_over(f) && f->next >= f->end;
}

void zc_reassembly_end(struct zc_reassembly *f)
{
	/* One more than was captured may be a FIN that was not. */
	uint64_t to = f->has_end ? f->end : f->acked - (f->acked == f->buffer.top + 1);

	if (!zc_segment_buffer_extend(&f->buffer, to))
		start_over(f, to);
	give_up(f, f->buffer.top);
	zc_segment_buffer_drop(&f->buffer);
	zc_gaps_drop(&f->missed);
}
