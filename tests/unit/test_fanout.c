// SPDX-License-Identifier: GPL-2.0-only
/* Several receivers of one transfer: what is sent in the end, when one of them has ended early. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "transfer/fanout.h"

#define BLOCK 65536u
#define EACH  (10 * BLOCK)

static struct fanout f;
static struct transfer t;
static int null_fd;

static int setup(void **state)
{
	(void)state;
	f = (struct fanout){ .what = "receiver" };
	t = (struct transfer){ .report = report_new("capture") };
	report_set_mode(t.report, false, true, false);
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (zcdma_new(&t.ctx) || zcdma_source_open(t.ctx, "sim:block=64K,blocks=4", &t.src) ||
	    zcdma_source_start(t.src))
		return -1;
	fanout_begin(&f, &t);
	for (unsigned i = 0; i < 3; i++) {
		if (zcdma_path_open(t.ctx, t.src, "copy", null_fd, &t.path))
			return -1;
		fanout_add(&f, &t, "null");
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fanout_close(&f);
	zcdma_source_close(t.src);
	zcdma_free(t.ctx);
	report_free(t.report);
	close(null_fd);
	return 0;
}

static void send_block(void)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_next(t.src, 10000, &b), 1);
	assert_int_equal(f.several.send(&t, &b), 0);
}

static void each_gets_as_much_as_the_others(void **state)
{
	(void)state;
	send_block();
	assert_int_equal(f.several.get_total(&t, EACH), 3 * EACH);
}

static void one_that_ended_gets_no_more(void **state)
{
	(void)state;
	send_block();
	send_block();
	assert_int_equal(fanout_fail(&f, &t, 1, -EPIPE, "it is gone"), 0);
	assert_int_equal(f.several.get_total(&t, EACH), 2 * EACH + 2 * BLOCK);
	send_block();
	assert_int_equal(fanout_fail(&f, &t, 0, -EPIPE, "it is gone"), 0);
	assert_int_equal(f.several.get_total(&t, EACH), EACH + 5 * BLOCK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_gets_as_much_as_the_others),
		TEST(one_that_ended_gets_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
