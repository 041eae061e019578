// SPDX-License-Identifier: GPL-2.0-only
/* Finds the block size from which on a path costs less than copying. */
#include "bench/crossover.h"

#include "bench/rows.h"

/* Sizes of a sweep. */
#define MOST_SIZES 16

/* A size at which both ran. */
struct pair {
	uint64_t size;
	double less; /* how clearly the path costs less: bench_below() */
	bool is_distinct;
};

/* Return true if a row copies as most programs do. */
static bool is_plain(const struct bench_row *row)
{
	return row->way ? row->way->plain : row->path->required_caps == ZCDMA_CAP_MEMORY;
}

/* Return true if two rows differ in how they move data, and in nothing else. */
static bool is_comparable(const struct bench_row *a, const struct bench_row *b)
{
	if (a->way)
		return a->way->datagrams == b->way->datagrams;
	return a->memory == b->memory && a->block_bytes == b->block_bytes;
}

const struct bench_row *bench_plain(const struct bench_rows *rows, const struct bench_row *like)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && is_plain(row) && is_comparable(row, like))
			return row;
	}
	return NULL;
}

/* Put the pairs in @rows into @pair, in order of size, and the last two rows into @c. Returns their number. */
static unsigned find_pairs(const struct bench_rows *rows, const struct bench_row *like,
			   bench_figure *cost, struct pair *pair, struct bench_crossing *c)
{
	unsigned count = 0;

	for (unsigned i = 0; i < rows->count && count < MOST_SIZES; i++) {
		const struct bench_row *row = &rows->row[i], *plain = bench_plain(rows, row);
		struct bench_spread a, b;

		if (row->path != like->path || row->memory != like->memory || !row->count ||
		    !plain || plain == row)
			continue;
		a = bench_spread(row, cost);
		b = bench_spread(plain, cost);
		pair[count++] = (struct pair){ row->block_bytes, bench_below(&a, &b),
					       bench_distinct(&a, &b) };
		c->row = row;
		c->than = plain;
	}
	return count;
}

/* Return where the step fits best: the index of the first size above it, or @count. In doubt the later one. */
static unsigned find_step(const struct pair *pair, unsigned count)
{
	double score = 0, best = 0;
	unsigned step = count;

	/* What a step before the size adds to one after the last: twice what the sizes from there on say. */
	for (unsigned i = count; i-- > 0;) {
		score += 2 * pair[i].less;
		if (score > best + 1e-9) {
			best = score;
			step = i;
		}
	}
	return step;
}

struct bench_crossing bench_crossing(const struct bench_rows *rows, const struct bench_row *like,
				     bench_figure *cost)
{
	struct bench_crossing c = { 0 };
	struct pair pair[MOST_SIZES];
	unsigned count = find_pairs(rows, like, cost, pair, &c), step = find_step(pair, count);

	if (!count)
		return c;
	c.first = pair[0].size;
	c.last = pair[count - 1].size;
	c.from = step < count ? pair[step].size : 0;
	for (unsigned i = 0; i < count; i++) {
		bool less = pair[i].less > 0;

		if (!pair[i].is_distinct)
			continue;
		if (i < step && !less)
			c.surely_less = pair[i].size;
		else if (i >= step && !less)
			c.but_not = pair[i].size;
		else if (i >= step && !c.surely_from)
			c.surely_from = pair[i].size;
	}
	c.is_known = c.surely_less || c.surely_from || c.but_not;
	if (!c.is_known)
		c.from = 0;
	return c;
}

/* Add a row like @like of @size; if it ran in @rows, that one. */
static void add_size(const struct bench_rows *rows, const struct bench_row *like, uint64_t size,
		     struct bench_rows *crossing)
{
	static struct bench_row row; /* its samples are large */

	row = (struct bench_row){
		.path = like->path,
		.source = like->source,
		.memory = like->memory,
		.block_bytes = size,
	};
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *one = &rows->row[i];

		if (one->count && one->path == like->path && one->memory == like->memory &&
		    one->block_bytes == size) {
			row = *one;
			row.given = true;
		}
	}
	bench_rows_add(crossing, &row);
}

void bench_cross_plan(const struct bench_rows *rows, const struct bench_row *like,
		      uint64_t ring_bytes, struct bench_rows *crossing)
{
	const struct bench_row *plain = bench_plain(rows, like);

	/* A size's two follow each other, so that what else the machine does then hits both. */
	for (uint64_t size = BENCH_SWEEP_FIRST; size <= BENCH_SWEEP_LAST; size *= 4) {
		if (ring_bytes / size < 2)
			continue;
		add_size(rows, plain, size, crossing);
		add_size(rows, like, size, crossing);
	}
}
