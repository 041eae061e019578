// SPDX-License-Identifier: GPL-2.0-only
/* Medians, spreads, and what can be told apart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../cmd/bench_stats.c"

static struct bench_spread of(unsigned count, const double *given)
{
	double values[8];

	for (unsigned i = 0; i < count; i++)
		values[i] = given[i];
	return bench_spread_of(values, count);
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

/* What is not known does not count, and nothing known is no zero. */
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
	struct bench_spread none = of(0, NULL);

	(void)state;
	assert_true(bench_distinct(&low, &high));
	assert_true(bench_distinct(&high, &low));
	assert_false(bench_distinct(&low, &touching));
	assert_false(bench_distinct(&low, &low));
	assert_false(bench_distinct(&low, &none));
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
	s.untold_bytes = 1;
	assert_true(isnan(bench_copies(&s)) && isnan(bench_fell_back(&s)));
	s.bytes = 0;
	assert_true(isnan(bench_sender_cpu(&s)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_distinct),
		cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
