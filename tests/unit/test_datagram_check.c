/* SPDX-License-Identifier: GPL-2.0-only */
/* What a check makes of the datagrams that came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "verify/check.h"
#include "internal.h"

#define SEED 5

static struct zcdma_ctx *ctx;
static struct zcdma_check *check;
static uint8_t buf[65536];

static int setup(void **state)
{
	(void)state;
	return zcdma_new(&ctx) || zcdma_check_datagrams(ctx, SEED, &check);
}

static int teardown(void **state)
{
	(void)state;
	zcdma_check_free(check);
	zcdma_free(ctx);
	return 0;
}

static void feed(uint64_t offset, size_t len)
{
	zcdma_pattern_fill(buf, len, offset, SEED);
	assert_int_equal(zcdma_check_feed(check, buf, len), 0);
}

/* So far; and the end may not change it. */
static struct zcdma_check_result result(void)
{
	struct zcdma_check_result before, after;

	zcdma_check_get_result(check, &before);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	return after;
}

static void all_in_order(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	for (uint64_t at = 0; at < 1001 * 100; at += 1001)
		feed(at, 1001);
	feed(1001 * 100, 3);
	r = result();
	assert_int_equal(r.datagrams, 101);
	assert_int_equal(r.datagram_bytes, 1001);
	assert_int_equal(r.bytes, 100103);
	assert_int_equal(r.end_offset, 100103);
	assert_int_equal(r.lost_bytes + r.lost + r.late + r.duplicates + r.faults + r.unplaced, 0);
}

static void lost_ones_are_counted(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(2000, 1000); /* two lost */
	feed(3000, 1000);
	feed(7001, 1000); /* a bit more than three */
	r = result();
	assert_int_equal(r.lost_bytes, 2000 + 3001);
	assert_int_equal(r.lost, 2 + 4);
	assert_int_equal(r.end_offset, 8001);
	assert_int_equal(r.faults + r.late + r.duplicates, 0);
}

static void late_ones_are_not_lost(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	feed(5000, 1000);
	feed(2000, 1000); /* in the middle of the hole */
	feed(1000, 1000); /* its beginning */
	feed(3000, 500);
	feed(3500, 1000); /* leaves 500 */
	r = result();
	assert_int_equal(r.late, 4);
	assert_int_equal(r.lost_bytes, 500);
	assert_int_equal(r.lost, 1);
	assert_int_equal(r.duplicates + r.faults, 0);
}

static void twice_is_counted(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	feed(0, 1000);
	feed(1000, 1000);
	feed(3000, 1000);
	feed(500, 1000);
	feed(1500, 1000); /* 500 of it are new: late */
	r = result();
	assert_int_equal(r.duplicates, 2);
	assert_int_equal(r.duplicate_bytes, 2000);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.lost_bytes, 500);
	assert_int_equal(r.faults, 0);
}

/* More holes than are remembered: the sums stay right. */
static void holes_without_end(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		feed((2 * i + 1) * 100, 100);
	feed(0, 100);		       /* long forgotten, so it stays lost */
	feed(2 * 4999 * 100, 100);     /* known */
	feed(2 * 4990 * 100 + 40, 30); /* makes two of one */
	r = result();
	assert_int_equal(r.lost_bytes, 499900 - 30);
	assert_int_equal(r.lost, 4999 + 1);
	assert_int_equal(r.late, 3);
	assert_int_equal(r.faults, 0);
}

/* A check with little memory, or without any, forgets holes sooner; what is lost is counted all the same. */
static void memory_has_a_limit(void **state)
{
	static const uint64_t most[] = { 0, 100, 2000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
		struct zc_budget budget = { .most = most[i] };
		struct zcdma_check_result r;

		zcdma_check_free(check);
		assert_int_equal(zcdma_check_datagrams(ctx, SEED, &check), 0);
		check->budget = &budget;
		for (uint64_t n = 0; n < 2000; n += 2) {
			feed(n * 1000, 1000);
			assert_true(budget.used <= budget.most);
		}
		/* Late, and twice: whether it was lost is not known any more. */
		feed(1000, 1000);
		feed(0, 1000);
		zcdma_check_get_result(check, &r);
		assert_int_equal(r.faults, 0);
		assert_int_equal(r.lost, 999);
		assert_int_equal(r.lost_bytes, 999 * 1000);
		zcdma_check_free(check);
		check = NULL;
		assert_int_equal(budget.used, 0);
	}
}

static void garbage_is_wrong(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	memset(buf, 0xee, 1000);
	zcdma_check_feed(check, buf, 1000);
	feed(1000, 1000);
	r = result();
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.bad_bytes, 1000);
	assert_int_equal(r.first.kind, ZCDMA_FAULT_GARBAGE);
	assert_int_equal(r.first.position, 1000);
	assert_int_equal(r.first.length, 1000);
	assert_int_equal(r.lost_bytes, 0);
}

static void a_wrong_byte_is_found(void **state)
{
	(void)state;
	for (size_t at = 0; at < 1000; at += 37) {
		struct zcdma_check_result r;

		teardown(NULL);
		setup(NULL);
		feed(0, 1000);
		zcdma_pattern_fill(buf, 1000, 1000, SEED);
		buf[at] ^= 0x40;
		zcdma_check_feed(check, buf, 1000);
		feed(2000, 1000);
		r = result();
		assert_in_range(r.faults, 1, 2);
		assert_in_range(r.bad_bytes, 1, 31);
		assert_in_range(r.first.position, 1000 + at - zc_min(at, 16), 1000 + at);
		assert_int_equal(r.lost_bytes + r.late + r.duplicates, 0);
	}
}

/* A datagram that holds data of two places: the longer part is where it belongs. */
static void mixed_ones_are_wrong(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 4000);
	zcdma_pattern_fill(buf, 4000, 4000, SEED);
	zcdma_pattern_fill(buf + 3000, 1000, 3000, SEED);
	zcdma_check_feed(check, buf, 4000);
	zcdma_pattern_fill(buf, 4000, 8000, SEED);
	zcdma_pattern_fill(buf, 1000, 1 << 20, SEED);
	zcdma_check_feed(check, buf, 4000);
	feed(12000, 4000);
	r = result();
	assert_int_equal(r.faults, 2);
	assert_int_equal(r.kind[ZCDMA_FAULT_STALE].bytes, 1000);
	assert_int_equal(r.first.kind, ZCDMA_FAULT_STALE);
	assert_int_equal(r.first.position, 7000);
	assert_int_equal(r.first.distance, 4000);
	assert_int_equal(r.kind[ZCDMA_FAULT_OVERWRITTEN].bytes, 1000);
	assert_int_equal(r.lost_bytes + r.late + r.duplicates, 0);
	assert_int_equal(r.end_offset, 16000);
}

static void short_ones_cannot_be_placed(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	feed(1000, 5); /* where it is expected it is right */
	feed(2000, 5); /* not placed after a loss */
	feed(8, 23);   /* long enough, wherever it begins */
	r = result();
	assert_int_equal(r.unplaced, 1);
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.faults, 0);
	assert_int_equal(r.end_offset, 1005);
}

/* Datagrams of @len bytes from @from to @to, but for the @skip-th. */
static void feed_short(uint64_t from, uint64_t to, size_t len, uint64_t skip)
{
	for (uint64_t i = 0; from + (i + 1) * len <= to; i++) {
		if (i != skip)
			feed(from + i * len, len);
	}
}

/* A few that follow on each other tell together where they belong, whatever their length. */
static void short_ones_are_placed_again(void **state)
{
	(void)state;
	for (size_t len = 1; len < 23; len++) {
		struct zcdma_check_result r;

		teardown(NULL);
		setup(NULL);
		feed(0, 24); /* so that the byte that is lost is not a zero */
		feed_short(24, 24 + 400 * len, len, 8);
		r = result();
		assert_int_equal(r.faults, 0);
		assert_int_equal(r.unplaced, 0);
		assert_int_equal(r.end_offset, 24 + 400 * len);
		assert_int_equal(r.lost_bytes, len);
	}
}

static void short_ones_are_checked_after_a_loss(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed_short(0, 1200, 12, 5);
	zcdma_pattern_fill(buf, 12, 1200, SEED);
	buf[3] ^= 1;
	zcdma_check_feed(check, buf, 12);
	feed_short(1212, 2400, 12, UINT64_MAX);
	r = result();
	assert_int_equal(r.unplaced, 1);
	assert_int_equal(r.lost_bytes, 12 + 12); /* what was in the wrong one has not come */
	assert_int_equal(r.end_offset, 2400);
}

static void short_ones_may_be_late_or_come_twice(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed_short(0, 1200, 12, 50);
	feed(24, 12);	   /* twice */
	feed(50 * 12, 12); /* late */
	feed(1212, 12);	   /* swapped with ... */
	feed(1200, 12);	   /* ... the last but one */
	r = result();
	assert_int_equal(r.unplaced + r.faults, 0);
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.lost_bytes, 0);
	assert_int_equal(r.end_offset, 1224);
}

/* One right datagram makes no stream of what comes after it. */
static void short_garbage_is_not_placed(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	srand(2);
	feed(0, 16);
	for (unsigned i = 0; i < 12500; i++) {
		for (unsigned k = 0; k < 16; k++)
			buf[k] = (uint8_t)rand();
		zcdma_check_feed(check, buf, 16);
	}
	r = result();
	assert_int_equal(r.unplaced, 12500);
	assert_int_equal(r.end_offset, 16);
}

static void any_length_at_any_place_is_found(void **state)
{
	struct zcdma_check_result r;
	uint64_t n = 0;

	(void)state;
	feed(0, 1);
	for (uint64_t at = 2000; at > 1000; at--, n++)
		feed(at, 23 + at % 7);
	/* 255 in the lowest byte before a word, and words that differ in their high bytes. */
	for (uint64_t at = 8 * 0xfff0; at < 8 * 0x10010; at += 3, n++)
		feed(at, 64);
	r = result();
	assert_int_equal(r.datagrams, n + 1);
	assert_int_equal(r.faults + r.unplaced, 0);
	assert_int_equal(r.end_offset, 8 * 0x10010 - 1 + 64);
}

static void offsets_that_cannot_be(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 100);
	feed((UINT64_C(1) << 60) - 4096, 100); /* may be */
	feed(100, 100);
	memset(buf, 0xff, 100);
	zcdma_check_feed(check, buf, 100);
	feed(UINT64_MAX - 4095, 100);
	r = result();
	assert_int_equal(r.lost_bytes, (UINT64_C(1) << 60) - 4096 - 200);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.kind[ZCDMA_FAULT_GARBAGE].bytes, 200);
}

static void another_seed_is_recognized(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	zcdma_pattern_fill(buf, 1000, 0, 7777);
	zcdma_check_feed(check, buf, 1000);
	r = result();
	assert_true(r.faults && r.other_seed);
	assert_int_equal(r.seed, 7777);
}

/* Whatever comes, the check ends, and its sums add up. */
static void anything_may_come(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)rand() % 300, cut = len ? (size_t)rand() % len : 0;

		zcdma_pattern_fill(buf, len, (uint64_t)rand() % 100000, SEED);
		zcdma_pattern_fill(buf + cut, len - cut, (uint64_t)rand() % 100000, SEED);
		if (len)
			buf[(size_t)rand() % len] = (uint8_t)rand();
		assert_int_equal(zcdma_check_feed(check, buf, len), 0);
	}
	r = result();
	assert_true(r.bad_bytes < r.bytes);
	assert_true(r.lost_bytes < r.end_offset);
	assert_true(r.duplicates + r.late + r.unplaced <= r.datagrams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_ones_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(late_ones_are_not_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(twice_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(holes_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_is_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_byte_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(mixed_ones_are_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(short_ones_cannot_be_placed, setup, teardown),
		cmocka_unit_test_setup_teardown(short_ones_are_placed_again, setup, teardown),
		cmocka_unit_test_setup_teardown(short_ones_are_checked_after_a_loss, setup,
						teardown),
		cmocka_unit_test_setup_teardown(short_ones_may_be_late_or_come_twice, setup,
						teardown),
		cmocka_unit_test_setup_teardown(short_garbage_is_not_placed, setup, teardown),
		cmocka_unit_test_setup_teardown(any_length_at_any_place_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(offsets_that_cannot_be, setup, teardown),
		cmocka_unit_test_setup_teardown(another_seed_is_recognized, setup, teardown),
		cmocka_unit_test_setup_teardown(anything_may_come, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
