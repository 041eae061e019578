// SPDX-License-Identifier: GPL-2.0-only
/* What the command's report makes of values, and which name it takes for the one that was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/suggest.c"
#include "cli/report_text.c"

#define assert_prints(expected, call)                     \
	do {                                              \
		char *text_;                              \
		size_t size_;                             \
		FILE *f = open_memstream(&text_, &size_); \
                                                          \
		assert_non_null(f);                       \
		call;                                     \
		fclose(f);                                \
		assert_string_equal(text_, expected);     \
		free(text_);                              \
	} while (0)

static void test_rates(void **state)
{
	(void)state;
	assert_prints("0 B/s", text_rate(f, 0));
	assert_prints("999 B/s", text_rate(f, 999.4));
	assert_prints("1.00 kB/s", text_rate(f, 999.5));
	assert_prints("360 MB/s", text_rate(f, 360e6));
	assert_prints("9.99 GB/s", text_rate(f, 9.994e9));
	assert_prints("10.0 GB/s", text_rate(f, 9.996e9));
	assert_prints("100 GB/s", text_rate(f, 99.96e9));
	assert_prints("1.00 TB/s", text_rate(f, 999.9e9));
	assert_prints("12346 TB/s", text_rate(f, 12345.6e12));
	assert_prints("-", text_rate(f, INFINITY));
	assert_prints("-", text_rate(f, NAN));
}

static void test_times(void **state)
{
	(void)state;
	assert_prints("0.312 s", text_seconds(f, 0.3124));
	assert_prints("12.3 s", text_seconds(f, 12.34));
	assert_prints("86400 s", text_seconds(f, 86400));
	assert_prints("-", text_seconds(f, NAN));
	assert_prints("37 ns", text_latency(f, 37));
	assert_prints("210 us", text_latency(f, 210000));
	assert_prints("1.00 ms", text_latency(f, 999900));
	assert_prints("61.0 s", text_latency(f, 61000000000u));
	assert_prints("0.34", text_number(f, 0.341));
	assert_prints("-", text_number(f, -INFINITY));
}

static void test_wrap(void **state)
{
	(void)state;
	assert_prints("\n", text_wrap(f, "", 0, 10));
	assert_prints("aa bb cc d\n", text_wrap(f, "aa bb  cc d", 0, 10));
	assert_prints("aa bb cc\ndd\n", text_wrap(f, "aa bb cc dd", 0, 10));
	assert_prints("a\nlongerthanthewidth\nb\n", text_wrap(f, "a longerthanthewidth b", 0, 10));
	assert_prints("one\n\ntwo\n", text_wrap(f, "one\n\ntwo", 0, 10));
	assert_prints("aa\n  bb\n  cc\n", text_wrap(f, "aa bb\ncc", 2, 6));
	/* two bytes each, but one column */
	assert_prints("\xc3\xa4\xc3\xb6\xc3\xbc xx\n",
		      text_wrap(f, "\xc3\xa4\xc3\xb6\xc3\xbc xx", 0, 6));
}

static void test_clean(void **state)
{
	char text[] = "a\nb\x1b[1m\x7f\xc3\xbc";

	(void)state;
	assert_string_equal(text_clean(text), "a?b?[1m?\xc3\xbc");
}

static const char *nearest_of(const char *to)
{
	static const char *const names[] = { "capture", "zcsend", "vmsplice", "copysend",
					     "verify" };
	struct nearest n = { .to = to };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		nearest_try(&n, names[i]);
	return n.name;
}

static void test_nearest(void **state)
{
	char longer[LONGEST + 2];

	(void)state;
	assert_string_equal(nearest_of("zcsned"), "zcsend");
	assert_string_equal(nearest_of("vmsplise"), "vmsplice");
	assert_string_equal(nearest_of("capt"), "capture");
	assert_string_equal(nearest_of("coppysend"), "copysend");
	assert_null(nearest_of("bench"));
	assert_null(nearest_of("x"));
	assert_null(nearest_of(""));

	memset(longer, 'c', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_null(nearest_of(longer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),	cmocka_unit_test(test_times),
		cmocka_unit_test(test_wrap),	cmocka_unit_test(test_clean),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
