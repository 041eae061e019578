// SPDX-License-Identifier: LGPL-2.1-or-later
/* The newest bytes that one end of a connection sent. */
#include "packet/segment_buffer.h"

#include <stdlib.h>
#include <string.h>

#define LEAST 65536u
/* With more gaps it takes too long to find one. */
#define MOST_GAPS 4096u

void zc_segment_buffer_init(struct zc_segment_buffer *b, struct zc_budget *budget)
{
	*b = (struct zc_segment_buffer){ .budget = budget,
					 .gaps = { .budget = budget, .most = MOST_GAPS } };
}

/*
 * The ring
 */

/* Returns the place of @offset in the ring. */
static size_t in_ring(const struct zc_segment_buffer *b, uint64_t offset)
{
	return (size_t)(offset & (b->room - 1));
}

/* Returns how many of @len bytes from @offset on come before the ring's end. */
static size_t one_piece(const struct zc_segment_buffer *b, uint64_t offset, uint64_t len)
{
	return (size_t)zc_min(len, (uint64_t)(b->room - in_ring(b, offset)));
}

static void store(struct zc_segment_buffer *b, uint64_t offset, const uint8_t *data, size_t len)
{
	size_t n = one_piece(b, offset, len);

	memcpy(b->ring + in_ring(b, offset), data, n);
	memcpy(b->ring, data + n, len - n);
}

static bool resize(struct zc_segment_buffer *b, size_t room)
{
	const uint8_t *old = b->ring;
	size_t old_room = b->room;
	uint8_t *ring;

	if (!zc_budget_take(b->budget, room - old_room))
		return false;
	ring = malloc(room);
	if (!ring) {
		zc_budget_return(b->budget, room - old_room);
		return false;
	}
	b->ring = ring;
	b->room = room;
	for (uint64_t at = b->base, n; old && at < b->top; at += n) {
		size_t from = (size_t)(at & (old_room - 1));

		n = zc_min(b->top - at, (uint64_t)(old_room - from));
		store(b, at, old + from, (size_t)n);
	}
	free((void *)old);
	return true;
}

bool zc_segment_buffer_grow(struct zc_segment_buffer *b, uint64_t keep, uint64_t to)
{
	size_t room = b->room ? b->room : LEAST;

	if (to - keep <= b->room)
		return true;
	if (to - keep > ZC_SEGMENT_BUFFER_MAX)
		return false;
	while (room < to - keep)
		room *= 2;
	return resize(b, room);
}

/*
 * Holes
 */

const struct zc_gap *zc_segment_buffer_gap(const struct zc_segment_buffer *b, uint64_t offset)
{
	unsigned i = zc_gaps_find(&b->gaps, offset);

	return i < b->gaps.count ? &b->gaps.gap[i] : NULL;
}

void zc_segment_buffer_slide(struct zc_segment_buffer *b, uint64_t base)
{
	if (base <= b->base)
		return;
	b->base = base;
	b->top = zc_max(b->top, base);
	zc_gaps_forget(&b->gaps, zc_gaps_find(&b->gaps, base));
	if (b->gaps.count)
		b->gaps.gap[0].from = zc_max(b->gaps.gap[0].from, base);
}

bool zc_segment_buffer_extend(struct zc_segment_buffer *b, uint64_t top)
{
	struct zc_gap *last = b->gaps.count ? &b->gaps.gap[b->gaps.count - 1] : NULL;

	if (top <= b->top)
		return true;
	if (last && last->to == b->top)
		last->to = top;
	else if (!zc_gaps_append(&b->gaps, b->top, top))
		return false;
	b->top = top;
	return true;
}

/*
 * Bytes
 */

void zc_segment_compare(const uint8_t *before, const uint8_t *now, uint64_t offset, size_t len,
			struct zc_segment_result *res)
{
	res->repeated += len;
	if (!memcmp(before, now, len))
		return;
	for (size_t i = 0; i < len; i++) {
		if (before[i] == now[i])
			continue;
		if (!res->differing || offset + i < res->first) {
			res->first = offset + i;
			res->was = before[i];
			res->is = now[i];
		}
		res->differing++;
	}
}

const uint8_t *zc_segment_buffer_at(const struct zc_segment_buffer *b, uint64_t offset,
				    uint64_t *len)
{
	*len = one_piece(b, offset, *len);
	return b->ring + in_ring(b, offset);
}

static void compare(const struct zc_segment_buffer *b, uint64_t offset, const uint8_t *data,
		    uint64_t len, struct zc_segment_result *res)
{
	for (uint64_t n; len; offset += n, data += n, len -= n) {
		const uint8_t *before;

		n = len;
		before = zc_segment_buffer_at(b, offset, &n);
		zc_segment_compare(before, data, offset, (size_t)n, res);
	}
}

/* Append to all that is there, as most segments are. */
static void append(struct zc_segment_buffer *b, const uint8_t *data, size_t len,
		   struct zc_segment_result *res)
{
	store(b, b->top, data, len);
	b->top += len;
	res->fresh += len;
}

bool zc_segment_buffer_put(struct zc_segment_buffer *b, uint64_t offset, const uint8_t *data,
			   size_t len, struct zc_segment_result *res)
{
	uint64_t end = offset + len;

	while (offset < zc_min(end, b->top)) {
		unsigned i = zc_gaps_find(&b->gaps, offset);
		uint64_t gap = i < b->gaps.count ? b->gaps.gap[i].from : b->top;
		uint64_t to = zc_min(gap, zc_min(end, b->top));
		bool fills = gap <= offset;

		if (fills)
			to = zc_min(b->gaps.gap[i].to, end);
		if (fills && !zc_gaps_fill(&b->gaps, i, offset, to))
			return false;
		if (fills) {
			store(b, offset, data, (size_t)(to - offset));
			res->fresh += to - offset;
		} else {
			compare(b, offset, data, to - offset, res);
		}
		data += to - offset;
		offset = to;
	}
	if (offset > b->top && offset < end && !zc_segment_buffer_extend(b, offset))
		return false;
	if (offset < end)
		append(b, data, (size_t)(end - offset), res);
	return true;
}

void zc_segment_buffer_drop(struct zc_segment_buffer *b)
{
	if (b->room)
		zc_budget_return(b->budget, b->room);
	free(b->ring);
	b->ring = NULL;
	b->room = 0;
	b->base = b->top;
	zc_gaps_drop(&b->gaps);
}
