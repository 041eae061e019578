/* SPDX-License-Identifier: GPL-2.0-only */
/* The histogram: every value has a bucket, and no quantile is too low, nor more than 6.25 % too
 * high. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <zcdma.h>
#include <zcdma/util.h>

/* Static, as it is large for a stack. */
static struct zcdma_hist hist;

static void clear(void)
{
	hist = (struct zcdma_hist){ 0 };
}

/* Check that the median of @value and a larger value is @value, to the precision of a bucket. */
static void check_value(uint64_t value)
{
	uint64_t median;

	clear();
	zcdma_hist_add(&hist, value);
	zcdma_hist_add(&hist, UINT64_MAX);
	median = zcdma_hist_quantile(&hist, 0.5);
	assert_true(median >= value);
	assert_true(median - value <= value / ZCDMA_HIST_STEPS);
}

static void an_empty_one_has_no_quantile(void **state)
{
	(void)state;
	clear();
	assert_int_equal(zcdma_hist_quantile(&hist, 0.5), 0);
	assert_int_equal(zcdma_hist_quantile(&hist, 1), 0);
}

static void small_values_are_exact(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < 2 * ZCDMA_HIST_STEPS; v++) {
		clear();
		zcdma_hist_add(&hist, v);
		zcdma_hist_add(&hist, UINT64_MAX);
		assert_int_equal(zcdma_hist_quantile(&hist, 0.5), v);
	}
}

static void every_value_has_its_bucket(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (uint64_t part = 0; part < 64; part++) {
			uint64_t value = (UINT64_C(1) << bit) + ((UINT64_C(1) << bit) / 64 * part);

			check_value(value);
			check_value(value - 1);
		}
	}
	check_value(UINT64_MAX);
}

static void quantiles_are_in_order(void **state)
{
	(void)state;
	clear();
	for (uint64_t v = 1; v <= 10000; v++)
		zcdma_hist_add(&hist, v);
	assert_int_equal(hist.count, 10000);
	assert_int_equal(hist.max, 10000);
	for (unsigned percent = 1; percent <= 100; percent++) {
		uint64_t exact = percent * 100;
		uint64_t value = zcdma_hist_quantile(&hist, percent / 100.0);

		assert_true(value >= exact && value <= exact + exact / ZCDMA_HIST_STEPS);
	}
	assert_int_equal(zcdma_hist_quantile(&hist, 0), 1);
	assert_int_equal(zcdma_hist_quantile(&hist, 1), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_quantile),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(every_value_has_its_bucket),
		cmocka_unit_test(quantiles_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
