// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ranges of a stream that are missing. */
#include "util/gaps.h"

#include <stdlib.h>
#include <string.h>

#define LEAST 8u

unsigned zc_gaps_find(const struct zc_gaps *g, uint64_t offset)
{
	unsigned low = 0, high = g->count;

	/* Most offsets are after all gaps. */
	if (!high || g->gap[high - 1].to <= offset)
		return high;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (g->gap[middle].to <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool grow(struct zc_gaps *g)
{
	unsigned room = g->room ? 2 * g->room : LEAST;
	uint64_t bytes = (room - g->room) * sizeof(*g->gap);
	void *more;

	if (room > g->most || (g->budget && !zc_budget_take(g->budget, bytes)))
		return false;
	more = reallocarray(g->gap, room, sizeof(*g->gap));
	if (!more) {
		if (g->budget)
			zc_budget_return(g->budget, bytes);
		return false;
	}
	g->gap = more;
	g->room = room;
	return true;
}

static bool insert(struct zc_gaps *g, unsigned i, struct zc_gap gap)
{
	if (g->count == g->room && !grow(g))
		return false;
	memmove(&g->gap[i + 1], &g->gap[i], (g->count - i) * sizeof(*g->gap));
	g->gap[i] = gap;
	g->count++;
	return true;
}

static void remove_from(struct zc_gaps *g, unsigned i, unsigned count)
{
	if (!count)
		return;
	g->count -= count;
	memmove(&g->gap[i], &g->gap[i + count], (g->count - i) * sizeof(*g->gap));
}

bool zc_gaps_append(struct zc_gaps *g, uint64_t from, uint64_t to)
{
	return insert(g, g->count, (struct zc_gap){ from, to });
}

bool zc_gaps_fill(struct zc_gaps *g, unsigned i, uint64_t from, uint64_t to)
{
	struct zc_gap *gap = &g->gap[i];
	struct zc_gap after = { to, gap->to };

	if (gap->from == from && gap->to == to) {
		remove_from(g, i, 1);
		return true;
	}
	if (gap->from == from) {
		gap->from = to;
		return true;
	}
	if (after.from < after.to && !insert(g, i + 1, after))
		return false;
	g->gap[i].to = from;
	return true;
}

void zc_gaps_forget(struct zc_gaps *g, unsigned count)
{
	remove_from(g, 0, count);
}

void zc_gaps_drop(struct zc_gaps *g)
{
	if (g->room && g->budget)
		zc_budget_return(g->budget, g->room * sizeof(*g->gap));
	free(g->gap);
	g->gap = NULL;
	g->count = g->room = 0;
}
