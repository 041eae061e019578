// SPDX-License-Identifier: GPL-2.0-only
/* Sends that io_uring does not take: they are not made later, and answer for no other one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "pair.h"
#include "paths.h"
#include "refused_submit.h"

static int open_uring(void **state)
{
	(void)state;
	refusals = 0;
	name = "uring";
	if (!can(name))
		return 0;
	assert_int_equal(open_transfer(NULL), 0);
	tcp_pair(ctx, &out, &in);
	return 0;
}

static int close_uring(void **state)
{
	(void)state;
	close_transfer(NULL);
	return 0;
}

static void open_sender(void)
{
	open_path("sim:blocks=8,block=32K", 0, ZCDMA_FALLBACK_KEEP);
}

/* Check that the receiver has got @block, and nothing else. */
static void assert_received(const char *block)
{
	static char data[2 * BLOCK];

	assert_int_equal(recv(in, data, BLOCK, MSG_WAITALL), BLOCK);
	assert_memory_equal(data, block, BLOCK);
	assert_int_equal(recv(in, data, sizeof(data), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_send_that_was_refused_is_not_made_later(void **state)
{
	static char second[BLOCK];
	struct zcdma_block a, b;

	(void)state;
	if (!can(name))
		skip();
	open_sender();
	a = take();
	b = take();
	memcpy(second, b.data, BLOCK);
	refusals = 1;
	refusal = EBADF;
	assert_int_equal(zc_path_try(path, &a), -EBADF);
	assert_non_null(strstr(zcdma_error(ctx), "io_uring_enter"));
	path->sent = 0;
	assert_int_equal(zc_path_try(path, &b), ZC_SENT_QUEUED);
	assert_int_equal(stats().bytes, BLOCK);
	assert_received(second);
}

static void a_kernel_without_memory_for_a_while(void **state)
{
	static char first[BLOCK];
	struct zcdma_block a;

	(void)state;
	if (!can(name))
		skip();
	refusals = 3;
	refusal = EAGAIN;
	open_sender();
	assert_int_equal(refusals, 0);
	a = take();
	memcpy(first, a.data, BLOCK);
	refusals = 3;
	assert_int_equal(zc_path_try(path, &a), ZC_SENT_QUEUED);
	assert_int_equal(refusals, 0);
	assert_received(first);
}

/* The kernel has the send, and does not say what became of it: its memory may be read at any time. */
static void a_send_without_an_answer_is_in_flight(void **state)
{
	struct zcdma_block a;

	(void)state;
	if (!can(name))
		skip();
	open_sender();
	a = take();
	unanswered = EBADR;
	assert_int_equal(zc_path_try(path, &a), -EBADR);
	assert_int_equal(stats().pending_calls, 1);
	assert_int_equal(stats().pending_bytes, BLOCK);
	assert_int_equal(stats().bytes, 0);
	unanswered = 0;
	reap();
	assert_int_equal(stats().pending_calls, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_uring, close_uring)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_send_that_was_refused_is_not_made_later),
		TEST(a_kernel_without_memory_for_a_while),
		TEST(a_send_without_an_answer_is_in_flight),
	};

	return cmocka_run_group_tests_name("uring refused", tests, NULL, NULL);
}
