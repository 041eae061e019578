// SPDX-License-Identifier: GPL-2.0-only
/* Medians, spreads, and the test whether two rows are distinct. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/stats.h"

static struct bench_spread of(unsigned count, const double *given)
{
	return bench_spread_of(given, count);
}

static void test_median(void **state)
{
	struct bench_spread s = of(3, (const double[]){ 9, 1, 4 });

	(void)state;
	assert_true(s.median == 4 && s.low == 1 && s.high == 9 && s.count == 3);
	s = of(4, (const double[]){ 8, 1, 4, 2 });
	assert_true(s.median == 3 && s.low == 1 && s.high == 8);
	s = of(1, (const double[]){ 5 });
	assert_true(s.median == 5 && s.low == 5 && s.high == 5);
}

/* Check that unknown values are left out, and that the median of unknown values is unknown, not 0. */
static void test_unknown(void **state)
{
	struct bench_spread s = of(3, (const double[]){ NAN, 2, NAN });

	(void)state;
	assert_true(s.median == 2 && s.count == 1);
	s = of(2, (const double[]){ NAN, NAN });
	assert_true(isnan(s.median) && s.count == 0);
	s = of(0, NULL);
	assert_true(isnan(s.median));
}

static void test_distinct(void **state)
{
	struct bench_spread low = of(3, (const double[]){ 1, 2, 3 });
	struct bench_spread high = of(3, (const double[]){ 4, 5, 6 });
	struct bench_spread touching = of(3, (const double[]){ 3, 5, 6 });
	struct bench_spread few = of(2, (const double[]){ 7, 8 });
	struct bench_spread none = of(0, NULL);

	(void)state;
	assert_true(bench_distinct(&low, &high));
	assert_true(bench_distinct(&high, &low));
	assert_false(bench_distinct(&low, &touching));
	assert_false(bench_distinct(&low, &low));
	assert_false(bench_distinct(&low, &few));
	assert_false(bench_distinct(&low, &none));
}

static void one_wild_value_hides_no_difference(void **state)
{
	struct bench_spread low = of(5, (const double[]){ 1, 2, 3, 4, 99 });
	struct bench_spread high = of(5, (const double[]){ 10, 11, 12, 13, 14 });
	struct bench_spread middle = of(5, (const double[]){ 3, 4, 5, 6, 7 });

	(void)state;
	assert_false(bench_distinct(&low, &high)); /* 5 of 25 pairs: 15 % */
	low = of(7, (const double[]){ 1, 2, 3, 4, 5, 6, 99 });
	high = of(7, (const double[]){ 10, 11, 12, 13, 14, 15, 16 });
	assert_true(bench_distinct(&low, &high));
	assert_false(bench_distinct(&low, &middle));
}

/* Critical values of U from the tables of Mann and Whitney: two-sided, 10 %. */
static void the_chance_is_that_of_the_tables(void **state)
{
	static const struct {
		unsigned m, n, most;
	} rows[] = { { 3, 3, 0 }, { 4, 4, 1 },	{ 5, 5, 4 },
		     { 3, 6, 2 }, { 8, 8, 15 }, { 20, 20, 138 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(2 * bench_chance(rows[i].m, rows[i].n, rows[i].most) <= 0.1 + 1e-9);
		assert_true(2 * bench_chance(rows[i].m, rows[i].n, rows[i].most + 1) > 0.1);
	}
	assert_true(fabs(bench_chance(64, 64, 64 * 64) - 1) < 1e-9);
	assert_true(fabs(bench_chance(64, 64, 64 * 64 / 2 - 1) - 0.5) < 0.01);
}

static void test_below(void **state)
{
	struct bench_spread low = of(3, (const double[]){ 1, 2, 3 });
	struct bench_spread high = of(3, (const double[]){ 4, 5, 6 });
	struct bench_spread same = of(3, (const double[]){ 2, 2, 2 });
	struct bench_spread none = of(0, NULL);

	(void)state;
	assert_true(bench_below(&low, &high) == 1);
	assert_true(bench_below(&high, &low) == -1);
	assert_true(bench_below(&low, &same) == 0);
	assert_true(bench_below(&none, &same) == 0);
}

static void test_figures(void **state)
{
	struct bench_sample s = {
		.bytes = 2000000000,
		.calls = 10,
		.user_copied_bytes = 1000000000,
		.kernel_copied_bytes = 2000000000,
		.fell_back_bytes = 3000000000,
		.seconds = 4,
		.cpu_seconds = 1,
		.system_seconds = 3,
		.receiver_cpu_ns = -1,
	};

	(void)state;
	assert_true(bench_rate(&s) == 5e8);
	assert_true(bench_sender_cpu(&s) == 0.5);
	assert_true(bench_system_cpu(&s) == 1.5);
	assert_true(bench_calls(&s) == 5);
	assert_true(bench_copies(&s) == 1.5);
	assert_true(bench_fell_back(&s) == 1);
	assert_true(isnan(bench_receiver_cpu(&s)));
	assert_true(isnan(bench_both_cpu(&s)));
	s.receiver_cpu_ns = 0.25;
	assert_true(bench_both_cpu(&s) == 0.75);
	s.system_seconds = 0.04; /* 4 ticks */
	assert_true(isnan(bench_system_cpu(&s)));
	s.unknown_bytes = 1;
	assert_true(isnan(bench_copies(&s)) && isnan(bench_fell_back(&s)));
	s.bytes = 0;
	assert_true(isnan(bench_sender_cpu(&s)));
}

/* What a receiver knows is less, and what it does not know is not 0. */
static void what_a_receiver_does_not_know_has_no_figure(void **state)
{
	struct bench_sample s = {
		.bytes = 1000000000,
		.calls = ZCDMA_UNKNOWN,
		.seconds = 1,
		.cpu_seconds = -1,
		.receiver_cpu_ns = 0.5,
	};

	(void)state;
	assert_true(isnan(bench_calls(&s)));
	assert_true(isnan(bench_sender_cpu(&s)) && isnan(bench_both_cpu(&s)));
	assert_true(bench_receiver_cpu(&s) == 0.5);
	assert_true(isnan(bench_lost(&s)));
	s.offered_bytes = 4000000000;
	assert_true(bench_lost(&s) == 0);
	s.lost_bytes = 1000000000;
	assert_true(bench_lost(&s) == 0.25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_distinct),
		cmocka_unit_test(one_wild_value_hides_no_difference),
		cmocka_unit_test(the_chance_is_that_of_the_tables),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(what_a_receiver_does_not_know_has_no_figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
