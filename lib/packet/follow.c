// SPDX-License-Identifier: LGPL-2.1-or-later
/* Follows one direction of a TCP connection: segments as they were captured, to the stream in order. */
#include "follow.h"

#include <netinet/tcp.h>

/* There are no longer segments, not even before a NIC cuts them: GSO_MAX_SIZE. */
#define LONGEST (8u * 65535)

/*
 * Sequence numbers wrap around, offsets do not: the offset of @seq that is nearest to the newest data.
 * It may be before the first, and is negative then.
 */
static int64_t to_offset(const struct zc_follow *f, uint32_t seq)
{
	uint64_t near = zc_max(f->kept.top, f->acked);

	return (int64_t)near + (int32_t)(seq - (f->first + (uint32_t)near));
}

static void start(struct zc_follow *f, uint32_t first, bool from_syn)
{
	f->started = true;
	f->from_syn = from_syn;
	f->first = first;
}

/*
 * Passing on
 */

static void pass_on(struct zc_follow *f, uint64_t to)
{
	while (f->next < to) {
		uint64_t len = to - f->next;
		const uint8_t *data = zc_kept_at(&f->kept, f->next, &len);

		f->ops->data(f->arg, data, (size_t)len);
		f->next += len;
	}
}

static void pass_over(struct zc_follow *f, uint64_t to)
{
	if (to <= f->next)
		return;
	f->ops->unseen(f->arg, to - f->next);
	f->stats.unseen_bytes += to - f->next;
	f->next = to;
}

/* Pass on what there is, and wait no longer for what is missing before @to. */
static void give_up(struct zc_follow *f, uint64_t to)
{
	while (f->next < to) {
		const struct zc_kept_hole *hole = zc_kept_hole(&f->kept, f->next);
		uint64_t from = hole ? zc_min(hole->from, to) : zc_min(to, f->kept.top);

		if (f->next < from)
			pass_on(f, from);
		else
			pass_over(f, hole ? zc_min(hole->to, to) : to);
	}
}

/* Up to the first hole. */
static void pass_on_whole(struct zc_follow *f)
{
	const struct zc_kept_hole *hole = zc_kept_hole(&f->kept, f->next);

	pass_on(f, hole ? hole->from : f->kept.top);
}

/*
 * Data
 */

/* Make the window reach to @end. What nobody has acknowledged is kept, as long as there is room. */
static void make_room(struct zc_follow *f, uint64_t end)
{
	struct zc_kept *k = &f->kept;
	uint64_t keep = zc_max(k->base, zc_min(f->acked, f->next));
	uint64_t base;

	if (end <= k->base + k->room)
		return;
	if (!zc_kept_grow(k, keep, end) && !zc_kept_grow(k, zc_max(k->base, f->next), end))
		zc_kept_grow(k, end - 1, end);
	base = end > k->room ? end - k->room : 0;
	if (base > f->next) {
		f->stats.given_up++;
		give_up(f, base);
	}
	zc_kept_slide(k, base);
}

/* What came again so late that the first of it is forgotten. */
static void compare_old(struct zc_follow *f, uint64_t offset, const uint8_t *data, uint64_t len,
			struct zc_kept_put *res)
{
	uint8_t before[4096];

	for (uint64_t n; len; offset += n, data += n, len -= n) {
		n = zc_min(len, (uint64_t)sizeof(before));
		if (f->ops->recall(f->arg, offset, before, (size_t)n)) {
			zc_kept_compare(before, data, offset, (size_t)n, res);
		} else {
			res->again += n;
			f->stats.uncompared_bytes += n;
		}
	}
}

static void count(struct zc_follow *f, const struct zc_kept_put *res, bool behind)
{
	struct zc_follow_stats *s = &f->stats;

	if (res->again) {
		s->again++;
		s->again_bytes += res->again;
	} else if (behind) {
		s->out_of_order++;
	}
	if (!res->differing)
		return;
	s->differing++;
	s->differing_bytes += res->differing;
	f->ops->differs(f->arg, f->first + (uint32_t)res->first, res);
}

/* Too many holes, or no memory for them: what is missing can be waited for no longer. */
static void start_over(struct zc_follow *f, uint64_t end)
{
	f->stats.given_up++;
	give_up(f, zc_max(f->kept.top, end));
	zc_kept_slide(&f->kept, f->next);
}

/* A segment from @offset to @end, of which so many bytes were captured. */
static void put(struct zc_follow *f, uint64_t offset, const uint8_t *data, uint64_t captured,
		uint64_t end)
{
	struct zc_kept *k = &f->kept;
	struct zc_kept_put res = { 0 };
	bool behind = offset < k->top, fits;
	uint64_t there = offset + captured, from, late;

	make_room(f, end);
	from = zc_min(zc_max(offset, k->base), there);
	late = zc_min(zc_max(from, f->next), there);
	compare_old(f, offset, data, from - offset, &res);
	fits = zc_kept_put(k, from, data + (from - offset), (size_t)(late - from), &res);
	f->stats.late_bytes += res.fresh;
	fits = fits && zc_kept_put(k, late, data + (late - offset), (size_t)(there - late), &res);
	if (!fits || !zc_kept_extend(k, end))
		start_over(f, end);
	count(f, &res, behind);
	pass_on_whole(f);
}

/* The next one, whole, as most are. */
static void put_next(struct zc_follow *f, const uint8_t *data, uint64_t len)
{
	struct zc_kept_put res = { 0 };
	uint64_t offset = f->next, from;

	f->ops->data(f->arg, data, (size_t)len);
	f->next += len;
	make_room(f, f->next);
	from = zc_max(offset, f->kept.base);
	zc_kept_put(&f->kept, from, data + (from - offset), (size_t)(f->next - from), &res);
}

/*
 * A keep-alive repeats the last byte that was acknowledged, and any byte will do for it: RFC 9293, 3.8.4.
 */
static bool is_keepalive(const struct zc_follow *f, int64_t offset, uint32_t len)
{
	return len == 1 && offset + 1 == (int64_t)f->kept.top &&
	       (!f->told || f->acked >= f->kept.top);
}

/* So far from everything else that it is believed only when another one follows it. */
static bool is_stray(struct zc_follow *f, int64_t offset, uint32_t len)
{
	if (offset <= (int64_t)(zc_max(f->kept.top, f->acked) + ZC_KEPT_MOST) ||
	    offset == (int64_t)f->stray)
		return false;
	f->stray = (uint64_t)offset + len;
	f->stats.strayed++;
	return true;
}

static void take_data(struct zc_follow *f, int64_t offset, const struct zc_frame *frame)
{
	uint64_t captured = zc_min(frame->captured, frame->len), before = 0;
	uint64_t end;

	f->stats.segments++;
	f->stats.data_bytes += frame->len;
	if (is_keepalive(f, offset, frame->len)) {
		f->stats.keepalives++;
		return;
	}
	if (is_stray(f, offset, frame->len) || frame->len > LONGEST)
		return;
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
	if ((uint64_t)offset == f->next && f->next == f->kept.top && captured == end - f->next)
		put_next(f, frame->payload + before, captured);
	else
		put(f, (uint64_t)offset, frame->payload + before, captured, end);
}

/*
 * Interface
 */

static void take_reset(struct zc_follow *f, uint32_t seq)
{
	int64_t off = f->started ? to_offset(f, seq) : 0;

	/* One from anywhere else would be ignored: RFC 9293, 3.10.7.4. */
	if (off >= 0 && off <= (int64_t)(zc_max(f->kept.top, f->acked) + ZC_KEPT_MOST))
		f->reset = true;
}

void zc_follow_take(struct zc_follow *f, const struct zc_frame *frame)
{
	uint32_t seq = frame->seq;
	int64_t offset;

	if (frame->flags & TH_RST) {
		take_reset(f, seq);
		return;
	}
	if (frame->flags & TH_SYN)
		seq++;
	if (!f->started && frame->flags & TH_SYN)
		start(f, seq, true);
	if (!frame->len && !(frame->flags & TH_FIN)) {
		if (f->started && !(frame->flags & TH_SYN) &&
		    to_offset(f, seq) + 1 == (int64_t)f->kept.top)
			f->stats.keepalives++;
		return;
	}
	if (!f->started)
		start(f, seq, false);
	offset = to_offset(f, seq);
	if (frame->len)
		take_data(f, offset, frame);
	offset += frame->len;
	if (frame->flags & TH_FIN && offset >= (int64_t)f->kept.top) {
		f->has_end = true;
		f->end = (uint64_t)offset;
	}
}

void zc_follow_acked(struct zc_follow *f, uint32_t ack, bool from_syn)
{
	int64_t offset;
	uint64_t to;

	if (!f->started && from_syn)
		start(f, ack, true);
	if (!f->started)
		return;
	f->told = true;
	offset = to_offset(f, ack);
	if (offset <= (int64_t)f->acked)
		return;
	f->acked = to = (uint64_t)offset;
	/* One more than there was may be a FIN that was not captured. */
	if (f->has_end)
		to = zc_min(to, f->end);
	else if (to == f->kept.top + 1)
		to--;
	if (to > f->kept.top && !zc_kept_extend(&f->kept, to))
		start_over(f, to);
	give_up(f, to);
	pass_on_whole(f);
}

bool zc_follow_begins_at(const struct zc_follow *f, uint32_t first)
{
	return !f->started || f->first == first;
}

bool zc_follow_is_complete(const struct zc_follow *f)
{
	return f->has_end && f->next >= f->end && (!f->told || f->acked > f->end);
}

void zc_follow_end(struct zc_follow *f)
{
	if (f->has_end && !zc_kept_extend(&f->kept, f->end))
		start_over(f, f->end);
	give_up(f, f->kept.top);
	zc_kept_drop(&f->kept);
}
