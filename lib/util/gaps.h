/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ranges of a stream that are missing, in the order of the stream. */
#ifndef ZCDMA_UTIL_GAPS_H
#define ZCDMA_UTIL_GAPS_H

#include "util/budget.h"

struct zc_gap {
	uint64_t from, to; /* offsets; never empty */
};

/* All-zero, but for .most, is an empty list. */
struct zc_gaps {
	struct zc_budget *budget; /* or NULL: without a limit */
	unsigned most;		  /* gaps; a power of two, at least 8 */
	struct zc_gap *gap;
	unsigned count, room;
};

/* Returns the index of the first gap that ends after @offset, or .count. */
unsigned zc_gaps_find(const struct zc_gaps *g, uint64_t offset);

/* Add a gap at the end, where it touches no other. Returns false if there are .most, or no memory is left. */
bool zc_gaps_append(struct zc_gaps *g, uint64_t from, uint64_t to);

/* Fill [@from, @to), which lies in gap @i. Returns false if that makes one gap too many. */
bool zc_gaps_fill(struct zc_gaps *g, unsigned i, uint64_t from, uint64_t to);

/* Forget the first @count gaps. */
void zc_gaps_forget(struct zc_gaps *g, unsigned count);

/* Free the memory. */
void zc_gaps_drop(struct zc_gaps *g);

#endif
