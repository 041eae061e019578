/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes: what is one, what is not, and how they are written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <zcdma.h>
#include <zcdma/util.h>

#define KIB UINT64_C(1024)

static void sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} cases[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "512B", 512 },
		{ "4K", 4 * KIB },
		{ "4KiB", 4 * KIB },
		{ "4kB", 4000 },
		{ "3M", 3 * KIB * KIB },
		{ "3MiB", 3 * KIB * KIB },
		{ "3MB", 3000000 },
		{ "2G", 2 * KIB * KIB * KIB },
		{ "2GiB", 2 * KIB * KIB * KIB },
		{ "2GB", 2000000000 },
		{ "5T", 5 * KIB * KIB * KIB * KIB },
		{ "5TiB", 5 * KIB * KIB * KIB * KIB },
		{ "5TB", UINT64_C(5000000000000) },
		{ "010", 10 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size = 1;
		assert_int_equal(zcdma_size_parse(cases[i].text, &size), 0);
		assert_true(size == cases[i].size);
	}
}

static void others_are_not(void **state)
{
	static const char *const no_size[] = {
		"",  "4X", "-1",  "+1",	 "1.5G", "0x10",  " 4K", "4K ", "4 K",
		"K", "4k", "4KB", "4mB", "4kiB", "4KiBB", "4KK", "1e3", "99999999999999999999999X",
	};
	static const char *const too_large[] = {
		"99999999999G",	       "18446744073709551616",
		"16777216T",	       "99999999999999999999999",
		"18446744073709552kB",
	};
	uint64_t size = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(no_size) / sizeof(no_size[0]); i++)
		assert_int_equal(zcdma_size_parse(no_size[i], &size), -EINVAL);
	for (size_t i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++)
		assert_int_equal(zcdma_size_parse(too_large[i], &size), -ERANGE);
	assert_int_equal(size, 42);
}

static void sizes_are_written(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 1536, "1.50 KiB" },
		{ 1024 * 1024 - 1, "1.00 MiB" },
		{ 1024 * 1024, "1.00 MiB" },
		{ 1500000, "1.43 MiB" },
		{ 3 * KIB * KIB * KIB / 2, "1.50 GiB" },
		{ 1023 * KIB * KIB * KIB, "1023.00 GiB" },
		{ KIB * KIB * KIB * KIB, "1.00 TiB" },
		{ KIB * KIB * KIB * KIB * KIB, "1.00 PiB" },
		{ UINT64_MAX, "16.00 EiB" },
	};
	char buf[32], tiny[4];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_ptr_equal(zcdma_size_format(cases[i].bytes, buf, sizeof(buf)), buf);
		assert_string_equal(buf, cases[i].text);
	}
	assert_string_equal(zcdma_size_format(123456, tiny, sizeof(tiny)), "120");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(sizes_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
