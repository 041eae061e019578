// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ranges of a stream that are missing. */
#include "packet/gaps.h"

#include <stdlib.h>
#include <string.h>

#define LEAST 8u

unsigned zc_holes_find(const struct zc_holes *h, uint64_t offset)
{
	unsigned low = 0, high = h->count;

	/* Most offsets are after all holes. */
	if (!high || h->hole[high - 1].to <= offset)
		return high;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (h->hole[middle].to <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool grow(struct zc_holes *h)
{
	unsigned room = h->room ? 2 * h->room : LEAST;
	uint64_t bytes = (room - h->room) * sizeof(*h->hole);
	void *more;

	if (room > h->most || !zc_budget_take(h->budget, bytes))
		return false;
	more = reallocarray(h->hole, room, sizeof(*h->hole));
	if (!more) {
		zc_budget_return(h->budget, bytes);
		return false;
	}
	h->hole = more;
	h->room = room;
	return true;
}

static bool insert(struct zc_holes *h, unsigned i, struct zc_hole hole)
{
	if (h->count == h->room && !grow(h))
		return false;
	memmove(&h->hole[i + 1], &h->hole[i], (h->count - i) * sizeof(*h->hole));
	h->hole[i] = hole;
	h->count++;
	return true;
}

static void remove_from(struct zc_holes *h, unsigned i, unsigned count)
{
	if (!count)
		return;
	h->count -= count;
	memmove(&h->hole[i], &h->hole[i + count], (h->count - i) * sizeof(*h->hole));
}

bool zc_holes_append(struct zc_holes *h, uint64_t from, uint64_t to)
{
	return insert(h, h->count, (struct zc_hole){ from, to });
}

bool zc_holes_fill(struct zc_holes *h, unsigned i, uint64_t from, uint64_t to)
{
	struct zc_hole *hole = &h->hole[i];
	struct zc_hole after = { to, hole->to };

	if (hole->from == from && hole->to == to) {
		remove_from(h, i, 1);
		return true;
	}
	if (hole->from == from) {
		hole->from = to;
		return true;
	}
	if (after.from < after.to && !insert(h, i + 1, after))
		return false;
	h->hole[i].to = from;
	return true;
}

void zc_holes_forget(struct zc_holes *h, unsigned count)
{
	remove_from(h, 0, count);
}

void zc_holes_drop(struct zc_holes *h)
{
	if (h->room)
		zc_budget_return(h->budget, h->room * sizeof(*h->hole));
	free(h->hole);
	h->hole = NULL;
	h->count = h->room = 0;
}
