// SPDX-License-Identifier: GPL-2.0-only
/* Waits for what does not come: each ends with an error, or when its time is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "keeper.h"

/* After that many seconds a wait that should have ended is interrupted. */
#define INTERRUPT_S 20

/* Take a block and have the path keep it. */
static void send_one(void)
{
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
}

static void close_path(void)
{
	zcdma_path_close(path);
	path = NULL;
}

/* Check that a source says so when all of its blocks were in flight by a path that was closed. */
static void test_all_are_lost(void **state)
{
	(void)state;
	open_sim("sim:blocks=2,block=4K");
	open_keeper();
	send_one();
	send_one();
	close_path();
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), -ENOBUFS);
}

static void test_some_are_lost_and_the_others_held(void **state)
{
	(void)state;
	open_sim("sim:blocks=2,block=4K");
	open_keeper();
	send_one();
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	close_path();
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), -ENOBUFS);
	assert_string_equal(
		zcdma_error(ctx),
		"next block of sim:blocks=2,block=4K: the program holds 1, and others are in flight on "
		"connections that are closed");
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
}

/* Check that a block counts once of which one share was lost and the caller has another. */
static void test_a_share_is_lost(void **state)
{
	struct zcdma_block share;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	open_keeper();
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_share(src, &b, &share), 0);
	assert_int_equal(zcdma_path_send(path, &share), 0);
	close_path();
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), -ENOBUFS);
}

static void on_alarm(int sig)
{
	(void)sig;
	zcdma_interrupt(ctx);
}

/* Have a path with a block in flight whose other end has hung up, and says no more. */
static void hang_up(void)
{
	const struct sigaction sa = { .sa_handler = on_alarm };

	open_sim("sim:blocks=1,block=4K");
	open_keeper();
	send_one();
	close(in);
	in = -1;
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	alarm(INTERRUPT_S);
}

static void test_time_of_a_wait_for_a_block(void **state)
{
	(void)state;
	hang_up();
	assert_int_equal(zcdma_source_next(src, 50, &b), -ETIMEDOUT);
	alarm(0);
}

static void test_time_of_an_end(void **state)
{
	(void)state;
	hang_up();
	zcdma_path_set_timeout(path, 50);
	assert_int_equal(zcdma_path_abandon(path), -ETIMEDOUT);
	alarm(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, close_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_are_lost),    TEST(test_some_are_lost_and_the_others_held),
		TEST(test_a_share_is_lost), TEST(test_time_of_a_wait_for_a_block),
		TEST(test_time_of_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
