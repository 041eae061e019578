// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program with an event loop of its own: the descriptors of a source and of a path tell whatever the call that waits would
 * have found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"

/* Returns whether @fd becomes readable, in a time that is enough for what it has to wait for. */
static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, LIMIT_MS) == 1;
}

/* Check the descriptor of a source that nobody has asked for a block yet. */
static void fd_before_next(void **state)
{
	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_true(is_readable(zcdma_source_fd(src)));
}

/* Check one that is asked for after a block went back, for which nobody was woken. */
static void fd_after_release(void **state)
{
	struct zcdma_block held[2];
	int fd;

	(void)state;
	open_sim("sim:blocks=3,block=4K,fill=once");
	for (int i = 0; i < 2; i++)
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &held[i]), 1);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	/* All are filled now, so that what goes back is full at once. */
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	open_keeper();
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	assert_int_equal(zcdma_block_release(src, &held[0]), 0);
	fd = zcdma_source_fd(src);
	/* Whatever else is asked for before the wait. */
	assert_true(zcdma_path_fd(path) >= 0);
	assert_true(is_readable(fd));
	assert_int_equal(zcdma_block_release(src, &held[1]), 0);
}

/* A pipe as the source, whose writer puts a byte into it for each block. */
static int feed[2];

static void open_pipe_source(void)
{
	assert_int_equal(pipe2(feed, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(zcdma_source_open_fd(ctx, feed[0], "feed", &src), 0);
}

static void close_feed(void)
{
	close(feed[0]);
	if (feed[1] >= 0)
		close(feed[1]);
}

/* Have all blocks of the pipe out, of which the path has one, and the program the others; there is more to read. */
static int starve(void)
{
	struct zcdma_block held;
	int fd;

	open_pipe_source();
	open_keeper();
	zcdma_path_set_timeout(path, 0);
	fd = zcdma_source_fd(src);
	while (assert_int_equal(write(feed[1], "x", 1), 1), zcdma_source_next(src, 0, &held) == 1)
		b = held;
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	return fd;
}

/* Check that it is readable after the end of a path gave a block back. */
static void fd_after_finish(void **state)
{
	int fd = starve();

	(void)state;
	give = 1;
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_true(is_readable(fd));
	close_feed();
}

static void fd_after_close(void **state)
{
	int fd = starve();

	(void)state;
	give = 1;
	zcdma_path_close(path);
	path = NULL;
	assert_true(is_readable(fd));
	close_feed();
}

/* Check that it is readable after the source was stopped, though its writer stays and is silent. */
static void fd_after_stop(void **state)
{
	int fd, rc;

	(void)state;
	open_pipe_source();
	fd = zcdma_source_fd(src);
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	zcdma_source_stop(src);
	while ((rc = zcdma_source_next(src, 0, &b)) == -EAGAIN)
		assert_true(is_readable(fd));
	assert_int_equal(rc, 0);
	close_feed();
}

static void fd_after_submit(void **state)
{
	static char memory[4096];
	const struct zcdma_region region = { memory, sizeof(memory) };
	int fd;

	(void)state;
	assert_int_equal(zcdma_source_open_memory(ctx, &region, 1, &src), 0);
	fd = zcdma_source_fd(src);
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	assert_int_equal(zcdma_source_submit(src, memory, 100, 1), 0);
	assert_true(is_readable(fd));
	assert_int_equal(zcdma_source_next(src, 0, &b), 1);
}

/* Check that what epoll does not take is taken to be ready. */
static void fd_of_a_device_without_poll(void **state)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(zcdma_source_open_fd(ctx, zero, "zero", &src), 0);
	assert_true(is_readable(zcdma_source_fd(src)));
	close(zero);
}

/* Check that the descriptor of a dropped path reports what is in flight, which no other does. */
static void fd_of_a_dropped_path(void **state)
{
	int fd;

	(void)state;
	open_sim("sim:blocks=1,block=4K");
	open_keeper();
	fd = zcdma_path_fd(path);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	zcdma_path_drop(path);
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	give = 1;
	assert_true(is_readable(fd));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, close_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fd_before_next),
		TEST(fd_after_release),
		TEST(fd_after_finish),
		TEST(fd_after_close),
		TEST(fd_after_stop),
		TEST(fd_after_submit),
		TEST(fd_of_a_device_without_poll),
		TEST(fd_of_a_dropped_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
