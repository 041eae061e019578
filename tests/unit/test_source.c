// SPDX-License-Identifier: GPL-2.0-only
/* What all sources share: their specs with the errors, their kinds, and waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "sources.h"

static void wrong_specs_have_a_message(void **state)
{
	static const struct {
		const char *spec;
		int err;
		const char *error, *hint; /* text that they contain; a hint of NULL: not set */
	} wrong[] = {
		{ "sim:blocks=0", ERANGE, "source sim:blocks=0: blocks=0 is not valid",
		  "1 to 65536" },
		{ "sim:blocks=65537", ERANGE, "blocks=65537 is not valid", "1 to 65536" },
		{ "sim:blocks=4x", EINVAL, "blocks=4x is not valid", "a number" },
		{ "sim:blocks=-1", EINVAL, "blocks=-1 is not valid", "a number" },
		{ "sim:blocks", EINVAL, "blocks= is not valid", "a number" },
		{ "sim:block=5", EINVAL, "block=5 is not valid", "multiple of the page size" },
		{ "sim:block=0", ERANGE, "block=0 is not valid", "multiple of the page size" },
		{ "sim:block=2T", ERANGE, "block=2T is not valid", "up to 1" },
		{ "sim:block=1G,blocks=65536", ENOMEM, "ring of 65536 blocks",
		  "half of this machine" },
		{ "sim:rate=0", ERANGE, "rate=0 is not valid", "bytes per second" },
		{ "sim:rate=fast", EINVAL, "rate=fast is not valid", "bytes per second" },
		{ "sim:seed=", EINVAL, "seed= is not valid", "a number" },
		{ "sim:seed=99999999999999999999", ERANGE, "seed=9999", "a number" },
		{ "sim:memory=core", EINVAL, "memory=core is not valid", "anon, memfd" },
		{ "sim:fill=twice", EINVAL, "fill=twice is not valid", "always or once" },
		{ "sim:colour=red", EINVAL, "unknown option colour", "sim: takes blocks=" },
		{ "sim:block=4K,", EINVAL, "unknown option (an empty one)", "sim: takes blocks=" },
		{ "sin:", EINVAL, "source sin:: unknown kind of source", "known are sim:" },
		{ "file:/nowhere/x", ENOENT, "open /nowhere/x: No such file", NULL },
		{ "/nowhere/x", ENOENT, "open /nowhere/x: No such file", NULL },
		{ "/nowhere/x:y", ENOENT, "open /nowhere/x:y: No such file", NULL },
		{ "file:", EINVAL, "source 'file:': it names no file", NULL },
		{ "", EINVAL, "source '': it names no file", NULL },
		{ "/", EISDIR, "open /: Is a directory", NULL },
		{ "file:/dev/null", EINVAL, "it is a device or a pipe, not a file",
		  "write read:/dev/null" },
	};
	struct zcdma_source *src;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int rc = lab_open(ctx, wrong[i].spec, 0, &src);
		const char *hint = zcdma_hint(ctx);

		if (rc != -wrong[i].err || !strstr(zcdma_error(ctx), wrong[i].error) ||
		    !hint != !wrong[i].hint || (hint && !strstr(hint, wrong[i].hint)))
			fail_msg("%s: %d, \"%s\", \"%s\"", wrong[i].spec, rc, zcdma_error(ctx),
				 hint ? hint : "(none)");
	}
}

static void wrong_descriptors_have_a_message(void **state)
{
	struct zcdma_source *src;
	int fd[2], dir = open("/", O_RDONLY);

	(void)state;
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(lab_open_fd(ctx, fd[0], "it", 0, &src), -EBADF);
	assert_string_equal(zcdma_error(ctx), "read it: it is not open for reading");
	assert_null(zcdma_hint(ctx));
	assert_int_equal(lab_open_fd(ctx, fd[1], "it", 0, &src), -EBADF);
	assert_string_equal(zcdma_error(ctx), "read it: it is not open for reading");
	assert_int_equal(lab_open_fd(ctx, dir, "it", 0, &src), -EISDIR);
	assert_string_equal(zcdma_error(ctx), "read it: Is a directory");
	close(fd[1]);
	close(dir);
}

static void kinds_are_listed(void **state)
{
	static const char *const names[] = { "sim",  "dev",  "v4l2", "iio", "read", "file",
					     "pipe", "pcap", "xdp",  "tcp", "udp" };
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(zcdma_source_type_at(i)->name, names[i]);
		assert_non_null(zcdma_source_type_at(i)->syntax);
		assert_non_null(zcdma_source_type_at(i)->summary);
	}
	assert_null(zcdma_source_type_at(i));
}

static void wait_is_interrupted_until_resumed(void **state)
{
	struct zcdma_source *src = start("sim:block=4K,rate=1", 0);

	(void)state;
	zcdma_interrupt(ctx);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, -1), -EINTR);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, -1), -EINTR);
	zcdma_resume(ctx);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 0), -ETIMEDOUT);
	zcdma_source_close(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_specs_have_a_message),
		cmocka_unit_test(wrong_descriptors_have_a_message),
		cmocka_unit_test(kinds_are_listed),
		cmocka_unit_test(wait_is_interrupted_until_resumed),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
