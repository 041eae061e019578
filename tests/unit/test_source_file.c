// SPDX-License-Identifier: GPL-2.0-only
/* Files as sources: mapped, read or lent, and cut while they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "sources.h"

static void check_file(unsigned flags, bool has_fd, bool has_data)
{
	const size_t len = 2 * 1048576 + 4097;
	struct zcdma_source *src;
	struct zcdma_block b;
	uint64_t at = 0;
	char spec[64];
	int fd = make_file(len, spec, sizeof(spec));

	src = start(spec, flags);
	for (unsigned i = 0; next(src, i == 0 ? 8192 : 0, &b) == 1; i++) {
		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, at);
		assert_true(i || b.len == 8192);
		assert_int_equal(b.fd >= 0, has_fd);
		assert_int_equal(b.fd_offset, has_fd ? (int64_t)at : -1);
		assert_int_equal(b.data != NULL, has_data);
		if (has_data)
			assert_pattern(&b, 0);
		at += b.len;
		put(src, &b);
	}
	assert_int_equal(at, len);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	zcdma_source_close(src);
	close(fd);
}

static void file_is_mapped_or_read_or_lent(void **state)
{
	(void)state;
	check_file(0, true, true);
	check_file(ZC_USE_READ, false, true);
	check_file(ZC_USE_FD, true, false);
}

static void file_grows_and_is_cut(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	char spec[64], sentence[128];
	int fd = make_file(100, spec, sizeof(spec));

	(void)state;
	src = start(spec, ZC_USE_FD);
	b = take(src);
	assert_int_equal(b.len, 100);
	put(src, &b);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	assert_int_equal(ftruncate(fd, 150), 0);
	b = take(src);
	assert_int_equal(b.offset, 100);
	assert_int_equal(b.len, 50);
	put(src, &b);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(zc_source_take(src, 0, &b), -EIO);
	snprintf(sentence, sizeof(sentence), "read %s: it was cut short meanwhile", spec);
	assert_string_equal(zcdma_error(ctx), sentence);
	zcdma_source_close(src);
	close(fd);
}

/* Check blocks that do not begin on a page. */
static void file_from_any_offset(void **state)
{
	char spec[64];
	struct zcdma_source *src;
	struct zcdma_block b[3];
	int fd = make_file(10000, spec, sizeof(spec));

	(void)state;
	src = start(spec, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(src, 1000, &b[i]), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(b[i].offset, i * 1000);
		assert_pattern(&b[i], 0);
		put(src, &b[i]);
	}
	zcdma_source_close(src);
	close(fd);
	unlink(spec);
}

static bool is_mapped(const void *p)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return !msync((void *)((uintptr_t)p / page * page), page, MS_ASYNC);
}

static void file_close_unmaps_what_is_out(void **state)
{
	char spec[64];
	struct zcdma_source *src;
	struct zcdma_block b;
	int fd = make_file(100, spec, sizeof(spec));

	(void)state;
	src = start(spec, 0);
	assert_int_equal(next(src, 0, &b), 1);
	assert_true(is_mapped(b.data));
	zcdma_source_close(src);
	assert_false(is_mapped(b.data));
	close(fd);
	unlink(spec);
}

/* Check a file that is cut to less than its size, but not to less than was read. */
static void file_cut_ahead_of_the_reader(void **state)
{
	char spec[64];
	struct zcdma_source *src;
	struct zcdma_block b;
	int fd = make_file(5000, spec, sizeof(spec));

	(void)state;
	for (unsigned flags = 0; flags <= ZC_USE_READ; flags += ZC_USE_READ) {
		assert_int_equal(ftruncate(fd, 5000), 0);
		src = start(spec, flags);
		assert_int_equal(next(src, 1000, &b), 1);
		put(src, &b);
		assert_int_equal(ftruncate(fd, 3000), 0);
		while (next(src, 1000, &b) == 1)
			put(src, &b);
		assert_int_equal(next(src, 1000, &b), -EIO);
		assert_non_null(strstr(zcdma_error(ctx), "cut short"));
		zcdma_source_close(src);
	}
	close(fd);
	unlink(spec);
}

static void file_without_a_byte(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	char spec[64];
	int fd = make_file(0, spec, sizeof(spec));

	(void)state;
	src = start(spec, 0);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	zcdma_source_close(src);
	close(fd);
}

/* Two blocks, each 10 ms of the pace; the first comes at once. A late test sees more time, and never less. */
static void file_has_a_pace(void **state)
{
	static const unsigned flags[] = { 0, ZC_USE_READ, ZC_USE_FD };
	char spec[64], paced[96];
	int fd = make_file(20 * 4096, spec, sizeof(spec));

	(void)state;
	snprintf(paced, sizeof(paced), "%s,pace=4096000", spec);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct zcdma_source *src = start(paced, flags[i]);
		const uint64_t begin = zc_now_ns();
		struct zcdma_block b;
		unsigned count = 0;

		for (; next(src, 0, &b) == 1; count++) {
			assert_true(b.len <= 40960);
			put(src, &b);
		}
		assert_int_equal(count, 2);
		assert_true(zc_now_ns() - begin >= 10000000u);
		zcdma_source_close(src);
	}
	assert_int_equal(
		zcdma_source_open(ctx, "file:/dev/null,pace=0", &(struct zcdma_source *){ NULL }),
		-ERANGE);
	assert_non_null(strstr(zcdma_hint(ctx), "100M"));
	assert_int_equal(
		zcdma_source_open(ctx, "file:a,b,pace=1M", &(struct zcdma_source *){ NULL }),
		-ENOENT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_mapped_or_read_or_lent),
		cmocka_unit_test(file_grows_and_is_cut),
		cmocka_unit_test(file_from_any_offset),
		cmocka_unit_test(file_close_unmaps_what_is_out),
		cmocka_unit_test(file_cut_ahead_of_the_reader),
		cmocka_unit_test(file_without_a_byte),
		cmocka_unit_test(file_has_a_pace),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
