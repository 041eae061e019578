// SPDX-License-Identifier: GPL-2.0-only
/* The bookkeeping of completions: ranges, out of order, merged, wrapped, nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "path/completion.h"

/* Send block @index in @sends pieces of @len bytes. */
static void send_block(struct zc_tracker *t, uint32_t index, unsigned sends, size_t len)
{
	const struct zcdma_block b = { .index = index, .len = sends * len };

	for (unsigned i = 0; i < sends; i++) {
		assert_int_equal(zc_tracker_prepare(t, &b), 0);
		zc_tracker_sent(t, len);
	}
	assert_true(zc_tracker_finish_block(t));
}

static void assert_completes(struct zc_tracker *t, uint32_t lo, uint32_t hi, uint32_t sends,
			     uint64_t bytes)
{
	struct zc_completed done = zc_tracker_complete(t, lo, hi);

	assert_int_equal(done.sends, sends);
	assert_int_equal(done.bytes, bytes);
}

static void assert_reaps(struct zc_tracker *t, uint32_t index)
{
	struct zcdma_block b;

	assert_true(zc_tracker_reap(t, &b));
	assert_int_equal(b.index, index);
}

static void assert_reaps_nothing(struct zc_tracker *t)
{
	struct zcdma_block b;

	assert_false(zc_tracker_reap(t, &b));
}

static void a_block_is_done_when_all_its_sends_are(void **state)
{
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	send_block(&t, 5, 3, 100);
	assert_completes(&t, 0, 0, 1, 100);
	assert_completes(&t, 2, 2, 1, 100);
	assert_reaps_nothing(&t);
	assert_int_equal(zc_tracker_pending(&t), 2);
	assert_completes(&t, 1, 1, 1, 100);
	assert_reaps(&t, 5);
	assert_reaps_nothing(&t);
	assert_int_equal(zc_tracker_pending(&t), 0);
	assert_int_equal(t.blocks, 0);
	zc_tracker_free(&t);
}

static void a_block_that_is_still_being_sent_is_not_done(void **state)
{
	const struct zcdma_block b = { .index = 1, .len = 200 };
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	zc_tracker_prepare(&t, &b);
	zc_tracker_sent(&t, 100);
	assert_completes(&t, 0, 0, 1, 100);
	assert_reaps_nothing(&t);
	zc_tracker_prepare(&t, &b);
	zc_tracker_sent(&t, 100);
	assert_true(zc_tracker_finish_block(&t));
	assert_reaps_nothing(&t);
	assert_completes(&t, 1, 1, 1, 100);
	assert_reaps(&t, 1);
	zc_tracker_free(&t);
}

static void merged_and_out_of_order(void **state)
{
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	for (uint32_t i = 0; i < 6; i++)
		send_block(&t, i, 2, 10);
	assert_completes(&t, 6, 9, 4, 40);
	assert_reaps(&t, 3);
	assert_reaps(&t, 4);
	assert_reaps_nothing(&t);
	assert_completes(&t, 0, 5, 6, 60);
	assert_reaps(&t, 0);
	assert_reaps(&t, 1);
	assert_reaps(&t, 2);
	assert_completes(&t, 10, 11, 2, 20);
	assert_reaps(&t, 5);
	zc_tracker_free(&t);
}

static void reported_twice_counts_once(void **state)
{
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	for (uint32_t i = 0; i < 4; i++)
		send_block(&t, i, 1, 10);
	assert_completes(&t, 1, 2, 2, 20);
	assert_completes(&t, 1, 2, 0, 0);
	assert_completes(&t, 0, 3, 2, 20);
	assert_completes(&t, 0, 3, 0, 0);
	assert_int_equal(zc_tracker_pending(&t), 0);
	zc_tracker_free(&t);
}

static void numbers_wrap(void **state)
{
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	t.first = t.next = UINT32_MAX - 1;
	for (uint32_t i = 0; i < 4; i++)
		send_block(&t, i, 1, 10);
	assert_int_equal(t.next, 2);
	assert_completes(&t, UINT32_MAX, 0, 2, 20);
	assert_reaps(&t, 1);
	assert_reaps(&t, 2);
	assert_completes(&t, UINT32_MAX - 1, 1, 2, 20);
	assert_reaps(&t, 0);
	assert_reaps(&t, 3);
	zc_tracker_free(&t);
}

static void nonsense_is_ignored(void **state)
{
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	assert_completes(&t, 0, UINT32_MAX, 0, 0);
	send_block(&t, 7, 2, 10);
	assert_completes(&t, 5, 9, 0, 0);
	assert_completes(&t, 9, 5, 0, 0);
	assert_completes(&t, 1, 0, 0, 0);
	assert_completes(&t, UINT32_MAX - 5, UINT32_MAX, 0, 0);
	/* A range that begins before the window and ends in it: the part in the window counts. */
	assert_completes(&t, UINT32_MAX - 5, 0, 1, 10);
	assert_completes(&t, 1, 1000, 1, 10);
	assert_reaps(&t, 7);
	zc_tracker_free(&t);
}

/* Send more than the first window holds, across a wrap of its slots. */
static void the_window_grows(void **state)
{
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	for (uint32_t i = 0; i < 40; i++)
		send_block(&t, i, 1, 1);
	assert_completes(&t, 0, 29, 30, 30);
	for (uint32_t i = 0; i < 30; i++)
		assert_reaps(&t, i);
	for (uint32_t i = 40; i < 1000; i++)
		send_block(&t, i, 1, 1);
	assert_completes(&t, 31, 999, 969, 969);
	assert_completes(&t, 30, 30, 1, 1);
	for (uint32_t i = 31; i < 1000; i++)
		assert_reaps(&t, i);
	assert_reaps(&t, 30);
	zc_tracker_free(&t);
}

static void what_is_pending_is_freed(void **state)
{
	const struct zcdma_block b = { .index = 1 };
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	send_block(&t, 0, 3, 10);
	zc_tracker_prepare(&t, &b);
	zc_tracker_sent(&t, 1);
	zc_tracker_free(&t); /* the sanitizers look */
	zc_tracker_init(&t);
	assert_false(zc_tracker_finish_block(&t));
	zc_tracker_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_done_when_all_its_sends_are),
		cmocka_unit_test(a_block_that_is_still_being_sent_is_not_done),
		cmocka_unit_test(merged_and_out_of_order),
		cmocka_unit_test(reported_twice_counts_once),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(nonsense_is_ignored),
		cmocka_unit_test(the_window_grows),
		cmocka_unit_test(what_is_pending_is_freed),
	};

	return cmocka_run_group_tests_name("completion", tests, NULL, NULL);
}
