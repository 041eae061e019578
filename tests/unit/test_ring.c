// SPDX-License-Identifier: GPL-2.0-only
/* Pages that are given away keep their contents for whoever still reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memory/block_pool.h"
#include "memory/ring.h"
#include "context.h"
#include "lab.h"

/* Put the first page of a block into a pipe, without copying it. */
static int spliced(const struct zc_ring *ring, unsigned index)
{
	struct iovec iov = { .iov_base = zc_ring_block(ring, index), .iov_len = 4096 };
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(vmsplice(fd[1], &iov, 1, 0), 4096);
	close(fd[1]);
	return fd[0];
}

static void assert_holds(int fd, int byte)
{
	unsigned char page[4096];

	assert_int_equal(read(fd, page, sizeof(page)), sizeof(page));
	for (size_t i = 0; i < sizeof(page); i++)
		assert_int_equal(page[i], byte);
	close(fd);
}

/* Fill, splice, give away, fill anew: the pipe must still hold what was spliced. */
static void check_ring(unsigned flags, size_t block_size, unsigned blocks)
{
	struct zc_ring ring;
	unsigned first;
	int renewed = 0, fd[64];

	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_BEST, block_size, blocks, flags), 0);
	for (unsigned i = 0; i < blocks; i++) {
		memset(zc_ring_block(&ring, i), 'A', block_size);
		fd[i] = spliced(&ring, i);
	}
	for (unsigned i = 0; i < blocks; i++)
		renewed += zc_ring_renew(&ring, i, &first);
	assert_int_equal(renewed, blocks);
	for (unsigned i = 0; i < blocks; i++) {
		memset(zc_ring_block(&ring, i), 'B', block_size);
		assert_holds(fd[i], 'A');
	}
	zc_ring_free(&ring);
}

static void anonymous_blocks(void **state)
{
	(void)state;
	check_ring(ZC_USE_REPLACE, 1 << 20, 16);
	check_ring(ZC_USE_REPLACE, 4096, 3);
	check_ring(ZC_USE_REPLACE, 12288, 7);
	check_ring(ZC_USE_REPLACE, 4 << 20, 4);
}

static void memfd_blocks(void **state)
{
	(void)state;
	check_ring(ZC_USE_REPLACE | ZC_USE_FD, 1 << 20, 16);
	check_ring(ZC_USE_REPLACE | ZC_USE_FD, 12288, 7);
	check_ring(ZC_USE_REPLACE | ZC_USE_FD, 4 << 20, 4);
}

/* The counter-proof: without giving it away, the pipe's page is the very one that is written to. */
static void reuse_shows_in_the_pipe(void **state)
{
	struct zc_ring ring;
	int fd;

	(void)state;
	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_BEST, 4096, 2, ZC_USE_REPLACE), 0);
	memset(zc_ring_block(&ring, 0), 'A', 4096);
	fd = spliced(&ring, 0);
	memset(zc_ring_block(&ring, 0), 'B', 4096);
	assert_holds(fd, 'B');
	zc_ring_free(&ring);
}

/* Blocks that share a huge page get fresh ones together, with the last of them. */
static void units_are_renewed_together(void **state)
{
	struct zc_ring ring;
	unsigned first = 99;

	(void)state;
	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_BEST, 4096, 12, ZC_USE_REPLACE), 0);
	ring.unit = 4;
	assert_int_equal(zc_ring_renew(&ring, 5, &first), 0);
	assert_int_equal(zc_ring_renew(&ring, 1, &first), 0);
	assert_int_equal(zc_ring_renew(&ring, 4, &first), 0);
	assert_int_equal(zc_ring_renew(&ring, 7, &first), 0);
	assert_int_equal(first, 99);
	assert_int_equal(zc_ring_renew(&ring, 6, &first), 4);
	assert_int_equal(first, 4);
	zc_ring_free(&ring);
}

static void too_large(void **state)
{
	struct zc_ring ring;

	(void)state;
	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_BEST, SIZE_MAX / 65536 + 1, 65536, 0),
			 -ENOMEM);
	assert_non_null(strstr(zcdma_error(ctx), "ring of 65536 blocks"));
	assert_non_null(zcdma_hint(ctx));
	zc_ring_free(&ring);
}

static void every_block_is_memory_of_its_own(void **state)
{
	struct zc_ring ring;
	unsigned char byte;

	(void)state;
	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_BEST, 8192, 5, 0), 0);
	for (unsigned i = 0; i < 5; i++)
		memset(zc_ring_block(&ring, i), 'a' + (int)i, 8192);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(pread(ring.fd, &byte, 1, (off_t)(i * 8192 + 8191)), 1);
		assert_int_equal(byte, 'a' + i);
	}
	zc_ring_free(&ring);
}

static void *do_nothing(void *arg)
{
	return arg;
}

/* A ring comes and goes, and so do threads, whose stacks are mappings too. */
static void *churn(void *arg)
{
	struct zcdma_ctx *own;
	struct zc_ring ring;
	pthread_t thread;

	if (zcdma_new(&own))
		return "no context";
	for (int i = 0; i < 2000; i++) {
		if (zc_ring_alloc(own, &ring, ZC_MEMORY_BEST, 1 << 20, 16, 0))
			return "no ring";
		if (pthread_create(&thread, NULL, do_nothing, arg))
			return "no thread";
		pthread_join(thread, NULL);
		zc_ring_free(&ring);
	}
	zcdma_free(own);
	return NULL;
}

static void rings_leave_other_mappings_alone(void **state)
{
	pthread_t thread[4];
	void *error;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, churn, NULL), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &error);
		assert_null(error);
	}
}

/* Its owner frees what it has, whether or not that was allocated. */
/* Returns whether a mapping shows what was advised for it. QEMU takes it from the programs that it runs, and does nothing. */
static bool advice_is_shown(void)
{
	const size_t len = 1 << 20;
	void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zc_vma vma;
	bool is_shown;

	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(madvise(map, len, MADV_NOHUGEPAGE), 0);
	assert_int_equal(zc_vma_find(map, &vma), 0);
	is_shown = zc_vmflags_have(vma.flags, "nh");
	assert_int_equal(munmap(map, len), 0);
	return is_shown;
}

/* What the kernel is advised of a ring's pages, as far as it knows transparent huge pages. */
static void pages_are_as_they_were_asked_for(void **state)
{
	static const struct {
		enum zc_memory memory;
		unsigned flags;
		const char *flag;
	} cases[] = {
		{ ZC_MEMORY_ANON, 0, "nh" },
		{ ZC_MEMORY_MEMFD, 0, "nh" },
		{ ZC_MEMORY_BEST, ZC_USE_FD, "hg" },
		{ ZC_MEMORY_BEST, ZC_USE_FD | ZC_USE_REPLACE, "nh" },
	};

	(void)state;
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) || !advice_is_shown())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zc_ring ring;
		struct zc_vma vma;

		assert_int_equal(
			zc_ring_alloc(ctx, &ring, cases[i].memory, 1 << 20, 16, cases[i].flags), 0);
		assert_int_equal(zc_vma_find(ring.base, &vma), 0);
		assert_true(zc_vmflags_have(vma.flags, cases[i].flag));
		zc_ring_free(&ring);
	}
}

static void pool_without_a_ring(void **state)
{
	struct zc_pool pool;

	(void)state;
	assert_int_equal(zc_pool_alloc(ctx, &pool, ZC_MEMORY_BEST, SIZE_MAX / 2, 2, 0), -ENOMEM);
	assert_null(pool.unused);
	zc_pool_free(&pool);
}

static void pool_replaces_pages(void **state)
{
	struct zc_pool pool;
	uint32_t index;
	int fd;

	(void)state;
	assert_int_equal(zc_pool_alloc(ctx, &pool, ZC_MEMORY_BEST, 4096, 2, ZC_USE_REPLACE), 0);
	index = zc_pool_take(&pool);
	memset(zc_ring_block(&pool.ring, index), 'A', 4096);
	fd = spliced(&pool.ring, index);
	assert_int_equal(pool.unused_count, 1);
	zc_pool_put(&pool, index, ZC_PUT_REPLACE);
	assert_int_equal(pool.unused_count, 2);
	memset(zc_ring_block(&pool.ring, index), 'B', 4096);
	assert_holds(fd, 'A');
	zc_pool_free(&pool);
}

static void write_file(const char *root, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_folder(const char *root, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void remove_path(const char *root, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(remove(path), 0);
}

/* A limit holds for all groups below. */
static void the_smallest_limit_of_nested_cgroups(void **state)
{
	static const char *const names[] = { "a/b/memory.max", "a/b", "a/memory.max", "a", "" };
	char root[] = "/tmp/zcdma-cgroup-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(root));
	make_folder(root, "a");
	make_folder(root, "a/b");
	assert_true(zc_cgroup_memory_max(root, "/a/b") == UINT64_MAX);
	write_file(root, "a/memory.max", "67108864\n");
	write_file(root, "a/b/memory.max", "max\n");
	assert_int_equal(zc_cgroup_memory_max(root, "/a/b"), 64 << 20);
	assert_true(zc_cgroup_memory_max(root, "/") == UINT64_MAX);
	write_file(root, "a/b/memory.max", "4096\n");
	assert_int_equal(zc_cgroup_memory_max(root, "/a/b"), 4096);
	assert_int_equal(zc_cgroup_memory_max(root, "/a"), 64 << 20);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove_path(root, names[i]);
}

/* A quarter of a second, within limits. */
static void as_many_blocks_as_the_rate_asks_for(void **state)
{
	const uint64_t limit = zc_memory_limit() / 8;

	(void)state;
	assert_int_equal(zc_ring_default_blocks(0, 1 << 20), 16);
	assert_int_equal(zc_ring_default_blocks(256 << 20, 1 << 20),
			 zc_max(16, zc_min(64, limit >> 20)));
	assert_int_equal(zc_ring_default_blocks(1ull << 40, 1 << 20),
			 zc_max(16, zc_min(256, limit >> 20)));
}

/*
 * Check that who gets the descriptor of a ring cannot write to it: by a mapping, or the file. Where pages are replaced by
 * punching holes into it, that cannot be kept.
 */
static void a_shared_ring_is_not_writable(void **state)
{
	for (unsigned replace = 0; replace < 2; replace++) {
		struct zc_ring_desc desc;
		struct zcdma_source *shared;
		void *map;
		int fd;

		assert_int_equal(lab_open(ctx, "sim:block=64K,blocks=4",
					  ZC_USE_SHARE | (replace ? ZC_USE_REPLACE : 0), &shared),
				 0);
		fd = shared->ops->share(shared, &desc);
		assert_in_range(fd, 0, INT_MAX);
		assert_int_equal(shared->ops->share(shared, &desc), fd);
		map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_int_equal(map != MAP_FAILED, replace);
		if (replace)
			munmap(map, 65536);
		else
			assert_int_equal(pwrite(fd, "x", 1, 0), -1);
		map = mmap(NULL, 65536, PROT_READ, MAP_SHARED, fd, 0);
		assert_ptr_not_equal(map, MAP_FAILED);
		munmap(map, 65536);
		zcdma_source_close(shared);
	}
	(void)state;
}

#define HUGE_PAGE (2u << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Returns whether the kernel makes a huge page in a memfd on demand. */
static bool can_collapse(void)
{
	int fd = memfd_create("page", MFD_CLOEXEC);
	unsigned char *room =
		mmap(NULL, 2 * HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *at = room + (HUGE_PAGE - (uintptr_t)room % HUGE_PAGE) % HUGE_PAGE;
	bool can;

	assert_int_equal(ftruncate(fd, HUGE_PAGE), 0);
	assert_ptr_equal(mmap(at, HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
			 at);
	*at = 1;
	can = !madvise(at, HUGE_PAGE, MADV_COLLAPSE);
	munmap(room, 2 * HUGE_PAGE);
	close(fd);
	return can;
}

static size_t page_size_of(size_t block_size, unsigned blocks, unsigned flags)
{
	struct zc_ring ring;
	size_t size;

	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_BEST, block_size, blocks, flags), 0);
	size = ring.page_size;
	zc_ring_free(&ring);
	return size;
}

static void huge_pages_where_pages_stay(void **state)
{
	(void)state;
	if (!can_collapse())
		skip();
	assert_int_equal(page_size_of(1 << 20, 4, ZC_USE_MAP), HUGE_PAGE);
	assert_int_equal(page_size_of(64 << 10, 64, 0), HUGE_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anonymous_blocks),
		cmocka_unit_test(memfd_blocks),
		cmocka_unit_test(reuse_shows_in_the_pipe),
		cmocka_unit_test(units_are_renewed_together),
		cmocka_unit_test(too_large),
		cmocka_unit_test(the_smallest_limit_of_nested_cgroups),
		cmocka_unit_test(as_many_blocks_as_the_rate_asks_for),
		cmocka_unit_test(pages_are_as_they_were_asked_for),
		cmocka_unit_test(pool_without_a_ring),
		cmocka_unit_test(pool_replaces_pages),
		cmocka_unit_test(every_block_is_memory_of_its_own),
		cmocka_unit_test(rings_leave_other_mappings_alone),
		cmocka_unit_test(a_shared_ring_is_not_writable),
		cmocka_unit_test(huge_pages_where_pages_stay),
	};

	return cmocka_run_group_tests_name("ring", tests, make_ctx, free_ctx);
}
