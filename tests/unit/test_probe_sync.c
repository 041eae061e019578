// SPDX-License-Identifier: GPL-2.0-only
/* A device that maps its memory uncached where it is opened with O_SYNC: both speeds are measured, and said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/probed.h"
#include "probe/speed.h"

#include "fortified.h"

#define DEVICE "/dev/zero"

/* What the device is, and how it was opened last. */
static struct {
	uint64_t speed, sync_speed;
	int sync_error; /* of open() with O_SYNC, or 0 */
	bool sync;
	unsigned opened;
} dev;

/* These come before those of the C library, and of ours. */
int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (!strcmp(path, DEVICE)) {
		dev.opened++;
		dev.sync = (flags & O_SYNC) == O_SYNC;
		errno = dev.sync ? dev.sync_error : 0;
		if (errno)
			return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

uint64_t zc_read_speed(const void *addr, size_t len)
{
	(void)addr;
	(void)len;
	return dev.sync ? dev.sync_speed : dev.speed;
}

uint64_t zc_read_speed_anonymous(size_t len)
{
	(void)len;
	return 8000000000;
}

/* Probe the device, and print the report. Returns its text until the next call. */
static const char *probe(struct zcdma_probe *p)
{
	static char text[8192];
	struct probed_row row = { .asked = true };
	struct probed all = { .rows = &row, .count = 1 };
	struct report *r = report_new("probe");
	struct zcdma_ctx *ctx;
	FILE *to = tmpfile();
	int out = dup(STDOUT_FILENO);
	size_t n;

	assert_int_equal(zcdma_new(&ctx), 0);
	assert_int_equal(zcdma_probe_path(ctx, DEVICE, 0, 0, 0, 0, &row.p), 0);
	zcdma_free(ctx);
	*p = row.p;
	probed_report(&all, r);
	fflush(stdout);
	dup2(fileno(to), STDOUT_FILENO);
	report_finish(r, 0);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	report_free(r);
	rewind(to);
	n = fread(text, 1, sizeof(text) - 1, to);
	text[n] = '\0';
	fclose(to);
	for (char *c = text; (c = strchr(c, '\n'));)
		*c = ' ';
	return text;
}

static void says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not \"%s\" in \"%s\"", part, text);
}

static void test_uncached_with_it(void **state)
{
	struct zcdma_probe p;
	const char *text;

	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.speed = 4000000000;
	dev.sync_speed = 97000000;
	text = probe(&p);
	assert_false(p.uncached);
	assert_int_equal(p.read_bytes_per_second, 4000000000);
	assert_int_equal(p.sync_read_bytes_per_second, 97000000);
	says(text,
	     "O_SYNC, /dev/zero: opened with it, the mapping is uncached: it is read at 97.0 MB/s, and at 4.00 GB/s without. Hint: open it without O_SYNC");
}

static void test_uncached_anyway(void **state)
{
	struct zcdma_probe p;
	const char *text;

	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.speed = 97000000;
	dev.sync_speed = 69000000;
	text = probe(&p);
	assert_true(p.uncached);
	says(text,
	     "uncached, /dev/zero: it is read at 97.0 MB/s, at 69.0 MB/s where it is opened with O_SYNC, and anonymous memory at 8.00 GB/s.");
	assert_null(strstr(text, "O_SYNC, /dev/zero"));
}

static void test_no_difference(void **state)
{
	struct zcdma_probe p;

	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.speed = dev.sync_speed = 4000000000;
	assert_null(strstr(probe(&p), "O_SYNC, /dev"));
	assert_int_equal(p.sync_read_bytes_per_second, 4000000000);
}

/* A device that one program at a time may open, or that refuses O_SYNC: it is unknown, and no error. */
static void test_refused(void **state)
{
	struct zcdma_probe p;
	const char *text;

	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.speed = 97000000;
	dev.sync_error = EBUSY;
	text = probe(&p);
	assert_int_equal(p.err, 0);
	assert_int_equal(p.sync_read_bytes_per_second, 0);
	says(text,
	     "uncached, /dev/zero: it is read at 97.0 MB/s, and anonymous memory at 8.00 GB/s.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uncached_with_it),
		cmocka_unit_test(test_uncached_anyway),
		cmocka_unit_test(test_no_difference),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
