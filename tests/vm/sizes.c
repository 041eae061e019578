// SPDX-License-Identifier: GPL-2.0-only
/*
 * sizes: blocks that are no power of two, and memory of which only single pages are left. A ring works,
 * or it is refused with what would fit, and leaves nothing behind. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/counts.h"
#include "shared/memory.h"
#include "shared/ring.h"
#include "shared/tap.h"

#define MIB (1024 * 1024)

/*
 * A ring works, or there is no memory for all of it, and for what there is it works. How many blocks it
 * had.
 */
static unsigned try_ring(unsigned model, size_t block_size, unsigned blocks)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r = { .fd = ring_open(O_RDONLY) };
	int rc;

	setup.block_size = block_size;
	setup.blocks = blocks;
	r.setup = setup;
	rc = ring_setup(r.fd, &r.setup);
	if (rc) {
		EXPECT(rc == -ENOMEM && r.setup.blocks_fit < blocks);
		EXPECT(ring_stats(r.fd).ring_blocks == 0);
		EXPECT(!close(r.fd));
		return r.setup.blocks_fit;
	}
	r.map = ring_map(&r, PROT_READ);
	ring_go(&r);
	for (unsigned i = 0; i < 3; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.length == block_size);
		EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	ring_end(&r);
	return blocks;
}

static void odd_sizes_work(unsigned model)
{
	static const size_t sizes[] = { 64,	   PAGE + 64,	   3 * PAGE,
					MIB + 192, 5 * MIB + PAGE, 9 * MIB + 64 };

	/* A block of coherent memory is one allocation, of which 4 MiB is the largest. */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		EXPECT(try_ring(model, sizes[i], 2) == 2 || model == ZCDMA_DEV_COHERENT);
}

static void takes_the_fewest_pieces(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;

	setup.block_size = 5 * MIB + PAGE;
	setup.blocks = 2;
	r = ring_create(O_RDONLY, setup);
	EXPECT(r.setup.stride == setup.block_size && r.setup.chunks == 3);
	ring_end(&r);
}

/*
 * Fragmented memory
 */

/*
 * Nearly all memory is taken: most in huge pages, as that is quick; and @single bytes in single ones, of
 * which every second is let go. Compaction is told to leave alone what is locked.
 */
static void fragment_memory(size_t single)
{
	const size_t leave = 64 * MIB;
	int fd = memfd_create("single pages", MFD_CLOEXEC);
	size_t huge;
	char *map;

	memory_write("/proc/sys/vm/compact_unevictable_allowed", "0");
	huge = (size_t)memory_now().free * PAGE - leave - single;
	map = mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(map != MAP_FAILED && !madvise(map, huge, MADV_HUGEPAGE) && !mlock(map, huge));

	EXPECT(fd >= 0 && !ftruncate(fd, (off_t)single));
	map = mmap(NULL, single, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED && !mlock(map, single));
	for (size_t off = 0; off < single; off += 2 * PAGE)
		EXPECT(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
				  PAGE));
}

/*
 * More than what was left alone, less than what was let go. Larger blocks have lists of pieces that the
 * guarded slabs of this VM have no room for: they want several pages.
 */
#define FRAGMENTED_BLOCK  (128 * 1024ul)
#define FRAGMENTED_BLOCKS 560

static void works_in_fragments(unsigned model)
{
	const unsigned blocks = FRAGMENTED_BLOCKS;
	unsigned fit;
	struct memory before;

	fragment_memory(2 * 160ul * MIB);
	before = memory_now();
	fit = try_ring(model, FRAGMENTED_BLOCK, blocks);
	printf("# %u of %u blocks\n", fit, blocks);
	EXPECT(model != ZCDMA_DEV_SCATTER || fit == blocks);
	/* What fits, fits. */
	if (fit < blocks && fit >= 4)
		EXPECT(try_ring(model, FRAGMENTED_BLOCK, fit / 2) == fit / 2);
	/* A block is 32 pages, and what else goes on was up to 195. */
	for (unsigned i = 0; i < 10; i++)
		try_ring(model, FRAGMENTED_BLOCK, blocks);
	expect_memory_back(&before, 250, 256);
	memory_write("/proc/sys/vm/compact_unevictable_allowed", "1");
}

/* So that the tests above are what they seem: single pages are what there is. */
static void is_in_fragments(unsigned model)
{
	static struct counts counts;
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;

	fragment_memory(2 * 160ul * MIB);
	setup.block_size = FRAGMENTED_BLOCK;
	setup.blocks = FRAGMENTED_BLOCKS;
	r = ring_create(O_RDONLY, setup);
	counts_read(&counts);
	printf("# %u blocks have %zu pieces\n", setup.blocks, counts.n);
	EXPECT(counts.n > 3 * setup.blocks);
	ring_end(&r);
	memory_write("/proc/sys/vm/compact_unevictable_allowed", "1");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "odd sizes work", odd_sizes_work, TAP_ALL },
		{ "an odd size takes the fewest pieces", takes_the_fewest_pieces,
		  1 << ZCDMA_DEV_SCATTER },
		{ "memory is in fragments", is_in_fragments, 1 << ZCDMA_DEV_SCATTER },
		{ "a ring in fragmented memory works or says what fits", works_in_fragments,
		  TAP_ALL },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
