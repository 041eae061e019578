// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of a user-space ring, whose pages can be replaced while others still read them. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "memory/ring.h"

/* glibc has it from 2.37 on. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define FALLBACK_HUGE_PAGE (2u << 20)
#define LEAST_UNITS	   4

/* A larger ring would take too much of the time until the first block. */
#define COLLAPSE_MOST (64u << 20)

/* Limits of the default number of blocks. */
#define LEAST_BLOCKS 16
#define MOST_BLOCKS  65536
#define DEFAULT_MOST (256ull << 20)

static size_t huge_page_size(void)
{
	char line[32];
	size_t size = 0;

	if (zc_read_line("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", line, sizeof(line)))
		size = strtoul(line, NULL, 10);
	return size ? size : FALLBACK_HUGE_PAGE;
}

static size_t ring_bytes(const struct zc_ring *ring)
{
	return ring->block_size * ring->blocks;
}

/*
 * Map the ring at a multiple of @align (0: wherever the kernel likes), so that huge pages fit. .fd -1 is
 * anonymous memory.
 */
static int map_aligned(struct zc_ring *ring, size_t align, int map_flags)
{
	size_t size = ring_bytes(ring);
	uintptr_t start = 0;

	ring->reserved_size = size + align;
	if (align) {
		ring->reserved = mmap(NULL, ring->reserved_size, PROT_NONE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (ring->reserved == MAP_FAILED)
			return -errno;
		start = ((uintptr_t)ring->reserved + align - 1) / align * align;
		map_flags |= MAP_FIXED;
	}
	ring->base = mmap((void *)start, size, PROT_READ | PROT_WRITE, map_flags, ring->fd, 0);
	/*
	 * What was reserved stays so: MAP_FIXED may have unmapped a part of it before it failed, and
	 * another thread's memory may be there by now.
	 */
	if (ring->base == MAP_FAILED)
		return -errno;
	if (!align)
		ring->reserved = ring->base;
	return 0;
}

static int map_memfd(struct zc_ring *ring, unsigned memfd_flags, size_t align, int map_flags)
{
	int rc;

	ring->fd = memfd_create("zcdma-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING | memfd_flags);
	if (ring->fd < 0)
		return -errno;
	rc = ftruncate(ring->fd, (off_t)ring_bytes(ring)) < 0 ? -errno : 0;
	if (!rc)
		rc = map_aligned(ring, align, MAP_SHARED | map_flags);
	if (rc) {
		close(ring->fd);
		ring->fd = -1;
	}
	return rc;
}

static bool refuses_huge_pages(void)
{
	return prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1;
}

/* Touch the first page, and return its size. Skips the search in a process that has pages of one size only. */
static size_t page_size_got(const struct zc_ring *ring, size_t huge)
{
	struct zc_vma vma;

	if (refuses_huge_pages())
		return (size_t)sysconf(_SC_PAGESIZE);
	*(volatile unsigned char *)ring->base = 0;
	return !zc_vma_find(ring->base, &vma) && vma.huge_bytes ? huge
								: (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * Map pages of the administrator's pool, if there are enough (mmap reserves them, so SIGBUS cannot come
 * later). Not for a path that takes the ring's descriptor: hugetlbfs cannot be spliced from. Not
 * for one that replaces pages: the pool is for what it was reserved for.
 */
static int map_hugetlb(struct zc_ring *ring, unsigned flags, size_t huge)
{
	int rc;

	if (flags & (ZC_USE_REPLACE | ZC_USE_FD) || ring_bytes(ring) % huge)
		return -EINVAL;
	rc = map_memfd(ring, MFD_HUGETLB | (unsigned)__builtin_ctzl(huge) << MFD_HUGE_SHIFT, 0,
		       MAP_POPULATE);
	ring->page_size = huge;
	return rc;
}

/* Sends of io_uring from registered huge pages of the pool (ZC_USE_WRITE) are short, and slow: Linux 6.18. */
static int map_pool(struct zc_ring *ring, unsigned flags, size_t huge)
{
	return flags & ZC_USE_WRITE ? -EINVAL : map_hugetlb(ring, flags, huge);
}

static void advise(struct zc_ring *ring, bool huge)
{
	madvise(ring->base, ring_bytes(ring), huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

/*
 * Map anonymous memory, for a ring whose pages are replaced and that does not need a descriptor: it is cheaper to
 * replace than a file's, and most systems grant huge pages in it on request.
 */
static int map_anonymous(struct zc_ring *ring, unsigned flags, size_t huge)
{
	unsigned per_huge = ring->block_size < huge ? (unsigned)(huge / ring->block_size) : 1;
	bool whole = huge % ring->block_size == 0 || ring->block_size % huge == 0;
	int rc;

	if (flags & (ZC_USE_FD | ZC_USE_SHARE))
		return -EINVAL;
	ring->page_size = (size_t)sysconf(_SC_PAGESIZE);
	rc = map_aligned(ring, huge, MAP_PRIVATE | MAP_ANONYMOUS);
	if (rc)
		return rc;
	/* Few units would leave the device without a block while one waits for its neighbours. */
	whole = whole && ring->blocks % per_huge == 0 && ring->blocks / per_huge >= LEAST_UNITS;
	advise(ring, whole);
	ring->page_size = page_size_got(ring, huge);
	if (ring->page_size == huge)
		ring->unit = per_huge;
	return 0;
}

/*
 * Returns whether a program may keep a processor to itself. The kernel has each one do some work before it collapses pages
 * (madvise_collapse() in mm/khugepaged.c), and waits for it.
 */
static bool has_isolated_cpus(void)
{
	char line[64] = "";

	zc_read_line("/sys/devices/system/cpu/isolated", line, sizeof(line));
	return line[0];
}

/*
 * Have the kernel make a ring whose pages stay of huge ones now, where it gives a memfd none on request, as by default
 * (shmem_enabled): madvise(2), from Linux 6.1 on. It makes none of a hole. All of the ring takes memory then, so it has to be
 * a small part of what there is. Returns whether the kernel did so; else the ring is as before.
 */
static bool collapse(const struct zc_ring *ring, size_t huge)
{
	const size_t size = ring_bytes(ring);

	if (size % huge || size > COLLAPSE_MOST || size > zc_memory_limit() / 8 ||
	    refuses_huge_pages() || has_isolated_cpus())
		return false;
	for (size_t at = 0; at < size; at += huge)
		*(volatile unsigned char *)(ring->base + at) = 0;
	if (!madvise(ring->base, size, MADV_COLLAPSE))
		return true;
	fallocate(ring->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
	return false;
}

/*
 * Map a memfd, for all other rings, with huge pages if the system has them. A ring whose pages are replaced has them
 * only for blocks made of whole ones: punching a hole into a part of a huge page *zeroes* that part first
 * (truncate_inode_partial_folio() in mm/truncate.c), in flight or not.
 */
static int map_shmem(struct zc_ring *ring, unsigned flags, size_t huge)
{
	int rc = map_memfd(ring, 0, huge, 0);

	if (rc)
		return rc;
	advise(ring, !(flags & ZC_USE_REPLACE) || ring->block_size % huge == 0);
	/*
	 * Not for io_uring, as in map_pool(), nor for splice(), which takes them from a file page by page and gains nothing.
	 */
	if (!(flags & (ZC_USE_REPLACE | ZC_USE_WRITE | ZC_USE_FD)) && collapse(ring, huge))
		ring->page_size = huge;
	else
		ring->page_size = page_size_got(ring, huge);
	return 0;
}

static int map_giving(struct zc_ring *ring, unsigned flags, size_t huge)
{
	return flags & ZC_USE_REPLACE ? map_anonymous(ring, flags, huge) : -EINVAL;
}

/*
 * Memory that was asked for by name
 */

static void unmap(struct zc_ring *ring)
{
	munmap(ring->reserved, ring->reserved_size);
	if (ring->fd >= 0)
		close(ring->fd);
	ring->fd = -1;
	ring->base = NULL;
}

static int map_small(struct zc_ring *ring, int rc)
{
	if (rc)
		return rc;
	advise(ring, false);
	ring->page_size = (size_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int map_anon(struct zc_ring *ring, unsigned flags, size_t huge)
{
	(void)huge;
	if (flags & (ZC_USE_FD | ZC_USE_SHARE))
		return -EINVAL;
	return map_small(ring, map_aligned(ring, 0, MAP_PRIVATE | MAP_ANONYMOUS));
}

static int map_small_memfd(struct zc_ring *ring, unsigned flags, size_t huge)
{
	(void)flags;
	(void)huge;
	return map_small(ring, map_memfd(ring, 0, 0, 0));
}

static int map_granted(struct zc_ring *ring, unsigned flags, size_t huge)
{
	int rc = map_anonymous(ring, flags, huge);

	if (rc || ring->page_size == huge)
		return rc;
	unmap(ring);
	return -ENOMEM;
}

/* /var/tmp is where temporary files may be large, and are on a disk: hier(7). */
static const char *file_folder(void)
{
	return getenv("TMPDIR") ?: "/var/tmp";
}

/* Map a file without a name. */
static int map_file(struct zc_ring *ring, unsigned flags, size_t huge)
{
	int rc;

	(void)huge;
	if (flags & ZC_USE_SHARE) /* which nothing keeps from being cut short */
		return -EINVAL;
	ring->fd = open(file_folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (ring->fd < 0)
		return -errno;
	ring->on_disk = true;
	/* A hole would be a SIGBUS where the disk is full. */
	rc = posix_fallocate(ring->fd, 0, (off_t)ring_bytes(ring));
	rc = rc ? -rc : map_small(ring, map_aligned(ring, 0, MAP_SHARED));
	if (rc) {
		close(ring->fd);
		ring->fd = -1;
	}
	return rc;
}

/* Map the first page of [vvar] as every block, as the pages after it may not exist: arch/x86/entry/vdso/vma.c. */
static int map_vvar(struct zc_ring *ring, unsigned flags, size_t huge)
{
	struct zc_vma vvar;
	int rc;

	(void)huge;
	if (flags & (ZC_USE_FD | ZC_USE_SHARE))
		return -EINVAL;
	if (flags & ZC_USE_WRITE) /* it is the kernel's to write */
		return -EACCES;
	rc = zc_vma_find_name("[vvar]", &vvar);
	if (rc)
		return rc;
	ring->base = (unsigned char *)(uintptr_t)vvar.start;
	ring->page_size = (size_t)sysconf(_SC_PAGESIZE);
	ring->block_size = ring->page_size;
	ring->stride = 0;
	return 0;
}

const char *const zc_memory_names[ZC_MEMORIES + 1] = {
	[ZC_MEMORY_ANON] = "anon", [ZC_MEMORY_MEMFD] = "memfd", [ZC_MEMORY_HUGE] = "huge",
	[ZC_MEMORY_FILE] = "file", [ZC_MEMORY_VVAR] = "vvar",
};

#define MOST_BACKINGS 4

/*
 * Ways to map each kind of memory; the first that works counts. The last of "auto" is for a limit on file size
 * (ulimit -f), which counts for a memfd too.
 */
static int (*const backings[ZC_MEMORIES][MOST_BACKINGS])(struct zc_ring *ring, unsigned flags,
							 size_t huge) = {
	[ZC_MEMORY_BEST] = { map_pool, map_giving, map_shmem, map_anonymous },
	[ZC_MEMORY_ANON] = { map_anon },
	[ZC_MEMORY_MEMFD] = { map_small_memfd },
	[ZC_MEMORY_HUGE] = { map_hugetlb, map_granted },
	[ZC_MEMORY_FILE] = { map_file },
	[ZC_MEMORY_VVAR] = { map_vvar },
};

static int map_first(struct zc_ring *ring, enum zc_memory memory, unsigned flags)
{
	int rc = -EINVAL;

	for (unsigned i = 0; i < MOST_BACKINGS && backings[memory][i]; i++) {
		int err = backings[memory][i](ring, flags, huge_page_size());

		if (!err)
			return 0;
		if (err != -EINVAL) /* which says that it is not for this ring */
			rc = err;
	}
	return rc;
}

/* Report that memory of a kind that was asked for by name cannot be allocated. */
static int fail_memory(struct zcdma_ctx *ctx, enum zc_memory memory, int err)
{
	const char *name = zc_memory_names[memory];

	if (err == EINVAL)
		return zc_fail_plain(ctx, EOPNOTSUPP,
				     "memory=%s is in no file, which the path takes blocks from",
				     name);
	if (memory == ZC_MEMORY_FILE) {
		zc_fail(ctx, err, "memory=%s: file in %s", name, file_folder());
		zc_hint(ctx, "set TMPDIR to a folder on a disk that has room for the ring");
		return -err;
	}
	if (memory != ZC_MEMORY_HUGE || err != ENOMEM)
		return zc_fail(ctx, err, "memory=%s", name);
	zc_fail(ctx, err, "memory=%s: not enough huge pages for the ring", name);
	zc_hint(ctx,
		"reserve some: sysctl vm.nr_hugepages=N, and make the ring a multiple of whole pages; or enable /sys/kernel/mm/transparent_hugepage/enabled");
	return -EOPNOTSUPP;
}

static int fail_alloc(struct zcdma_ctx *ctx, const struct zc_ring *ring, int err)
{
	zc_fail(ctx, err, "ring of %u blocks of %zu bytes", ring->blocks, ring->block_size);
	if (err == ENOMEM)
		zc_hint(ctx,
			"take a smaller ring, or raise the limit on address space (ulimit -v)");
	return -err;
}

int zc_ring_alloc(struct zcdma_ctx *ctx, struct zc_ring *ring, enum zc_memory memory,
		  size_t block_size, unsigned blocks, unsigned flags)
{
	uint64_t most = (uint64_t)sysconf(_SC_PHYS_PAGES) / 2 * (uint64_t)sysconf(_SC_PAGESIZE);
	char text[32];
	int rc;

	/* Memory may be more than addresses. */
	most = zc_min(most, (uint64_t)SIZE_MAX / 2);
	*ring = (struct zc_ring){ .fd = -1,
				  .blocks = blocks,
				  .block_size = block_size,
				  .stride = block_size,
				  .unit = 1,
				  .replaces = flags & ZC_USE_REPLACE };
	if (block_size > most / blocks) {
		fail_alloc(ctx, ring, ENOMEM);
		zc_hint(ctx, "a ring may take half of this machine's memory: %s",
			zcdma_size_format(most, text, sizeof(text)));
		return -ENOMEM;
	}
	ring->put_back = calloc(blocks, sizeof(*ring->put_back));
	if (!ring->put_back)
		return fail_alloc(ctx, ring, ENOMEM);
	rc = map_first(ring, memory, flags);
	if (!rc)
		return 0;
	free(ring->put_back);
	ring->base = NULL;
	return memory == ZC_MEMORY_BEST ? fail_alloc(ctx, ring, -rc)
					: fail_memory(ctx, memory, -rc);
}

void zc_ring_free(struct zc_ring *ring)
{
	if (!ring->base)
		return;
	unmap(ring);
	free(ring->put_back);
}

unsigned zc_ring_default_blocks(uint64_t rate, uint64_t block_size)
{
	const uint64_t most = zc_min(zc_memory_limit() / 8, DEFAULT_MOST);
	const uint64_t blocks = zc_min(rate / 4, most) / block_size;

	return blocks < LEAST_BLOCKS ? LEAST_BLOCKS : (unsigned)zc_min(blocks, MOST_BLOCKS);
}

static int replace_in_file(const struct zc_ring *ring, off_t offset, off_t size)
{
	if (fallocate(ring->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size) < 0)
		return -errno;
	/* Where others have filled the disk meanwhile, writing to the hole would be a SIGBUS. */
	return ring->on_disk ? -posix_fallocate(ring->fd, offset, size) : 0;
}

/*
 * Replace the pages of @count blocks from @first on. The old pages leave the file, or the mapping;
 * what holds a reference to them keeps them.
 */
static int replace_pages(struct zc_ring *ring, unsigned first, unsigned count)
{
	bool huge = ring->page_size > (size_t)sysconf(_SC_PAGESIZE);
	void *start = zc_ring_block(ring, first);
	size_t size = count * ring->block_size;

	if (ring->fd >= 0)
		return replace_in_file(ring, (off_t)(first * ring->block_size), (off_t)size);
	if (mmap(start, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED) {
		int err = errno;

		ring->reserved_size = 0; /* as in map_aligned(): not ours to unmap any more */
		return -err;
	}
	madvise(start, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

int zc_ring_renew(struct zc_ring *ring, unsigned index, unsigned *first)
{
	unsigned unit = index / ring->unit;
	int rc;

	/* Its blocks may share huge pages, a part of which cannot be replaced. */
	if (!ring->replaces)
		return -EINVAL;
	if (++ring->put_back[unit] < ring->unit)
		return 0;
	ring->put_back[unit] = 0;
	*first = unit * ring->unit;
	rc = replace_pages(ring, *first, ring->unit);
	return rc ? rc : (int)ring->unit;
}
