// SPDX-License-Identifier: GPL-2.0-only
/* Datagrams put in the order of their numbers: early, late, twice, never, and from the start again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "packet/reorder.h"
#include "random.h"

static struct zc_reorder_stats stats;
static struct zc_reorder *order;
static uint64_t mask;

/* What came out. */
static uint64_t out[1 << 16];
static unsigned outs;

static void begin(uint32_t width)
{
	const struct zc_reorder_field field = { .width = width };

	memset(&stats, 0, sizeof(stats));
	outs = 0;
	mask = UINT64_MAX >> (64 - width * 8);
	order = zc_reorder_new(&field, &stats);
	assert_non_null(order);
}

static void drain(bool flush)
{
	const uint8_t *data;
	size_t len;

	while ((data = zc_reorder_next(order, flush, &len))) {
		assert_int_equal(len, sizeof(out[0]));
		memcpy(&out[outs++], data, len);
	}
}

/* Put a datagram that holds just @number. */
static void give(uint64_t number)
{
	int rc;

	while ((rc = zc_reorder_put(order, number & mask, (uint8_t *)&number, sizeof(number))) ==
	       ZC_REORDER_FULL)
		drain(false);
	if (rc == ZC_REORDER_PASS)
		out[outs++] = number;
	drain(false);
}

static void end(void)
{
	drain(true);
	zc_reorder_free(order);
	assert_int_equal(stats.waiting_bytes, 0);
}

static void fields_are_read(void **state)
{
	static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const struct {
		struct zc_reorder_field field;
		uint64_t number;
	} cases[] = {
		{ { 0, 4, false }, 0x01020304 },	 { { 0, 4, true }, 0x04030201 },
		{ { 1, 8, false }, 0x0203040506070809 }, { { 8, 1, true }, 9 },
		{ { 2, 3, false }, 0x030405 },
	};
	const struct zc_reorder_field behind = { 6, 4, false };
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(zc_reorder_read(&cases[i].field, data, sizeof(data), &number));
		assert_true(number == cases[i].number);
	}
	assert_false(zc_reorder_read(&behind, data, sizeof(data), &number));
}

/* Swap numbers over up to 40 places, for every width and across its wrap-around. */
static void order_is_restored(void **state)
{
	(void)state;
	for (uint32_t width = 1; width <= 8; width++) {
		uint64_t first = UINT64_MAX - 5000, numbers[10000];

		for (unsigned i = 0; i < 10000; i++)
			numbers[i] = first + i;
		for (unsigned i = 1; i + 20 < 10000; i++) {
			unsigned k = i + (unsigned)(random_number() % 20);
			uint64_t number = numbers[i];

			numbers[i] = numbers[k];
			numbers[k] = number;
			/* Undo a swap that moves a number further than that. */
			if (numbers[i] - first > i + 40 || numbers[k] - first + 40 < k) {
				numbers[k] = numbers[i];
				numbers[i] = number;
			}
		}
		begin(width);
		for (unsigned i = 0; i < 10000; i++)
			give(numbers[i]);
		end();
		assert_int_equal(outs, 10000);
		for (unsigned i = 0; i < 10000; i++)
			assert_true(out[i] == first + i);
		assert_int_equal(stats.lost + stats.late + stats.duplicates, 0);
		assert_true(stats.reordered > 1000);
	}
}

/* Check how many numbers are waited for: a number of one byte has another meaning 128 places on. */
static void window_by_the_width(void **state)
{
	static const uint64_t windows[] = { [1] = 64, [2] = 128, [8] = 128 };

	(void)state;
	for (uint32_t width = 1; width < ARRAY_SIZE(windows); width++) {
		if (!windows[width])
			continue;
		begin(width);
		give(0);
		for (uint64_t n = 2; n <= windows[width]; n++)
			give(n);
		assert_int_equal(outs, 1);
		give(windows[width] + 1);
		assert_true(outs > 1);
		end();
		assert_int_equal(stats.lost, 1);
	}
}

static void losses_are_counted(void **state)
{
	unsigned lost = 0;

	(void)state;
	begin(2);
	for (uint64_t n = 0; n < 50000; n++) {
		if (n && n < 49000 && one_in(10))
			lost++;
		else
			give(n);
	}
	end();
	assert_int_equal(stats.lost, lost);
	assert_int_equal(outs, 50000 - lost);
	for (unsigned i = 1; i < outs; i++)
		assert_true(out[i] > out[i - 1]);
}

static void duplicates_and_latecomers_are_left_out(void **state)
{
	(void)state;
	begin(4);
	give(10);
	give(10); /* passed on before */
	give(12);
	give(12); /* waits */
	give(11);
	give(12); /* passed on */
	assert_int_equal(stats.duplicates, 3);
	give(14);
	drain(true); /* 13 is lost */
	give(13);
	give(9);
	assert_int_equal(stats.late, 2);
	assert_int_equal(stats.duplicates, 3);
	assert_int_equal(stats.lost, 1);
	end();
	assert_int_equal(outs, 4);
}

/* Check that a number far ahead ends the waits that it moves out of the window, and that no leap is slow. */
static void leaps(void **state)
{
	(void)state;
	begin(8);
	give(0);
	give(2);
	give(UINT64_C(1) << 60);
	assert_int_equal(outs, 2);
	assert_true(stats.lost == (UINT64_C(1) << 60) - ZC_REORDER_WINDOW - 1);
	end();
	assert_int_equal(outs, 3);
	assert_true(stats.lost == (UINT64_C(1) << 60) - 2);
	assert_int_equal(stats.restarts, 0);
}

/* Check that the count of lost numbers stops at its maximum after leaps that would overflow it. */
static void what_is_lost_does_not_wrap(void **state)
{
	(void)state;
	begin(8);
	for (unsigned i = 0; i < 9; i++)
		give(i * (UINT64_C(3) << 61));
	end();
	assert_true(stats.lost == UINT64_MAX);
}

static void numbers_begin_anew(void **state)
{
	(void)state;
	begin(4);
	give(1000);
	give(1002);
	give(0);
	give(1);
	end();
	assert_int_equal(stats.restarts, 1);
	assert_int_equal(stats.lost, 1);
	assert_int_equal(outs, 4);
	assert_int_equal(out[1], 1002);
	assert_int_equal(out[2], 0);
}

/* Check the limit on waiting bytes of all flows: each of four waits for its number 1, which never comes. */
static void memory_is_bounded(void **state)
{
	static uint8_t data[ZC_REORDER_BYTES / ZC_REORDER_WINDOW];
	const struct zc_reorder_field field = { .width = 4 };
	struct zc_reorder *flow[4];
	const uint8_t *next;
	size_t len;

	(void)state;
	memset(&stats, 0, sizeof(stats));
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(flow[i] = zc_reorder_new(&field, &stats));
	for (uint64_t n = 0; n < ZC_REORDER_WINDOW; n++) {
		for (unsigned i = 0; n != 1 && i < 4; i++) {
			while (zc_reorder_put(flow[i], n, data, sizeof(data)) == ZC_REORDER_FULL) {
				while ((next = zc_reorder_next(flow[i], false, &len)))
					;
			}
			assert_true(stats.waiting_bytes <= ZC_REORDER_BYTES);
		}
	}
	assert_true(stats.overflows > 0);
	assert_true(stats.lost > 0);
	for (unsigned i = 0; i < 4; i++)
		zc_reorder_free(flow[i]);
	assert_int_equal(stats.waiting_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_read),
		cmocka_unit_test(order_is_restored),
		cmocka_unit_test(window_by_the_width),
		cmocka_unit_test(losses_are_counted),
		cmocka_unit_test(duplicates_and_latecomers_are_left_out),
		cmocka_unit_test(leaps),
		cmocka_unit_test(what_is_lost_does_not_wrap),
		cmocka_unit_test(numbers_begin_anew),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
