// SPDX-License-Identifier: LGPL-2.1-or-later
/* The last bytes that one end of a connection sent, by their offset in the stream, with holes. */
#include "packet/segment_buffer.h"

#include <stdlib.h>
#include <string.h>

#define LEAST 65536u
/* Who makes more holes than that has them looked for too long. */
#define MOST_HOLES 4096u

void zc_kept_init(struct zc_kept *k, struct zc_budget *budget)
{
	*k = (struct zc_kept){ .budget = budget,
			       .holes = { .budget = budget, .most = MOST_HOLES } };
}

/*
 * The ring
 */

static size_t in_ring(const struct zc_kept *k, uint64_t offset)
{
	return (size_t)(offset & (k->room - 1));
}

/* As many of @len bytes from @offset on as come before the ring's end. */
static size_t one_piece(const struct zc_kept *k, uint64_t offset, uint64_t len)
{
	return (size_t)zc_min(len, (uint64_t)(k->room - in_ring(k, offset)));
}

static void store(struct zc_kept *k, uint64_t offset, const uint8_t *data, size_t len)
{
	size_t n = one_piece(k, offset, len);

	memcpy(k->ring + in_ring(k, offset), data, n);
	memcpy(k->ring, data + n, len - n);
}

static bool resize(struct zc_kept *k, size_t room)
{
	const uint8_t *old = k->ring;
	size_t old_room = k->room;
	uint8_t *ring;

	if (!zc_budget_take(k->budget, room - old_room))
		return false;
	ring = malloc(room);
	if (!ring) {
		zc_budget_return(k->budget, room - old_room);
		return false;
	}
	k->ring = ring;
	k->room = room;
	for (uint64_t at = k->base, n; old && at < k->top; at += n) {
		size_t from = (size_t)(at & (old_room - 1));

		n = zc_min(k->top - at, (uint64_t)(old_room - from));
		store(k, at, old + from, (size_t)n);
	}
	free((void *)old);
	return true;
}

bool zc_kept_grow(struct zc_kept *k, uint64_t keep, uint64_t to)
{
	size_t room = k->room ? k->room : LEAST;

	if (to - keep <= k->room)
		return true;
	if (to - keep > ZC_KEPT_MOST)
		return false;
	while (room < to - keep)
		room *= 2;
	return resize(k, room);
}

/*
 * Holes
 */

const struct zc_hole *zc_kept_hole(const struct zc_kept *k, uint64_t offset)
{
	unsigned i = zc_holes_find(&k->holes, offset);

	return i < k->holes.count ? &k->holes.hole[i] : NULL;
}

void zc_kept_slide(struct zc_kept *k, uint64_t base)
{
	if (base <= k->base)
		return;
	k->base = base;
	k->top = zc_max(k->top, base);
	zc_holes_forget(&k->holes, zc_holes_find(&k->holes, base));
	if (k->holes.count)
		k->holes.hole[0].from = zc_max(k->holes.hole[0].from, base);
}

bool zc_kept_extend(struct zc_kept *k, uint64_t top)
{
	struct zc_hole *last = k->holes.count ? &k->holes.hole[k->holes.count - 1] : NULL;

	if (top <= k->top)
		return true;
	if (last && last->to == k->top)
		last->to = top;
	else if (!zc_holes_append(&k->holes, k->top, top))
		return false;
	k->top = top;
	return true;
}

/*
 * Bytes
 */

void zc_kept_compare(const uint8_t *before, const uint8_t *now, uint64_t offset, size_t len,
		     struct zc_kept_put *res)
{
	res->again += len;
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

const uint8_t *zc_kept_at(const struct zc_kept *k, uint64_t offset, uint64_t *len)
{
	*len = one_piece(k, offset, *len);
	return k->ring + in_ring(k, offset);
}

static void compare(const struct zc_kept *k, uint64_t offset, const uint8_t *data, uint64_t len,
		    struct zc_kept_put *res)
{
	for (uint64_t n; len; offset += n, data += n, len -= n) {
		const uint8_t *before;

		n = len;
		before = zc_kept_at(k, offset, &n);
		zc_kept_compare(before, data, offset, (size_t)n, res);
	}
}

/* Behind all that is there, and right behind it: as most are. */
static void append(struct zc_kept *k, const uint8_t *data, size_t len, struct zc_kept_put *res)
{
	store(k, k->top, data, len);
	k->top += len;
	res->fresh += len;
}

bool zc_kept_put(struct zc_kept *k, uint64_t offset, const uint8_t *data, size_t len,
		 struct zc_kept_put *res)
{
	uint64_t end = offset + len;

	while (offset < zc_min(end, k->top)) {
		unsigned i = zc_holes_find(&k->holes, offset);
		uint64_t hole = i < k->holes.count ? k->holes.hole[i].from : k->top;
		uint64_t to = zc_min(hole, zc_min(end, k->top));
		bool fills = hole <= offset;

		if (fills)
			to = zc_min(k->holes.hole[i].to, end);
		if (fills && !zc_holes_fill(&k->holes, i, offset, to))
			return false;
		if (fills) {
			store(k, offset, data, (size_t)(to - offset));
			res->fresh += to - offset;
		} else {
			compare(k, offset, data, to - offset, res);
		}
		data += to - offset;
		offset = to;
	}
	if (offset > k->top && offset < end && !zc_kept_extend(k, offset))
		return false;
	if (offset < end)
		append(k, data, (size_t)(end - offset), res);
	return true;
}

void zc_kept_drop(struct zc_kept *k)
{
	if (k->room)
		zc_budget_return(k->budget, k->room);
	free(k->ring);
	k->ring = NULL;
	k->room = 0;
	k->base = k->top;
	zc_holes_drop(&k->holes);
}
