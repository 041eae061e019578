// SPDX-License-Identifier: GPL-2.0-only
/* A path that goes on with another file, or does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "context.h"
#include "pattern_file.h"

static uint64_t size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static void send_block(struct zcdma_source *src, struct zcdma_path *path)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_next(src, -1, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
}

/* After a refusal the path has the file before, also where the other one is what it reads from. */
static void what_is_refused_changes_nothing(void **state)
{
	const int first = memfd_create("first", 0), second = memfd_create("second", 0);
	struct zcdma_source *src;
	struct zcdma_path *path;
	char spec[64];
	int data = make_file(3 << 20, spec, sizeof(spec)), null = open("/dev/null", O_WRONLY);

	(void)state;
	assert_true(first >= 0 && second >= 0 && null >= 0);
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", first, &path), 0);
	send_block(src, path);
	assert_int_equal(zcdma_path_switch(path, null), -EINVAL);
	assert_int_equal(zcdma_path_switch(path, data), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "the other file is the source itself"));
	send_block(src, path);
	assert_int_equal(zcdma_path_switch(path, second), 0);
	send_block(src, path);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_int_equal(size_of(first), 2 << 20);
	assert_int_equal(size_of(second), 1 << 20);
	assert_int_equal(size_of(data), 3 << 20);
	zcdma_path_close(path);
	zcdma_source_close(src);
	close(null);
	close(data);
	close(first);
	close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, make_ctx,
						free_ctx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
