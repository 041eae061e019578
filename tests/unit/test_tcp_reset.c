// SPDX-License-Identifier: GPL-2.0-only
/* Resets: which count, which the receiver would ignore, and which a later segment takes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "reassembly.h"

static void reset(struct bench *b, uint64_t offset)
{
	bench_frame(b, TH_RST, offset, NULL, 0, 0);
}

static void test_reset(void **state)
{
	static const struct {
		int64_t offset;
		enum zc_tcp_reset is;
	} cases[] = {
		/* 200 bytes were sent, of which 100 are acknowledged. */
		{ 1 << 30, ZC_TCP_NO_RESET }, { -(1 << 30), ZC_TCP_NO_RESET },
		{ 99, ZC_TCP_NO_RESET },      { 100, ZC_TCP_RESET },
		{ 150, ZC_TCP_RESET },	      { 200, ZC_TCP_RESET },
		{ 201, ZC_TCP_RESET_AHEAD },  { 5000, ZC_TCP_RESET_AHEAD },
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bench_begin(&b, 7);
		bench_syn(&b);
		bench_put(&b, 0, 200);
		bench_ack(&b, 100);
		reset(&b, (uint64_t)cases[i].offset);
		assert_int_equal(b.f.reset, cases[i].is);
		assert_int_equal(b.f.counters.ignored_resets, cases[i].is == ZC_TCP_NO_RESET);
		bench_end(&b);
	}
	/* A reset from an end of which no data was captured. */
	bench_begin(&b, 7);
	reset(&b, 3);
	assert_int_equal(b.f.reset, ZC_TCP_RESET);
	bench_end(&b);
}

/* Check that a connection that goes on after a reset takes it back, whatever the reset's number. */
static void test_life_after_reset(void **state)
{
	const uint64_t at[] = { 200, 900 };
	struct bench b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		for (int by_ack = 0; by_ack < 2; by_ack++) {
			bench_begin(&b, 7);
			bench_syn(&b);
			bench_put(&b, 0, 200);
			bench_ack(&b, 200);
			reset(&b, at[i]);
			/* Sent before it, and captured after it. */
			bench_put(&b, 100, 100);
			bench_ack(&b, 200);
			assert_int_not_equal(b.f.reset, ZC_TCP_NO_RESET);
			if (by_ack)
				bench_ack(&b, at[i] + 1);
			else
				bench_put(&b, 200, (uint32_t)(at[i] + 1 - 200));
			assert_int_equal(b.f.reset, ZC_TCP_NO_RESET);
			assert_int_equal(b.f.counters.ignored_resets, 1);
			bench_end(&b);
		}
	}
	/* An end that only receives is alive when it acknowledges more than before. */
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_acknowledge(&b, 0, 5000);
	reset(&b, 0);
	bench_acknowledge(&b, 0, 5000);
	assert_int_equal(b.f.reset, ZC_TCP_RESET);
	bench_acknowledge(&b, 0, 5001);
	assert_int_equal(b.f.reset, ZC_TCP_NO_RESET);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_life_after_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
