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

static char *hog;
static size_t hog_bytes;

static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = -1;

	while (kib < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)))
			kib = strtol(line + strlen(name), NULL, 10);
	}
	fclose(f);
	EXPECT(kib >= 0);
	return kib;
}

static void set_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	EXPECT(fd >= 0 && write(fd, value, strlen(value)) > 0 && !close(fd));
}

/* Locked, so that compaction does not move it, once it is told to leave such pages alone. */
static void take_memory(char *at, size_t bytes, int advice)
{
	EXPECT(!madvise(at, bytes, advice));
	EXPECT(!mlock(at, bytes));
}

/*
 * Nearly all memory is taken: most in huge pages, as that is quick, and then in single ones, of which
 * every second is let go.
 */
static void fragment_memory(size_t single)
{
	size_t leave = 64 * MIB, huge;
	char *at;

	set_sysctl("/proc/sys/vm/drop_caches", "3");
	set_sysctl("/proc/sys/vm/compact_unevictable_allowed", "0");
	hog_bytes = (size_t)meminfo("MemFree:") * 1024 - leave;
	hog_bytes -= hog_bytes % (2 * MIB);
	huge = hog_bytes - single;
	hog = mmap(NULL, hog_bytes + 2 * MIB, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	EXPECT(hog != MAP_FAILED);
	at = hog + (-(uintptr_t)hog & (2 * MIB - 1));
	take_memory(at, huge, MADV_HUGEPAGE);
	take_memory(at + huge, single, MADV_NOHUGEPAGE);
	for (size_t off = huge; off < hog_bytes; off += 2 * PAGE) {
		EXPECT(!munlock(at + off, PAGE));
		EXPECT(!madvise(at + off, PAGE, MADV_DONTNEED));
	}
}

/* More than what was left alone, less than what was let go. */
static void works_in_fragments(unsigned model)
{
	const unsigned blocks = 100;
	unsigned fit;
	long before;

	fragment_memory(2 * 160 * MIB);
	before = meminfo("MemFree:");
	fit = try_ring(model, MIB, blocks);
	printf("# %u of %u blocks\n", fit, blocks);
	EXPECT(model != ZCDMA_DEV_SCATTER || fit == blocks);
	/* What fits, fits. */
	if (fit < blocks && fit >= 4)
		EXPECT(try_ring(model, MIB, fit / 2) == fit / 2);
	WAIT_FOR(meminfo("MemFree:") > before - 8 * 1024);
	set_sysctl("/proc/sys/vm/compact_unevictable_allowed", "1");
}

/* So that the tests above are what they seem: single pages are what there is. */
static void is_in_fragments(unsigned model)
{
	static struct counts counts;
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;

	fragment_memory(2 * 160 * MIB);
	setup.block_size = MIB;
	setup.blocks = 100;
	r = ring_create(O_RDONLY, setup);
	counts_read(&counts);
	printf("# 100 blocks have %zu pieces\n", counts.n);
	EXPECT(counts.n > 1000);
	ring_end(&r);
	set_sysctl("/proc/sys/vm/compact_unevictable_allowed", "1");
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
