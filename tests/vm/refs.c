// SPDX-License-Identifier: GPL-2.0-only
/*
 * refs: the reference counts that tell whether a block is idle, page by page as debugfs shows them:
 * references == 1 + mappings + in flight. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/counts.h"
#include "shared/flight.h"
#include "shared/tap.h"

/* No power of two, so that scatter has more than one compound page for a block. */
#define ODD_BLOCK (25 * PAGE)

static const struct way *way;
static struct counts counts;

static int pages_of(const struct ring *r)
{
	return (int)(r->setup.stride / PAGE);
}

/*
 * Every count of block @index is as @mappings of the whole ring, and @in_flight, make it: one for
 * each page, or their sum for compound pages.
 */
static void expect_counts(const struct ring *r, unsigned index, int mappings, int in_flight)
{
	counts_read(&counts);
	EXPECT(counts_maps(&counts, index) == mappings * pages_of(r));
	EXPECT(counts_in_flight(&counts, index) == in_flight);
	for (size_t i = 0; i < counts.n; i++) {
		const struct count *c = &counts.count[i];

		EXPECT(c->refs == 1 + c->maps + c->in_flight);
		if (c->block != index)
			EXPECT(c->in_flight == 0);
		else if (r->setup.model == ZCDMA_DEV_PAGES)
			EXPECT(c->maps == mappings);
	}
}

static void expect_counts_everywhere(const struct ring *r, int mappings)
{
	for (unsigned i = 0; i < r->setup.blocks; i++)
		expect_counts(r, i, mappings, 0);
}

static struct ring odd_ring(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);

	setup.block_size = ODD_BLOCK;
	return ring_create(O_RDONLY, setup);
}

static void mappings_are_counted(unsigned model)
{
	struct ring r = odd_ring(model);
	char *second;

	expect_counts_everywhere(&r, 1);
	second = ring_map(&r, PROT_READ);
	expect_counts_everywhere(&r, 2);
	ring_go(&r);
	ring_run_for(&r, 2 * BLOCKS);
	ring_stop(&r);
	expect_counts_everywhere(&r, 2);
	EXPECT(!munmap(second, r.setup.ring_bytes));
	expect_counts_everywhere(&r, 1);
	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	expect_counts_everywhere(&r, 0);
}

static void coherent_memory_has_none(unsigned model)
{
	struct ring r = odd_ring(model);

	counts_read(&counts);
	EXPECT(counts.n == 0 && r.setup.blocks);
}

static void pages_of_a_block(unsigned model)
{
	struct ring r = odd_ring(model);
	size_t lines = model == ZCDMA_DEV_PAGES ? (size_t)pages_of(&r) : r.setup.chunks;

	counts_read(&counts);
	EXPECT(counts.n == lines * BLOCKS);
	for (size_t i = 0; i < counts.n; i++) {
		EXPECT(counts.count[i].block == i / lines);
		EXPECT(counts.count[i].number == i % lines);
	}
	/* 25 pages are 16 + 8 + 1 where there is nothing to spare, and 32 for a compound page. */
	EXPECT(pages_of(&r) == (model == ZCDMA_DEV_COMPOUND ? 32 : 25));
	if (model == ZCDMA_DEV_SCATTER)
		EXPECT(r.setup.chunks >= 3);
}

/* From @map, or with NULL at the block's position. */
static void pipes_count_what_they_hold(const struct ring *r, const char *map)
{
	struct zcdma_dev_block b = ring_take(r);
	off64_t position = (off64_t)b.position;
	int maps = r->map || map ? 1 : 0, first[2], second[2];
	/* vmsplice() takes a slot of the pipe for each page, the driver for each contiguous piece. */
	bool by_page = map || r->setup.model == ZCDMA_DEV_PAGES;
	int five = by_page ? 5 : 1, three = by_page ? 3 : 1;

	EXPECT(!pipe(first) && !pipe(second));
	if (map)
		flight_vmsplice(map + b.mmap_offset, first[1], 5 * PAGE);
	else
		flight_splice(r->fd, &position, first[1], 5 * PAGE);
	expect_counts(r, b.index, maps, five);
	for (size_t i = 0; r->setup.model == ZCDMA_DEV_PAGES && i < counts.n; i++) {
		const struct count *c = &counts.count[i];

		EXPECT(c->in_flight == (c->block == b.index && c->number < 5));
	}
	EXPECT(tee(first[0], second[1], 3 * PAGE, 0) == 3 * PAGE);
	expect_counts(r, b.index, maps, five + three);
	flight_receive(first[0], b.offset, 5 * PAGE);
	expect_counts(r, b.index, maps, three);
	EXPECT(!close(second[0]) && !close(second[1]));
	expect_counts(r, b.index, maps, 0);
	EXPECT(!ring_give(r, b.index));
}

static void pages_in_pipes(unsigned model)
{
	struct ring r = odd_ring(model);

	ring_go(&r);
	pipes_count_what_they_hold(&r, r.map);
	pipes_count_what_they_hold(&r, NULL);
	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	r.map = NULL;
	pipes_count_what_they_hold(&r, NULL);
}

static void strict_leaves_only_what_is_in_flight(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_STRICT);
	struct zcdma_dev_block b = ring_take(&r);
	char state[16];
	int fd[2];

	EXPECT(!pipe(fd));
	flight_vmsplice(ring_data(&r, &b), fd[1], PAGE);
	expect_counts(&r, b.index, 1, 1);
	EXPECT(!ring_give(&r, b.index));
	expect_counts(&r, b.index, 0, 1);
	counts_state(b.index, state);
	EXPECT(!strcmp(state, "draining"));
	flight_receive(fd[0], b.offset, PAGE);
	expect_counts(&r, b.index, 0, 0);
}

static void states_are_shown(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	struct zcdma_dev_block b;
	char state[16];

	counts_state(0, state);
	EXPECT(!strcmp(state, "free"));
	ring_go(&r);
	b = ring_take(&r);
	counts_state(b.index, state);
	EXPECT(!strcmp(state, "held"));
	WAIT_FOR(ring_stats(r.fd).full == BLOCKS - 1);
	counts_state((b.index + 1) % BLOCKS, state);
	EXPECT(!strcmp(state, "full"));
}

static int in_flight_of(unsigned index)
{
	counts_read(&counts);
	return counts_in_flight(&counts, index);
}

static void is_counted(unsigned model)
{
	struct ring r = ring_create(FLIGHT_OPEN, ring_wanted(model));
	struct zcdma_dev_block b;
	struct flight f;

	ring_go(&r);
	b = ring_take(&r);
	f = flight_leave(way, &r, &b);
	EXPECT(in_flight_of(b.index) > 0);
	flight_arrive(&f);
	WAIT_FOR(in_flight_of(b.index) == 0);
	expect_counts_everywhere(&r, 1);
}

/* FOLL_PIN: 1024 for each small page; a compound page has room to count pins one by one. */
static void a_pin_is_told_apart(unsigned model)
{
	struct ring r = ring_create(FLIGHT_OPEN, ring_wanted(model));
	struct zcdma_dev_block b;
	struct flight f;

	ring_go(&r);
	b = ring_take(&r);
	f = flight_leave(way, &r, &b);
	counts_read(&counts);
	for (size_t i = 0; i < counts.n; i++) {
		const struct count *c = &counts.count[i];
		int pinned = c->block == b.index && c->number < f.bytes / PAGE ? 1024 : 0;

		if (model == ZCDMA_DEV_PAGES)
			EXPECT(c->in_flight == pinned);
	}
	if (model == ZCDMA_DEV_COMPOUND)
		EXPECT(counts_in_flight(&counts, b.index) == 1);
	flight_arrive(&f);
	WAIT_FOR(in_flight_of(b.index) == 0);
}

static const struct tap_test tests[] = {
	{ "each mapping is counted, page by page", mappings_are_counted, TAP_PAGED },
	{ "each page or compound page is shown", pages_of_a_block, TAP_PAGED },
	{ "there is nothing to count", coherent_memory_has_none, 0x1 },
	{ "what pipes hold is counted, tee included", pages_in_pipes, TAP_PAGED },
	{ "strict: after it was given back only what is in flight counts",
	  strict_leaves_only_what_is_in_flight, TAP_PAGED },
	{ "debugfs shows the states of blocks", states_are_shown, TAP_ALL },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	for (size_t i = 0; i < flight_way_count; i++) {
		way = &flight_ways[i];
		for (unsigned model = ZCDMA_DEV_PAGES; model <= ZCDMA_DEV_SCATTER; model++)
			tap_run(is_counted, model, "%s: pages in %s are counted until they are not",
				tap_models[model], way->name);
	}
	/* The last of them is the pin. */
	tap_run(a_pin_is_told_apart, ZCDMA_DEV_PAGES, "pages: a pin counts 1024 for each page");
	tap_run(a_pin_is_told_apart, ZCDMA_DEV_COMPOUND, "compound: a pin counts one");
	return 0;
}
