// SPDX-License-Identifier: GPL-2.0-only
/* What a path counts by completions, and what of it a reset makes unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/path.h"
#include "pair.h"

static struct zcdma_ctx *ctx;
static struct zcdma_path path;
static int out, in;

static int setup(void **state)
{
	(void)state;
	if (zcdma_new(&ctx))
		return -1;
	tcp_pair(ctx, &out, &in);
	path = (struct zcdma_path){ .ctx = ctx, .sink = { .fd = out, .kind = ZC_SINK_SOCKET } };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(out);
	if (in >= 0)
		close(in);
	zcdma_free(ctx);
	return 0;
}

/* Reset the connection, and see a call fail. */
static void reset(void)
{
	char byte;

	zc_reset_on_close(in, true);
	close(in);
	in = -1;
	assert_int_equal(recv(out, &byte, 1, 0), -1);
	assert_int_equal(zc_path_fail(&path, errno, "send"), -ECONNRESET);
}

static void expect(uint64_t zerocopied, uint64_t fell_back, uint64_t unknown)
{
	const struct zcdma_path_stats *s = &path.stats;

	assert_int_equal(s->zerocopy_bytes, zerocopied);
	assert_int_equal(s->zerocopy_calls, zerocopied / 100);
	assert_int_equal(s->fell_back_bytes, fell_back);
	assert_int_equal(s->fell_back_calls, fell_back / 100);
	assert_int_equal(s->unknown_bytes, unknown);
	assert_int_equal(s->unknown_calls, unknown / 100);
}

/* A send that the kernel accepts shows that the connection was there: what completed before it was sent. */
static void what_completed_before_the_last_send_is_known(void **state)
{
	(void)state;
	zc_path_completed(&path, 100, 1, false);
	zc_path_completed(&path, 200, 2, true);
	zc_path_completed_merged(&path, 300, 3, true);
	zc_path_arrived(&path, 1);
	zc_path_completed(&path, 400, 4, true);
	zc_path_completed_merged(&path, 500, 5, true);
	reset();
	expect(100, 900, 500);
}

static void what_completed_since_is_unknown(void **state)
{
	(void)state;
	zc_path_arrived(&path, 1);
	zc_path_completed(&path, 100, 1, false);
	zc_path_completed_merged(&path, 200, 2, false);
	reset();
	expect(0, 0, 300);
}

static void what_completes_after_a_reset_is_unknown(void **state)
{
	(void)state;
	zc_path_arrived(&path, 1);
	reset();
	zc_path_completed(&path, 100, 1, false);
	zc_path_completed_merged(&path, 200, 2, true);
	zc_path_completed(&path, 400, 4, true); /* which a purge does not say */
	expect(0, 400, 300);
}

/* What two reports that differ leave unknown is not taken away twice. */
static void unknown_ones_stay_so_after_a_reset(void **state)
{
	(void)state;
	zc_path_completed(&path, 100, 1, false);
	zc_path_completed_merged(&path, 200, 2, false);
	zc_path_completed(&path, 400, 4, true);
	expect(100, 400, 200);
	zc_path_completed_merged(&path, 500, 5, true);
	zc_path_arrived(&path, 1);
	zc_path_completed(&path, 700, 7, false);
	expect(800, 400, 700);
	reset();
	expect(100, 400, 1400);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_completed_before_the_last_send_is_known),
		TEST(what_completed_since_is_unknown),
		TEST(what_completes_after_a_reset_is_unknown),
		TEST(unknown_ones_stay_so_after_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
