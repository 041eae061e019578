// SPDX-License-Identifier: GPL-2.0-only
/* Paths that are closed before their end: each block that nothing reads any more is the source's again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "path/path.h"
#include "program.h"

#define BLOCKS 4u

/* Close the path. Returns how many blocks of the ring come then; they stay the program's. */
static unsigned count_after_close(void)
{
	unsigned count = 0;

	zcdma_path_close(path);
	path = NULL;
	while (count < BLOCKS && zcdma_source_next(src, 1000, &b) == 1)
		count++;
	return count;
}

/* Send blocks until the path has a part of one and no room for more. */
static void send_until_full(void)
{
	int rc = 0;

	zcdma_path_set_timeout(path, 1);
	while (!rc) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
	}
	assert_int_equal(rc, -ETIMEDOUT);
	assert_true(path->sent > 0);
}

/* Wait until the kernel has dropped what it had to send, and the completions of that have come. */
static void wait_for_completions(void)
{
	const uint64_t limit = zc_now_ns() + LIMIT_MS * UINT64_C(1000000);

	while (stats().pending_calls) {
		assert_true(zc_now_ns() < limit);
		(void)!zcdma_path_process(path);
		usleep(1000);
	}
}

/*
 * A receiver that goes has what is in flight complete, also of a block that was not sent whole. A program that connects again
 * by itself would else lose a block each time.
 */
static void a_connection_that_broke(void **state)
{
	static const char *const names[] = { "copy", "zerocopy", "vmsplice", "uring" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (zcdma_path_probe(ctx, zcdma_path_find(names[i])))
			continue;
		open_sim("sim:blocks=4,block=2M,memory=memfd");
		tcp_pair(ctx, &out, &in);
		setsockopt(out, SOL_SOCKET, SO_SNDBUF, &(int){ 65536 }, sizeof(int));
		setsockopt(in, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 }, sizeof(int));
		assert_int_equal(zcdma_path_open(ctx, src, names[i], out, &path), 0);
		send_until_full();
		close(in);
		in = -1;
		wait_for_completions();
		print_message("%s\n", names[i]);
		assert_int_equal(count_after_close(), BLOCKS);
		close_transfer(NULL);
		open_transfer(NULL);
	}
}

/* What the kernel has still to send may be read, so that its blocks are not used again. */
static void a_connection_with_data_in_flight(void **state)
{
	(void)state;
	open_sim("sim:blocks=4,block=2M,memory=memfd");
	tcp_pair(ctx, &out, &in);
	setsockopt(out, SOL_SOCKET, SO_SNDBUF, &(int){ 65536 }, sizeof(int));
	setsockopt(in, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 }, sizeof(int));
	assert_int_equal(zcdma_path_open(ctx, src, "zerocopy", out, &path), 0);
	assert_int_equal(zcdma_path_set_fallback(path, ZCDMA_FALLBACK_KEEP), 0);
	send_until_full();
	assert_true(stats().pending_calls > 0);
	assert_int_equal(count_after_close(), BLOCKS - 1);
}

static void set_most(const struct rlimit *old, rlim_t most)
{
	const struct rlimit limit = { .rlim_cur = most, .rlim_max = old->rlim_max };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static const unsigned depths[] = { 1, 3 };

/* Open a path to a file with O_DIRECT, and without a name. Skips the test where that cannot be. */
static int open_file(unsigned depth)
{
	char name[] = "zcdma-closed-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	if (fcntl(fd, F_SETFL, O_DIRECT))
		skip();
	open_sim("sim:blocks=4,block=64K");
	assert_int_equal(zcdma_path_open(ctx, src, "copy", fd, &path), 0);
	if (depth > 1 && zcdma_path_set_depth(path, depth) == -EOPNOTSUPP)
		skip();
	return fd;
}

/* A file that has no room for more has read what it could not write. It ends with what it has, without what was reserved. */
static void a_full_file(void **state)
{
	struct rlimit old;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		int fd = open_file(depths[i]), rc = 0;
		struct stat st;

		set_most(&old, 1 << 20);
		while (!rc && (rc = zcdma_source_next(src, LIMIT_MS, &b)) == 1)
			rc = zcdma_path_send(path, &b);
		assert_int_equal(rc, -EFBIG);
		assert_int_equal(count_after_close(), BLOCKS);
		set_most(&old, old.rlim_cur);
		assert_non_null(strstr(zcdma_error(ctx), "zcdma-closed-"));
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 1 << 20);
		close(fd);
		close_transfer(NULL);
		open_transfer(NULL);
	}
}

/* A file whose path is closed in the middle has all that the path took, and no more. */
static void a_file_in_the_middle(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		int fd = open_file(depths[i]), rc;
		struct stat st;

		zcdma_source_set_limit(src, 2 * 65536 + 100, 0);
		while ((rc = zcdma_source_next(src, LIMIT_MS, &b)) == 1)
			assert_int_equal(zcdma_path_send(path, &b), 0);
		assert_int_equal(rc, 0);
		zcdma_path_close(path);
		path = NULL;
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 2 * 65536 + 100);
		close(fd);
		close_transfer(NULL);
		open_transfer(NULL);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, close_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_connection_that_broke),
		TEST(a_connection_with_data_in_flight),
		TEST(a_full_file),
		TEST(a_file_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
