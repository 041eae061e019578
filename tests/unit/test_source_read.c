// SPDX-License-Identifier: GPL-2.0-only
/* A device that has only read(): what each call returns is a block, and one that waits can be stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <termios.h>
#include <zcdma.h>
#include <zcdma/verify.h>

#include "source/source.h"

#include "pair.h"
#include "source_figures.h"
#include "transfer.h"

#include "slow_reader.h"

#define SEED  3
#define BLOCK 16384u

/* What /dev/zero does here: it has the pattern, and ends or fails after the number of blocks in most. */
static atomic_uint reads, most;
static atomic_int error;

/* This comes before that of the C library, and is a place to cancel a thread as well. */
ssize_t read(int fd, void *buf, size_t len)
{
	struct iovec v = { buf, len };
	struct stat st;
	unsigned n;

	if (fstat(fd, &st) < 0 || st.st_rdev != makedev(1, 5))
		return readv(fd, &v, 1);
	n = reads++;
	errno = error;
	if (n >= most)
		return error ? -1 : 0;
	zcdma_pattern_fill(buf, len, (uint64_t)n * len, SEED);
	return (ssize_t)len;
}

/* Fresh pages cannot be had; and whether memory of an interval is unmapped. */
static bool no_pages, unmapped;
static const unsigned char *watched;

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (no_pages && flags & MAP_FIXED) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
#ifdef SYS_mmap2 /* of 32 bits, with an offset in units of 4 KiB */
	return (void *)syscall(SYS_mmap2, at, len, prot, flags, fd, (long)(offset >> 12));
#else
	return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
#endif
}

int munmap(void *at, size_t len)
{
	const unsigned char *start = at;

	unmapped |= watched && watched >= start && watched < start + len;
	return (int)syscall(SYS_munmap, at, len);
}

static void open_device(unsigned blocks, int err)
{
	reads = 0;
	most = blocks;
	error = err;
	assert_int_equal(zcdma_source_open(ctx, "read:/dev/zero,block=16K,blocks=4", &src), 0);
}

static struct zcdma_source_stats stats(void)
{
	return source_stats(src);
}

/* What MAP_FIXED had unmapped before it failed may be another mapping by now: it is not unmapped at the end. */
static void test_pages_that_cannot_be_replaced(void **state)
{
	struct zcdma_block b[4], more;

	(void)state;
	open_device(UINT_MAX, 0);
	assert_int_equal(zc_source_activate(src, ZC_USE_REPLACE), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(zcdma_source_next(src, 10000, &b[i]), 1);
	watched = b[0].data;
	no_pages = true;
	for (unsigned i = 0; i < 4; i++)
		zc_source_put(src, &b[i], ZC_PUT_REPLACE);
	no_pages = false;
	assert_int_equal(zcdma_source_next(src, 10000, &more), -ENOMEM);
	zcdma_source_close(src);
	src = NULL;
	watched = NULL;
	assert_false(unmapped);
}

static void test_blocks(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_device(20, 0);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(zcdma_source_next(src, 10000, &b), 1);
		assert_int_equal(b.len, BLOCK);
		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, i * BLOCK);
		assert_int_equal(zcdma_pattern_match(b.data, b.len, b.offset, SEED), BLOCK);
		assert_int_equal(zcdma_block_release(src, &b), 0);
	}
	assert_int_equal(zcdma_source_next(src, 10000, &b), 0);
	/* Only the driver knows. */
	assert_true(stats().overruns == ZCDMA_UNKNOWN);
	assert_true(stats().lost_bytes == ZCDMA_UNKNOWN);
	assert_true(stats().discontinuities == ZCDMA_UNKNOWN);
	assert_non_null(stats().loss_reason);
	assert_int_equal(stats().unknown_bytes, 20 * BLOCK);
	assert_int_equal(stats().copied_bytes, 0);
	assert_int_equal(stats().kernel_copied_bytes, 0);
	assert_non_null(strstr(stats().copies_reason, "unknown whether the driver copies"));
}

/* What came before an error is delivered. */
static void test_error(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_device(3, EINVAL);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(zcdma_source_next(src, 10000, &b), 1);
		assert_int_equal(zcdma_block_release(src, &b), 0);
	}
	assert_int_equal(zcdma_source_next(src, 10000, &b), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "read read:/dev/zero"));
	assert_non_null(strstr(zcdma_hint(ctx), "block="));
	assert_int_equal(zcdma_source_next(src, 10000, &b), -EINVAL);
}

/* A caller that holds all blocks cannot wait for one, and the device is not read from. */
static void test_all_held(void **state)
{
	struct zcdma_block b[4], more;

	(void)state;
	open_device(100, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(zcdma_source_next(src, 10000, &b[i]), 1);
	assert_int_equal(zcdma_source_next(src, -1, &more), -ENOBUFS);
	assert_int_equal(reads, 4);
	assert_int_equal(zcdma_block_release(src, &b[2]), 0);
	assert_int_equal(zcdma_source_next(src, 10000, &more), 1);
	assert_int_equal(more.offset, 4 * BLOCK);
}

/* Open one end of a terminal, which passes bytes on as they come. Returns the other. */
static int open_terminal(void)
{
	struct termios raw;
	char name[64], spec[96];
	int master, slave;

	assert_int_equal(openpty(&master, &slave, name, NULL, NULL), 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	snprintf(spec, sizeof(spec), "read:%s,block=4K,blocks=2", name);
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	close(slave);
	return master;
}

/* What one read() returns is one block, as packets of a device are. */
static void test_short(void **state)
{
	struct zcdma_block b;
	int master = open_terminal();

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(write(master, "packet", 6), 6);
		assert_int_equal(zcdma_source_next(src, 10000, &b), 1);
		assert_int_equal(b.len, 6);
		assert_int_equal(b.offset, i * 6);
		assert_memory_equal(b.data, "packet", 6);
		assert_int_equal(zcdma_block_release(src, &b), 0);
	}
	close(master);
}

/* A device that has nothing is not waited for. */
static void test_stop(void **state)
{
	struct zcdma_block b;
	int master = open_terminal();

	(void)state;
	assert_int_equal(zcdma_source_start(src), 0);
	assert_int_equal(zcdma_source_next(src, 10, &b), -ETIMEDOUT);
	zcdma_source_stop(src);
	assert_int_equal(zcdma_source_next(src, 10000, &b), 0);
	close(master);
}

/* What was read before a stop is delivered after it. */
static void test_rest(void **state)
{
	struct zcdma_block b;
	int master = open_terminal();

	(void)state;
	assert_int_equal(zcdma_source_start(src), 0);
	assert_int_equal(write(master, "rest", 4), 4);
	while (stats().next_seq == 0)
		usleep(1000);
	zcdma_source_stop(src);
	assert_int_equal(zcdma_source_next(src, 10000, &b), 1);
	assert_int_equal(b.len, 4);
	assert_int_equal(zcdma_source_next(src, 10000, &b), 0);
	close(master);
}

static void test_refused(void **state)
{
	static const struct {
		const char *spec, *text;
		int rc;
	} wrong[] = {
		{ "read:", "does not name a device", -EINVAL },
		{ "read:/nonexistent", "open /nonexistent: No such file", -ENOENT },
		{ "read:/proc/self/exe", "not a character device", -EINVAL },
		{ "read:/tmp", "not a character device", -EINVAL },
		{ "read:/dev/zero,block=5000", "block=5000 is not valid", -EINVAL },
		{ "read:/dev/zero,block=2G", "block=2G is not valid", -ERANGE },
		{ "read:/dev/zero,blocks=1", "blocks=1 is not valid", -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_not_equal(zcdma_source_open(ctx, wrong[i].spec, &src), 0);
		src = NULL;
		if (!strstr(zcdma_error(ctx), wrong[i].text))
			fail_msg("not \"%s\" in \"%s\"", wrong[i].text, zcdma_error(ctx));
	}
}

/* The thread reads into a block as soon as it is free, while the receiver has not read yet. */
static void test_reuse(void **state)
{
	const char *const paths[] = { "copy", "zerocopy", "vmsplice", "splice", "sendfile" };
	const size_t all = 48 * BLOCK;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		open_device(48, 0);
		send_all(paths[i]);
		assert_int_equal(received_len, all);
		assert_int_equal(zcdma_pattern_match(received, all, 0, SEED), all);
		close_transfer(NULL);
		open_transfer(NULL);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, close_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blocks),
		TEST(test_error),
		TEST(test_all_held),
		TEST(test_short),
		TEST(test_pages_that_cannot_be_replaced),
		TEST(test_stop),
		TEST(test_rest),
		TEST(test_refused),
		TEST(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
