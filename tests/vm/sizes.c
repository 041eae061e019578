// SPDX-License-Identifier: GPL-2.0-only
/*
 * sizes: blocks whose size is not a power of two, and memory of which only single pages are left. A ring
 * works, or it is refused with what would fit, and leaves no memory allocated. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/cgroup.h"
#include "shared/counts.h"
#include "shared/memory.h"
#include "shared/ring.h"
#include "shared/tap.h"

#define MIB (1024 * 1024)

/*
 * Set up a ring, and read some blocks of it. Returns @blocks, or, if the memory does not suffice, the
 * number of blocks that the driver says would fit.
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
	const size_t least = ring_align();
	const size_t sizes[] = { least,		  PAGE + least,	  3 * PAGE,
				 MIB + 3 * least, 5 * MIB + PAGE, 9 * MIB + least };

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
 * Fragmented memory: a node of its own, which vm.sh makes (-numa). The test lives in it by a cpuset, so its own
 * pages and those of a ring, which are GFP_USER, come from there alone. What the kernel needs for itself comes
 * from the other node (__cpuset_node_allowed() in kernel/cgroup/cpuset.c), so nothing else runs out.
 */
#define NODE	  1
#define NODE_NAME "Node 1"
#define NODE_DIR  "/sys/devices/system/node/node1"

static size_t node_number(const char *name)
{
	return (size_t)memory_number(NODE_DIR "/meminfo", name) * 1024 / PAGE;
}

/* Return the pages that must stay free in the node, or the allocator reclaims. */
static size_t node_watermark(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	bool here = false;
	char line[256];
	size_t sum = 0, high;
	unsigned node;

	EXPECT(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %u, zone", &node) == 1)
			here = node == NODE;
		if (here && sscanf(line, " high %zu", &high) == 1)
			sum += high;
	}
	fclose(f);
	return sum;
}

static long oom_kills(void)
{
	return memory_number("/proc/vmstat", "oom_kill ");
}

static void live_in_node(void)
{
	if (access(NODE_DIR, F_OK))
		tap_skip("this machine has one node of memory");
	memory_now(); /* drops the caches that this process's pages, which move, would wait for */
	cgroup_join("cpuset", "mems", "1");
	/* If something calls the OOM killer, it must choose this process. */
	memory_write("/proc/self/oom_score_adj", "1000");
}

/*
 * Take all single pages of the node but what must stay free, and free every second one of them. Pages that are
 * locked are not moved: see main().
 */
static void fragment_node(void)
{
	int fd = memfd_create("single pages", MFD_CLOEXEC);
	size_t bytes;
	char *map;

	live_in_node();
	/*
	 * For each of thousands of pieces that it does not find the kernel would look what it can move together, which
	 * is nothing, and poison every free page that it passes. It does not for who may not wait for I/O
	 * (try_to_compact_pages() in mm/compaction.c).
	 */
	EXPECT(!prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0));
	bytes = (node_number(NODE_NAME " MemFree:") - node_watermark() - 256) * PAGE;
	EXPECT(fd >= 0 && !ftruncate(fd, (off_t)bytes));
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED && !mlock(map, bytes));
	for (size_t off = 0; off < bytes; off += 2 * PAGE)
		EXPECT(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
				  PAGE));
}

/* More than what is left in large pieces, and less than what is free. */
#define FRAGMENTED_BLOCK (128 * 1024ul)

static unsigned fragmented_blocks(void)
{
	size_t pages = node_number(NODE_NAME " MemFree:") - node_watermark();

	return (unsigned)(pages * 9 / 10 / (FRAGMENTED_BLOCK / PAGE));
}

static void works_in_fragments(unsigned model)
{
	struct memory before;
	unsigned blocks, fit;
	long kills = oom_kills();

	fragment_node();
	before = memory_now();
	blocks = fragmented_blocks();
	fit = try_ring(model, FRAGMENTED_BLOCK, blocks);
	printf("# %u of %u blocks\n", fit, blocks);
	EXPECT(model != ZCDMA_DEV_SCATTER || fit == blocks);
	/* What fits, fits. */
	if (fit < blocks && fit >= 4)
		EXPECT(try_ring(model, FRAGMENTED_BLOCK, fit / 2) == fit / 2);
	/* A block is 32 pages, and what else goes on was up to 195. */
	for (unsigned i = 0; i < 10; i++)
		try_ring(model, FRAGMENTED_BLOCK, blocks);
	EXPECT(oom_kills() == kills);
	expect_memory_back(&before, 250, 256);
}

/* Refuse a ring that does not fit rather than kill a process for it. */
static void calls_no_oom_killer(unsigned model)
{
	unsigned blocks, fit;
	long kills = oom_kills();

	live_in_node();
	blocks = (unsigned)(node_number(NODE_NAME " MemTotal:") * PAGE / FRAGMENTED_BLOCK);
	fit = try_ring(model, FRAGMENTED_BLOCK, blocks);
	printf("# %u of %u blocks\n", fit, blocks);
	EXPECT(fit > blocks / 2 && fit < blocks);
	EXPECT(oom_kills() == kills);
}

/* Count how often processes had to make room for what they allocate. */
static long reclaims_of_callers(void)
{
	return memory_number("/proc/vmstat", "allocstall_normal ");
}

/* So that the tests above are what they seem: single pages are what there is. */
static void is_in_fragments(unsigned model)
{
	static struct counts counts;
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;
	long reclaims;

	fragment_node();
	setup.block_size = FRAGMENTED_BLOCK;
	setup.blocks = fragmented_blocks();
	reclaims = reclaims_of_callers();
	r = ring_create(O_RDONLY, setup);
	reclaims = reclaims_of_callers() - reclaims;
	counts_read(&counts);
	printf("# %u blocks have %zu pieces\n", setup.blocks, counts.n);
	EXPECT(counts.n > FRAGMENTED_BLOCK / PAGE / 2 * setup.blocks);
	/* A size that is not to be found is looked for once, and not for each block. */
	printf("# memory was reclaimed %ld times\n", reclaims);
	EXPECT(reclaims < (long)setup.blocks);
	ring_end(&r);
}

/* What the tests above change in the kernel's settings while they run. */
static const struct setting {
	const char *path;
	const char *value;
} settings[] = {
	/* Real-time kernels have 0, the others 1. */
	{ "/proc/sys/vm/compact_unevictable_allowed", "0" },
	/*
	 * The first allocation that takes a block of pages from those that can be moved keeps some of them free for
	 * kswapd (boost_watermark() in mm/page_alloc.c), which cannot free what is locked.
	 */
	{ "/proc/sys/vm/watermark_boost_factor", "0" },
	/*
	 * Free pages that processors keep for themselves do not count as free. Since Linux 6.7 each keeps up to 2,000 of
	 * this node (nr_pcp_alloc() in mm/page_alloc.c), more than what stays free there: what is locked then waits for
	 * memory, and who may not wait for I/O is not refused any. Here they keep as few as they can. Since Linux 5.14.
	 */
	{ "/proc/sys/vm/percpu_pagelist_high_fraction", "1000000" },
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

int main(void)
{
	static const struct tap_test tests[] = {
		{ "odd sizes work", odd_sizes_work, TAP_ALL },
		{ "an odd size takes the fewest pieces", takes_the_fewest_pieces,
		  1 << ZCDMA_DEV_SCATTER },
		{ "memory is in fragments", is_in_fragments, 1 << ZCDMA_DEV_SCATTER },
		{ "a ring in fragmented memory works or says what fits", works_in_fragments,
		  TAP_ALL },
		{ "a ring larger than all memory is refused, and no process is killed",
		  calls_no_oom_killer, TAP_ALL },
	};
	char before[SETTINGS][16];

	for (size_t i = 0; i < SETTINGS; i++) {
		if (access(settings[i].path, F_OK))
			continue;
		snprintf(before[i], sizeof(before[i]), "%ld", memory_number(settings[i].path, ""));
		memory_write(settings[i].path, settings[i].value);
	}
	TAP_RUN_ALL(tests);
	for (size_t i = 0; i < SETTINGS; i++) {
		if (!access(settings[i].path, F_OK))
			memory_write(settings[i].path, before[i]);
	}
	return 0;
}
