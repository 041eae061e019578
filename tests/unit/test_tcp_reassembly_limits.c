// SPDX-License-Identifier: GPL-2.0-only
/* Long TCP streams with gaps: what is waited for, given up, and forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "reassembly.h"

/* Check that @data bytes came out, all of them correct, and that @uncaptured bytes were skipped. */
static void assert_out(const struct bench *b, uint64_t data, uint64_t uncaptured)
{
	assert_int_equal(b->wrong, 0);
	assert_int_equal(b->data, data);
	assert_int_equal(b->uncaptured, uncaptured);
	assert_int_equal(b->f.counters.uncaptured_bytes, uncaptured);
}

/* Check a stream of more than 8 GiB, most of which only ACKs show: sequence numbers wrap. */
static void test_wrap_around(void **state)
{
	const uint64_t step = 1u << 30;
	struct bench b;

	(void)state;
	bench_begin(&b, 0x80000001);
	bench_syn(&b);
	for (uint64_t at = 0; at < 9 * step; at += step) {
		bench_put(&b, at, 1000);
		bench_put(&b, at + 1000, 1000);
		bench_put(&b, at, 1000);
		/* Two are needed: a single ACK this far ahead is not believed. */
		bench_ack(&b, at + step - 1);
		bench_ack(&b, at + step);
	}
	bench_end(&b);
	assert_out(&b, 9 * 2000, 9 * (step - 2000));
	assert_int_equal(b.f.counters.retransmitted, 9);
	assert_int_equal(b.f.counters.uncompared_bytes, 0);
}

/* Check that missing data that was acknowledged is given up when the stream is 4 MiB further. */
static void test_missing(void **state)
{
	const uint64_t far = 6u << 20;
	struct bench b;

	(void)state;
	for (int recalls = 0; recalls < 2; recalls++) {
		bench_begin(&b, 7);
		b.recalls = recalls;
		bench_syn(&b);
		bench_put(&b, 0, 100);
		bench_put(&b, 200, 100);
		bench_ack(&b, 300);
		assert_out(&b, 100, 0);
		for (uint64_t at = 300; at < far; at += 50000) {
			bench_put(&b, at, 50000);
			bench_ack(&b, at + 50000);
		}
		assert_int_equal(b.uncaptured, 100);
		assert_int_equal(b.wrong, 0);
		assert_int_equal(b.f.counters.given_up, 0);
		assert_true(b.pool.used <= 16u << 20);
		/* Part of it comes late: it is new, and counts as captured if it can be checked. */
		bench_put(&b, 120, 80);
		assert_int_equal(b.late, 80);
		assert_int_equal(b.f.counters.late_bytes, 80);
		assert_int_equal(b.f.counters.uncaptured_bytes, recalls ? 20 : 100);
		assert_int_equal(b.f.counters.retransmitted, 0);
		/* A second segment: the bytes that came late are compared, and the others are new. */
		bench_spoil(&b, 110, 20, 121);
		assert_int_equal(b.late, 90);
		assert_int_equal(b.differences, 1);
		assert_int_equal(b.f.counters.uncompared_bytes, 0);
		bench_end(&b);
		assert_int_equal(b.wrong, 0);
	}
}

/* Check that bytes of a forgotten missing range count neither as new nor as retransmitted. */
static void test_forgets_what_is_missing(void **state)
{
	const uint64_t step = 1u << 14, total = 1000 * step;
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	b.recalls = true;
	bench_syn(&b);
	for (uint64_t at = 0; at < total; at += step) {
		bench_put(&b, at, (uint32_t)step - 100);
		bench_ack(&b, at + step);
	}
	bench_spoil(&b, 0, 100, 50);
	bench_spoil(&b, step - 100, 100, step - 50);
	assert_int_equal(b.differences, 0);
	assert_int_equal(b.late, 0);
	assert_int_equal(b.f.counters.uncompared_bytes, 200);
	bench_end(&b);
	assert_int_equal(b.wrong, 0);
	assert_int_equal(b.uncaptured, 100 * 1000);
}

/* Check that the wait for a missing first byte ends, without an acknowledgement. */
static void test_limit(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	for (uint64_t at = 1000; at < 3ull * ZC_SEGMENT_BUFFER_MAX; at += 50000) {
		bench_put(&b, at, 50000);
		/* The rest is for the list of missing ranges. */
		assert_true(b.pool.used <= ZC_SEGMENT_BUFFER_MAX + 65536);
	}
	assert_true(b.f.counters.given_up > 0);
	assert_int_equal(b.uncaptured, 1000);
	assert_int_equal(b.wrong, 0);
	bench_end(&b);
	assert_int_equal(b.uncaptured, 1000);
	assert_true(b.data >= 3ull * ZC_SEGMENT_BUFFER_MAX - 1000);
}

static void test_limit_of_holes(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	for (uint64_t at = 1; at < 40000; at += 2)
		bench_put(&b, at, 1);
	assert_true(b.f.counters.given_up > 0);
	bench_end(&b);
	assert_int_equal(b.wrong, 0);
	assert_int_equal(b.data + b.uncaptured, 40000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrap_around),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_forgets_what_is_missing),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_of_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
