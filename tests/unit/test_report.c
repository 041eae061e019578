// SPDX-License-Identifier: GPL-2.0-only
/* What the command's report makes of values, and which name it takes for the one that was meant. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/report.h"
#include "cli/report_text.h"
#include "cli/suggest.h"

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
	char buf[32];

	(void)state;
	assert_string_equal(text_rate(0, buf, sizeof(buf)), "0 B/s");
	assert_string_equal(text_rate(999.4, buf, sizeof(buf)), "999 B/s");
	assert_string_equal(text_rate(999.5, buf, sizeof(buf)), "1.00 kB/s");
	assert_string_equal(text_rate(360e6, buf, sizeof(buf)), "360 MB/s");
	assert_string_equal(text_rate(9.994e9, buf, sizeof(buf)), "9.99 GB/s");
	assert_string_equal(text_rate(9.996e9, buf, sizeof(buf)), "10.0 GB/s");
	assert_string_equal(text_rate(99.96e9, buf, sizeof(buf)), "100 GB/s");
	assert_string_equal(text_rate(999.9e9, buf, sizeof(buf)), "1.00 TB/s");
	assert_string_equal(text_rate(12345.6e12, buf, sizeof(buf)), "12346 TB/s");
}

static void test_times(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(text_seconds(0.3124, buf, sizeof(buf)), "0.312 s");
	assert_string_equal(text_seconds(12.34, buf, sizeof(buf)), "12.3 s");
	assert_string_equal(text_seconds(86400, buf, sizeof(buf)), "86400 s");
	assert_string_equal(text_latency(37, buf, sizeof(buf)), "37 ns");
	assert_string_equal(text_latency(210000, buf, sizeof(buf)), "210 us");
	assert_string_equal(text_latency(999900, buf, sizeof(buf)), "1.00 ms");
	assert_string_equal(text_latency(61000000000u, buf, sizeof(buf)), "61.0 s");
}

/* The value put last, as "KEY: JSON as TEXT". */
static char put[128];

void report_value(struct report *r, const char *key, json_t *value, const char *text,
		  const char *after)
{
	char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));

	(void)r;
	assert_non_null(json);
	snprintf(put, sizeof(put), "%s: %s as %s%s", key, json, json_is_null(value) ? "-" : text,
		 after);
	free(json);
	json_decref(value);
}

static void test_values(void **state)
{
	(void)state;
	report_count(NULL, "n", 1024, " blocks");
	assert_string_equal(put, "n: 1024 as 1024 blocks");
	report_count(NULL, "n", UINT64_MAX - 1, "");
	assert_string_equal(put, "n: 9223372036854775807 as 18446744073709551614");
	report_count(NULL, "n", REPORT_UNKNOWN, " blocks");
	assert_string_equal(put, "n: null as - blocks");
	report_count(NULL, "n", 1, " blocks lost, ");
	assert_string_equal(put, "n: 1 as 1 block lost, ");
	report_count(NULL, "n", 1, " system calls");
	assert_string_equal(put, "n: 1 as 1 system call");
	report_count(NULL, "n", 1, " in other senders");
	assert_string_equal(put, "n: 1 as 1 in other senders");
	report_count(NULL, "n", 1, "");
	assert_string_equal(put, "n: 1 as 1");
	report_bytes(NULL, "b", 1536, "");
	assert_string_equal(put, "b: 1536 as 1.50 KiB");
	report_bytes(NULL, "b", REPORT_UNKNOWN, "");
	assert_string_equal(put, "b: null as -");
	report_nanoseconds(NULL, "l_ns", 210000, "");
	assert_string_equal(put, "l_ns: 210000 as 210 us");
	report_nanoseconds(NULL, "l_ns", REPORT_UNKNOWN, "");
	assert_string_equal(put, "l_ns: null as -");
	report_seconds(NULL, "s", 0.5, "");
	assert_string_equal(put, "s: 0.5 as 0.500 s");
	report_seconds(NULL, "s", NAN, "");
	assert_string_equal(put, "s: null as -");
	report_rate(NULL, "r", 3000000, 2, "");
	assert_string_equal(put, "r: 1.5e6 as 1.50 MB/s");
	report_rate(NULL, "r", 3000000, 0, "");
	assert_string_equal(put, "r: null as -");
	report_number(NULL, "d", 0.341, "");
	assert_string_equal(put, "d: 0.341 as 0.34");
	report_number(NULL, "d", -INFINITY, "");
	assert_string_equal(put, "d: null as -");
	report_text(NULL, "t", "sim:", ", ");
	assert_string_equal(put, "t: \"sim:\" as sim:, ");
	report_text(NULL, "t", NULL, ", ");
	assert_string_equal(put, "t: null as -, ");
	report_flag(NULL, "f", true, "");
	assert_string_equal(put, "f: true as yes");
	report_flag(NULL, "f", false, "");
	assert_string_equal(put, "f: false as no");
	report_flag(NULL, "f", -1, "");
	assert_string_equal(put, "f: null as -");
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

static void test_bytes(void **state)
{
	(void)state;
	assert_int_equal(text_bytes("abc", 0), 0);
	assert_int_equal(text_bytes("abc", 2), 2);
	assert_int_equal(text_bytes("abc", 4), 3);
	/* two bytes each, but one column */
	assert_int_equal(text_bytes("\xc3\xa4\xc3\xb6x", 2), 4);
	assert_int_equal(text_bytes("\033[1mab\033[0mc", 2), 10);
	assert_int_equal(text_bytes("\033[1mab\033[0mc", 3), 11);
	assert_int_equal(text_bytes("a\033[1", 2), 4);
	assert_int_equal(text_bytes("\033", 1), 1);
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
	struct suggestion n = { .to = to };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		suggest_try(&n, names[i]);
	return n.name;
}

static void test_nearest(void **state)
{
	char longer[SUGGEST_LONGEST + 2];

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
		cmocka_unit_test(test_values),	cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_bytes),	cmocka_unit_test(test_clean),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
