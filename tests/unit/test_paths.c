// SPDX-License-Identifier: GPL-2.0-only
/* What holds for every path: no block is reused too early, streams end in order or are reset, wrong sinks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "pair.h"
#include "paths.h"

#define BLOCKS 400

/*
 * Every path, over TCP, to a receiver that reads late: blocks are refilled at the first moment that
 * the rule allows, and what arrives must be the pattern all the same.
 */

/* Wait for the path, and read at the receiver if the sender cannot go on before. */
static void wait_late(struct zcdma_check *check, unsigned what)
{
	int rc = zc_wait(ctx, src, path, what, 10);

	if (rc == -ETIMEDOUT)
		receive(check);
	else
		assert_int_equal(rc, 0);
}

/* Discard the reports of completed blocks, which were put already. */
static void forget(void)
{
	struct zcdma_block b;

	while (zc_path_reap(path, &b))
		;
}

/* Send a block. @impatient: put it right after the send, without waiting for the path's report. */
static void send_late(struct zcdma_check *check, enum zc_put how, bool impatient)
{
	void (*const reap_all)(void) = impatient ? forget : reap;
	struct zcdma_block b;
	int rc;

	while ((rc = zc_source_take(src, 0, &b)) == -EAGAIN) {
		wait_late(check, ZC_WAIT_BLOCK | (stats().pending_blocks ? ZC_WAIT_COMPLETION : 0));
		reap_all();
	}
	assert_int_equal(rc, 1);
	while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY) {
		wait_late(check, ZC_WAIT_ROOM);
		reap_all();
	}
	assert_in_range(rc, ZC_SENT_DONE, ZC_SENT_QUEUED);
	if (rc == ZC_SENT_DONE || impatient)
		zc_source_put(src, &b, how);
	reap_all();
}

static void receive_rest(struct zcdma_check *check)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	char byte;

	assert_int_equal(shutdown(out, SHUT_WR), 0);
	do {
		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		receive(check);
	} while (recv(in, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0);
}

/*
 * Send until nothing more goes, only then let the receiver read; again and again. The ring has more
 * than the receiver's queue takes, over loopback into which completions come, so that blocks stay in
 * the sender's.
 */
static struct zcdma_check_result late_reader(const char *which, enum zc_put how, bool impatient)
{
	const struct zcdma_path_type *type = zcdma_path_find(which);
	unsigned flags = type->replaces_pages ? ZC_USE_REPLACE : 0;
	struct zcdma_check_result result;
	struct zcdma_check *check;

	name = which;
	assert_int_equal(open_transfer(NULL), 0);
	tcp_pair(ctx, &out, &in);
	flags |= type->required_caps & ZCDMA_CAP_FD ? ZC_USE_FD : 0;
	open_path("sim:blocks=64,block=32K,seed=11", flags, ZCDMA_FALLBACK_KEEP);
	assert_int_equal(zcdma_check_pattern(ctx, 11, &check), 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		send_late(check, how, impatient);
	receive_rest(check);
	assert_int_equal(zcdma_check_end(check), 0);
	zcdma_check_get_result(check, &result);
	zcdma_check_free(check);
	close_transfer(NULL);
	print_message("%s: %llu bytes, %llu faults\n", which, (unsigned long long)result.bytes,
		      (unsigned long long)result.faults);
	assert_int_equal(result.bytes, (uint64_t)BLOCKS * BLOCK);
	return result;
}

static void test_late_reader(void **state)
{
	(void)state;
	for (unsigned i = 0; zcdma_path_type_at(i); i++) {
		const struct zcdma_path_type *type = zcdma_path_type_at(i);
		bool never = type->replaces_pages;

		if (!type->required_caps || !can(type->name)) /* null sends nothing */
			continue;
		assert_int_equal(
			late_reader(type->name, never ? ZC_PUT_REPLACE : ZC_PUT_REUSE, false)
				.faults,
			0);
	}
}

/*
 * The counter-proof: the same, but reusing pages at once, must go wrong. That is what a path would do
 * that took the completion of a send for the notification.
 */
static void test_late_reader_sees_unsafe_reuse(void **state)
{
	static const char *const names[] = { "zerocopy", "vmsplice", "splice",
					     "sendfile", "uring",    "uring-fixed" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (can(names[i]))
			assert_true(late_reader(names[i], ZC_PUT_REUSE, true).faults > 0);
}

/* Check refusals: registered buffers would keep replaced pages, and do not hold what is mapped later. */
static void test_what_cannot_be_registered(void **state)
{
	static const struct {
		const char *spec;
		unsigned flags;
	} bad[] = {
		{ "sim:blocks=2,block=4K", ZC_USE_REPLACE },
		{ "file:/proc/self/exe", ZC_USE_WRITE },
		{ "-", LAB_HANDOVER },
	};
	const struct zcdma_path_type *type = zcdma_path_find("uring-fixed");

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(lab_open(ctx, bad[i].spec, bad[i].flags, &src), 0);
		assert_int_equal(lab_path(ctx, type, src, -1, ZCDMA_FALLBACK_COPY, &path), -EINVAL);
		assert_non_null(strstr(zcdma_hint(ctx), "--path=uring"));
		zcdma_source_close(src);
	}
	zcdma_free(ctx);
}

/* Receive all data. Returns 0 if the stream ends after it, or a negative errno. */
static int end_of_stream(void)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	do {
		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		n = recv(in, buf, sizeof(buf), 0);
	} while (n > 0);
	return n ? -errno : 0;
}

static void send_one_block(void)
{
	struct zcdma_block b;

	b = take();
	assert_in_range(zc_path_try(path, &b), ZC_SENT_DONE, ZC_SENT_QUEUED);
}

static void close_out(void)
{
	close(out);
	out = -1;
}

static void test_end_only_when_finished(void **state)
{
	(void)state;
	for (unsigned i = 0; zcdma_path_type_at(i); i++) {
		const struct zcdma_path_type *type = zcdma_path_type_at(i);

		if (!type->required_caps || !can(type->name))
			continue;
		name = type->name;
		for (int finish = 0; finish < 2; finish++) {
			assert_int_equal(open_transfer(NULL), 0);
			tcp_pair(ctx, &out, &in);
			open_path("sim:blocks=4,block=32K",
				  type->required_caps & ZCDMA_CAP_FD ? ZC_USE_FD : 0,
				  ZCDMA_FALLBACK_KEEP);
			send_one_block();
			if (finish)
				assert_int_equal(zc_path_end(path, true, UINT64_MAX), 0);
			close_out();
			/* A ring of io_uring has the socket too, as long as it is there. */
			zcdma_path_close(path);
			path = NULL;
			assert_int_equal(end_of_stream(), finish ? 0 : -ECONNRESET);
			close_transfer(NULL);
		}
	}
}

static void test_reset_before_there_is_a_path(void **state)
{
	(void)state;
	assert_int_equal(open_transfer(NULL), 0);
	tcp_pair(ctx, &out, &in);
	close_out();
	assert_int_equal(end_of_stream(), -ECONNRESET);
	close(in);
	in = -1;
	zcdma_free(ctx);
}

/* Check that an interruption ends waits until zcdma_resume(), with nothing else to wait for. */
static void test_interrupt(void **state)
{
	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	assert_int_equal(zc_wait(ctx, NULL, NULL, 0, 0), -ETIMEDOUT);
	zcdma_interrupt(ctx);
	zcdma_interrupt(ctx);
	assert_int_equal(zc_wait(ctx, NULL, NULL, 0, LIMIT_MS), -EINTR);
	assert_int_equal(zc_wait(ctx, NULL, NULL, 0, LIMIT_MS), -EINTR);
	zcdma_resume(ctx);
	zcdma_resume(ctx);
	assert_int_equal(zc_wait(ctx, NULL, NULL, 0, 0), -ETIMEDOUT);
	zcdma_free(ctx);
}

static void test_wrong_sinks(void **state)
{
	int file = open("/dev/null", O_WRONLY);

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	assert_int_equal(lab_open(ctx, "sim:blocks=2,block=4K", 0, &src), 0);
	assert_int_equal(lab_path(ctx, zcdma_path_find("zerocopy"), src, file, 0, &path), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "not a socket"));
	assert_int_equal(lab_path(ctx, zcdma_path_find("vmsplice"), src, file, 0, &path), -EINVAL);
	assert_int_equal(lab_path(ctx, zcdma_path_find("copy"), src, -1, 0, &path), -EBADF);
	assert_null(zcdma_path_find("nonesuch"));
	zcdma_source_close(src);
	zcdma_free(ctx);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_reader),
		cmocka_unit_test(test_late_reader_sees_unsafe_reuse),
		cmocka_unit_test(test_what_cannot_be_registered),
		cmocka_unit_test(test_end_only_when_finished),
		cmocka_unit_test(test_reset_before_there_is_a_path),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_wrong_sinks),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
