/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ranges of a stream that are missing, in the order of the stream. */
#ifndef ZCDMA_PACKET_GAPS_H
#define ZCDMA_PACKET_GAPS_H

#include "util/budget.h"

struct zc_hole {
	uint64_t from, to; /* offsets; none is empty */
};

/* All-zero, but for .budget and .most, is an empty list. */
struct zc_holes {
	struct zc_budget *budget;
	unsigned most; /* holes; a power of two, at least 8 */
	struct zc_hole *hole;
	unsigned count, room;
};

/* The index of the first hole that ends after @offset; .count if none does. */
unsigned zc_holes_find(const struct zc_holes *h, uint64_t offset);

/* Add a hole at the end, where it touches no other. Returns false if there are .most, or no memory is left. */
bool zc_holes_append(struct zc_holes *h, uint64_t from, uint64_t to);

/* Fill [@from, @to), which lies in hole @i. Returns false if that makes one hole too many. */
bool zc_holes_fill(struct zc_holes *h, unsigned i, uint64_t from, uint64_t to);

/* Forget the first @count holes. */
void zc_holes_forget(struct zc_holes *h, unsigned count);

/* Give the memory back. */
void zc_holes_drop(struct zc_holes *h);

#endif
