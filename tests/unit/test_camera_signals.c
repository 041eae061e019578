// SPDX-License-Identifier: GPL-2.0-only
/* Signals that come while a program waits for a camera's first frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "cli/signals.h"
#include "cli/status.h"
#include "transfer/setup.h"
#include "verify/stream.h"

#include "fake_camera.h"

static struct transfer t;
static struct report *r;

static int setup(void **state)
{
	(void)state;
	r = report_new("capture");
	t = (struct transfer){ .path_type = zcdma_path_find("copy") };
	return setup_context(&t, r);
}

static int teardown(void **state)
{
	(void)state;
	setup_close(&t);
	report_free(r);
	close(cam.fd);
	return 0;
}

/* Have a camera whose first frame comes after the signal. Returns its address. */
static const char *slow_camera(int signal)
{
	const char *spec = fake_camera("memory=import");

	cam.silent = true;
	cam.signal = signal;
	return spec;
}

static int make_ring(int signal)
{
	const struct setup s = { .source = NULL };

	assert_int_equal(zcdma_source_open(t.ctx, slow_camera(signal), &t.src), 0);
	return setup_ring(&t, r, &s, NULL);
}

static void a_request_for_statistics_ends_no_start(void **state)
{
	struct zcdma_source_info info;

	(void)state;
	assert_int_equal(make_ring(SIGUSR1), STATUS_OK);
	zcdma_source_get_info(t.src, &info, sizeof(info));
	assert_int_equal(info.blocks, 8);
}

static void a_request_for_statistics_ends_no_check(void **state)
{
	const struct expectation any = { .seed = FAKE_SEED };
	struct stream s = {
		.expect = &any, .owner = t.ctx, .report = r, .fd = -1, .spec = slow_camera(SIGUSR1)
	};

	(void)state;
	cam.most = 5;
	cam.last = true;
	assert_true(stream_start(&s));
	stream_join(&s);
	assert_string_equal(s.error, "");
	assert_int_equal(s.rc, 0);
	assert_int_equal(s.bytes, 5 * FAKE_FRAME);
	assert_int_equal(s.result.faults, 0);
	stream_free(&s);
}

/* The last test: what was asked for stays so. */
static void a_request_to_stop_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(make_ring(SIGINT), 128 + SIGINT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_request_for_statistics_ends_no_start),
		TEST(a_request_for_statistics_ends_no_check),
		TEST(a_request_to_stop_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
