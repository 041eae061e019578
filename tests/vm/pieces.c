// SPDX-License-Identifier: GPL-2.0-only
/*
 * pieces: what a block of many pieces costs. The module is the one with faults, which takes single pages
 * for pieces, as a machine with fragmented memory has them. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/tap.h"

#define BYTES (128 * 1024 * 1024ul)
#define SMALL (128 * 1024ul)

/* Milliseconds of this thread's CPU time that mapping a ring takes. */
static double time_of_mapping(const struct ring *r)
{
	struct timespec t[2];
	char *map;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t[0]);
	map = ring_map(r, PROT_READ);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t[1]);
	EXPECT(!munmap(map, r->setup.ring_bytes));
	return (double)(t[1].tv_sec - t[0].tv_sec) * 1e3 +
	       (double)(t[1].tv_nsec - t[0].tv_nsec) / 1e6;
}

/* The least of some, for a ring of BYTES in blocks of @block_size. */
static double least_time(size_t block_size)
{
	struct zcdma_dev_setup setup = ring_wanted(ZCDMA_DEV_SCATTER);
	double least = 1e9;
	struct ring r;

	setup.block_size = block_size;
	setup.blocks = (__u32)(BYTES / block_size);
	r = ring_create(O_RDONLY, setup);
	EXPECT(r.setup.chunks == block_size / PAGE);
	for (unsigned i = 0; i < 5; i++) {
		double ms = time_of_mapping(&r);

		least = ms < least ? ms : least;
	}
	ring_end(&r);
	return least;
}

/*
 * With a search through all the pieces before it, a piece of a large block costs some 80 times as much (65,536 pieces
 * of one block took 6.3 s). The host may take the processor away meanwhile, which the guest takes for its own time.
 */
static void a_piece_costs_the_same(unsigned unused)
{
	double many = least_time(SMALL), two = least_time(BYTES / 2);

	(void)unused;
	printf("# in two blocks: %.2f ms; in %lu: %.2f ms\n", two, BYTES / SMALL, many);
	EXPECT(two < 20 * many);
}

int main(void)
{
	tap_run(a_piece_costs_the_same, 0,
		"a block of many pieces is mapped as fast as many blocks");
	return 0;
}
