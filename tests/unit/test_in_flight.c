// SPDX-License-Identifier: GPL-2.0-only
/* io_uring, and resets: when blocks that are in flight come back, and what is known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "pair.h"
#include "paths.h"

/* Send more than the receiver's queue takes, so that the rest is in the sender's. Returns when no more goes. */
static void fill_both_queues(void)
{
	const int received = 64 << 10, sent = 1 << 20;
	struct zcdma_block b;
	int rc;

	/* Fixed sizes: else the receiver's may grow to take everything. */
	assert_int_equal(setsockopt(in, SOL_SOCKET, SO_RCVBUF, &received, sizeof(received)), 0);
	assert_int_equal(setsockopt(out, SOL_SOCKET, SO_SNDBUF, &sent, sizeof(sent)), 0);
	do {
		b = take();
		rc = zc_path_try(path, &b);
	} while (rc == ZC_SENT_QUEUED);
	assert_int_equal(rc, ZC_SENT_BUSY);
	zc_source_put(src, &b, ZC_PUT_REUSE);
	assert_true(stats().bytes > 4 * (uint64_t)received);
}

/* Returns the bytes that were sent, and not acknowledged: tcp(7). */
static int unacknowledged(void)
{
	int queued, unsent;

	assert_int_equal(ioctl(out, SIOCOUTQ, &queued), 0);
	assert_int_equal(ioctl(out, SIOCOUTQNSD, &unsent), 0);
	return queued - unsent;
}

/*
 * Check a receiver that goes with its queue full and unread, which resets the connection: what is in the
 * sender's queue is dropped, and completes as if it had been sent without a copy.
 */
static void reset_is_no_zerocopy(const char *which)
{
	uint64_t limit = zc_now_ns() + LIMIT_MS * UINT64_C(1000000);
	struct pollfd reset = { .fd = -1 };
	struct zcdma_block b;
	int rc;

	name = which;
	assert_int_equal(open_transfer(NULL), 0);
	tcp_pair(ctx, &out, &in);
	open_path("sim:blocks=200,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	fill_both_queues();
	/* So the first send that is dropped has been copied in part, and the kernel merges the others' reports into its. */
	while (unacknowledged() && zc_now_ns() < limit)
		usleep(1000);
	assert_int_equal(unacknowledged(), 0);
	close(in);
	in = -1;
	/* The error stays pending for the path: completions may be read before it is. */
	reset.fd = out;
	while (!(reset.revents & POLLHUP) && zc_now_ns() < limit)
		poll(&reset, 1, 1);
	assert_true(reset.revents & POLLHUP);
	for (reap(); stats().pending_blocks; reap()) {
		rc = zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, LIMIT_MS);
		assert_true(!rc || rc == -ECONNRESET || rc == -EPIPE);
	}
	b = take();
	rc = zc_path_try(path, &b);
	assert_true(rc == -ECONNRESET || rc == -EPIPE);
	print_message("%s: %llu zero-copied, %llu unknown: %s\n", which,
		      (unsigned long long)stats().zerocopy_bytes,
		      (unsigned long long)stats().unknown_bytes, stats().copies_reason);
	assert_int_equal(stats().zerocopy_bytes + stats().zerocopy_calls, 0);
	assert_true(stats().unknown_bytes && stats().unknown_calls);
	assert_int_equal(stats().unknown_bytes + stats().fell_back_bytes, stats().bytes);
	assert_int_equal(stats().unknown_calls + stats().fell_back_calls, stats().calls);
	close_transfer(NULL);
}

static void test_reset_is_no_zerocopy(void **state)
{
	(void)state;
	if (can("zerocopy"))
		reset_is_no_zerocopy("zerocopy");
	if (can("uring"))
		reset_is_no_zerocopy("uring");
}

static void test_uring_receiver_gone(void **state)
{
	struct zcdma_block b;
	int rc = 0;

	(void)state;
	if (!can("uring"))
		skip();
	name = "uring";
	assert_int_equal(open_transfer(NULL), 0);
	tcp_pair(ctx, &out, &in);
	open_path("sim:blocks=64,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	close(in);
	in = -1;
	while (rc >= 0) {
		reap();
		rc = zc_source_take(src, 0, &b);
		if (rc == 1)
			while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY)
				assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_ROOM, LIMIT_MS),
						 0);
		else
			rc = zc_wait(ctx, src, path, ZC_WAIT_BLOCK | ZC_WAIT_COMPLETION, LIMIT_MS);
	}
	assert_true(rc == -ECONNRESET || rc == -EPIPE);
	assert_non_null(strstr(zcdma_error(ctx), "io_uring SEND_ZC to 127.0.0.1:"));
	/* What was in flight went with the connection: its notifications come. */
	for (reap(); stats().pending_calls; reap())
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, LIMIT_MS), 0);
	close_transfer(NULL);
}

/* Check that io_uring's notifications end a wait, as they come when the receiver reads. */
static void test_uring_wait_for_notifications(void **state)
{
	uint64_t end = zc_now_ns() + LIMIT_MS * UINT64_C(1000000);
	struct zcdma_check *check;
	struct zcdma_block b;
	int rc = ZC_SENT_QUEUED;

	(void)state;
	if (!can("uring"))
		skip();
	name = "uring";
	assert_int_equal(open_transfer(NULL), 0);
	tcp_pair(ctx, &out, &in);
	open_path("sim:blocks=64,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	assert_int_equal(zcdma_check_pattern(ctx, 0, &check), 0);
	for (int i = 0; i < 64 && rc != ZC_SENT_BUSY; i++) {
		b = take();
		rc = zc_path_try(path, &b);
	}
	reap();
	assert_true(stats().pending_blocks);
	while (stats().pending_blocks && zc_now_ns() < end) {
		if (!zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, 10))
			reap();
		else
			receive(check);
	}
	assert_int_equal(stats().pending_blocks, 0);
	zcdma_check_free(check);
	close_transfer(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset_is_no_zerocopy),
		cmocka_unit_test(test_uring_receiver_gone),
		cmocka_unit_test(test_uring_wait_for_notifications),
	};

	return cmocka_run_group_tests_name("in flight", tests, NULL, NULL);
}
