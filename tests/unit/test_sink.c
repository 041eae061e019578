// SPDX-License-Identifier: GPL-2.0-only
/* A sink that takes nothing and does not say why, as the driver of a device may: it is not tried without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <zcdma.h>

/* How long a try may take before it is one without end: the process is ended then. */
#define LIMIT_SECONDS 20

static int sink = -1;

/* The library's: the sink takes nothing. */
ssize_t write(int fd, const void *data, size_t len)
{
	return fd == sink && sink >= 0 ? 0 : (ssize_t)syscall(SYS_write, fd, data, len);
}

ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags)
{
	return to == sink && sink >= 0
		       ? 0
		       : (ssize_t)syscall(SYS_splice, from, from_at, to, to_at, len, flags);
}

static void assert_ends(const char *type)
{
	struct zcdma_source *src;
	struct zcdma_path *path;
	struct zcdma_block b;
	struct zcdma_ctx *ctx;

	assert_int_equal(zcdma_new(&ctx), 0);
	assert_int_equal(zcdma_source_open(ctx, "sim:block=64K", &src), 0);
	sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(sink >= 0);
	assert_int_equal(zcdma_path_open(ctx, src, type, sink, &path), 0);
	assert_int_equal(zcdma_source_next(src, -1, &b), 1);
	alarm(LIMIT_SECONDS);
	assert_int_equal(zcdma_path_send(path, &b), -EIO);
	alarm(0);
	assert_non_null(strstr(zcdma_error(ctx), "/dev/null: Input/output error"));
	zcdma_path_close(path);
	zcdma_source_close(src);
	zcdma_free(ctx);
	close(sink);
	sink = -1;
}

static void a_write_that_takes_nothing_is_an_error(void **state)
{
	(void)state;
	assert_ends("copy");
}

static void a_splice_that_takes_nothing_is_an_error(void **state)
{
	(void)state;
	assert_ends("splice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_that_takes_nothing_is_an_error),
		cmocka_unit_test(a_splice_that_takes_nothing_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
