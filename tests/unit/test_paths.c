// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paths against a real kernel. Sends without a copy are possible on any machine over UDP, in a network
 * namespace whose loopback has a blackhole queue: it delivers nothing, so the kernel need not copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "internal.h"
#include "lab.h"
#include "namespace.h"
#include "pair.h"

#define BLOCK  32768
#define BLOCKS 400

static struct zcdma_ctx *ctx;
static struct zcdma_source *src;
static struct zcdma_path *path;
static int out = -1, in = -1;
static const char *name; /* of the path under test */

static void udp_pair(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);

	in = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(in, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(getsockname(in, (struct sockaddr *)&sa, &len), 0);
	out = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(out, (struct sockaddr *)&sa, len), 0);
}

static void open_path(const char *spec, unsigned flags, enum zcdma_fallback fallback)
{
	const struct zcdma_path_type *type = zcdma_path_find(name);

	flags |= type->required_caps & ZCDMA_CAP_RING ? ZC_USE_WRITE : 0;
	assert_int_equal(lab_open(ctx, spec, flags, &src), 0);
	assert_int_equal(lab_path(ctx, type, src, out, fallback, &path), 0);
	assert_int_equal(zcdma_source_start(src), 0);
}

static void drain(void)
{
	static char buf[65536];

	while (recv(in, buf, sizeof(buf), 0) > 0)
		;
}

static void reap(void)
{
	struct zcdma_block b;

	while (zc_path_reap(path, &b))
		zc_source_put(src, &b, ZC_PUT_REUSE);
}

static struct zcdma_path_stats stats(void)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(path, &s, sizeof(s));
	return s;
}

/* Send one block, and wait until it is back. */
static void send_one(void)
{
	struct zcdma_block b;
	int rc;

	while ((rc = zc_source_take(src, 0, &b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10000), 0);
	assert_int_equal(rc, 1);
	while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY)
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_ROOM, 10000), 0);
	assert_in_range(rc, ZC_SENT_DONE, ZC_SENT_QUEUED);
	drain();
	if (rc == ZC_SENT_DONE)
		zc_source_put(src, &b, ZC_PUT_REUSE);
	for (reap(); stats().pending_blocks; reap())
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, 10000), 0);
}

static void send_blocks(unsigned count)
{
	while (count--)
		send_one();
}

static void close_all(void)
{
	zcdma_path_close(path);
	zcdma_source_close(src);
	close(in);
	close(out);
	zcdma_free(ctx);
}

/* Check that this machine supports the path @which. Returns false, and prints the reason, if not. */
static bool can(const char *which)
{
	struct zcdma_ctx *c;
	int rc;

	assert_int_equal(zcdma_new(&c), 0);
	rc = zcdma_path_probe(c, zcdma_path_find(which));
	if (rc)
		print_message("no path %s: %s\n", which, zcdma_error(c));
	zcdma_free(c);
	return !rc;
}

/* A test inside a namespace, along the path .which. */
struct inside {
	void (*test)(void);
	const char *which;
};

/* clang-format off */
#define INSIDE(name, test, which) { #name, in_namespace, NULL, NULL, &(struct inside){ test, which } }
/* clang-format on */

/* Run a test in a child. Its status is 0 if it passed, 77 if it is not possible here. */
static void in_namespace(void **state)
{
	const struct inside *inside = *state;
	int status;
	pid_t pid;

	if (!can(inside->which))
		skip();
	name = inside->which;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (!enter_namespace())
			_exit(77);
		zcdma_new(&ctx);
		udp_pair();
		inside->test();
		close_all();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no network namespace or no blackhole here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void need_blackhole(void)
{
	if (!shell("tc qdisc add dev lo root blackhole"))
		_exit(77);
}

/*
 * Zero-copy, true and not
 */

/* Return the statistics before Linux 6.2, where io_uring may not report whether it copied; else zeros. */
static struct zcdma_path_stats untold(void)
{
	int major = 0, minor = 0;
	struct utsname u;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	if (major < 6 || (major == 6 && minor < 2))
		return stats();
	return (struct zcdma_path_stats){ .unknown_bytes = 0 };
}

static void true_zerocopy(void)
{
	need_blackhole();
	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_COPY);
	send_blocks(100);
	if (stats().zerocopy_bytes + untold().unknown_bytes != 100 * BLOCK ||
	    stats().zerocopy_calls + untold().unknown_calls != 100)
		_exit(1);
	if (stats().fell_back_bytes || stats().copied_bytes || stats().pending_bytes ||
	    stats().plain)
		_exit(2);
}

static void loopback_goes_plain(void)
{
	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_COPY);
	send_blocks(100);
	if (!stats().plain || !strstr(stats().plain_reason, "loopback"))
		_exit(1);
	if (stats().fell_back_calls != 8 || stats().copied_calls != 92 || stats().zerocopy_bytes)
		_exit(2);
	/* After 256 plain blocks one more is tried, then after 512. */
	send_blocks(8 + 256 + 1 - 100);
	if (stats().fell_back_calls != 9)
		_exit(3);
	send_blocks(512);
	if (stats().fell_back_calls != 9)
		_exit(4);
	send_blocks(1);
	if (stats().fell_back_calls != 10)
		_exit(5);
}

static void keep_keeps_trying(void)
{
	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	send_blocks(100);
	if (stats().plain || stats().copied_calls ||
	    stats().fell_back_calls + untold().unknown_calls != 100)
		_exit(1);
}

static void comes_back_to_zerocopy(void)
{
	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_COPY);
	send_blocks(20);
	if (!stats().plain)
		_exit(1);
	need_blackhole();
	send_blocks(8 + 256 + 1 - 20);
	if (stats().plain || stats().zerocopy_calls != 1)
		_exit(2);
	send_blocks(50);
	if (stats().zerocopy_calls != 51 || stats().copied_calls != 256)
		_exit(3);
}

/* Check that a socket takes only one path: a second one would read the reports on the first one's sends. */
static void one_zerocopy_path_to_a_socket(void)
{
	struct zcdma_path *second;

	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	send_blocks(1);
	if (lab_path(ctx, zcdma_path_find("zerocopy"), src, out, 0, &second) != -EINVAL)
		_exit(1);
	if (!strstr(zcdma_error(ctx), "used for it before"))
		_exit(2);
}

/* Check that a wait ends at once for completions that a later send has read already. */
static void reapable_is_not_waited_for(void)
{
	struct zcdma_block b[2];

	need_blackhole();
	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	for (int i = 0; i < 2; i++) {
		while (zc_source_take(src, 0, &b[i]) == -EAGAIN)
			zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10000);
		if (zc_path_try(path, &b[i]) != ZC_SENT_QUEUED)
			_exit(1);
	}
	for (reap(); stats().pending_blocks; reap()) {
		if (zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, 10000))
			_exit(2);
	}
}

/*
 * Every path, over TCP, to a receiver that reads late: blocks are refilled at the first moment that
 * the rule allows, and what arrives must be the pattern all the same.
 */

/* Feed all received data to the check. */
static void receive(struct zcdma_check *check)
{
	static char buf[100000];
	ssize_t n;

	while ((n = recv(in, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		assert_int_equal(zcdma_check_feed(check, buf, (size_t)n), 0);
}

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
		assert_int_equal(poll(&p, 1, 10000), 1);
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
	assert_int_equal(zcdma_new(&ctx), 0);
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
	close_all();
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

/*
 * io_uring
 */

static void test_uring_receiver_gone(void **state)
{
	struct zcdma_block b;
	int rc = 0;

	(void)state;
	if (!can("uring"))
		skip();
	name = "uring";
	assert_int_equal(zcdma_new(&ctx), 0);
	tcp_pair(ctx, &out, &in);
	open_path("sim:blocks=64,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	close(in);
	in = -1;
	while (rc >= 0) {
		reap();
		rc = zc_source_take(src, 0, &b);
		if (rc == 1)
			while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY)
				assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_ROOM, 10000), 0);
		else
			rc = zc_wait(ctx, src, path, ZC_WAIT_BLOCK | ZC_WAIT_COMPLETION, 10000);
	}
	assert_true(rc == -ECONNRESET || rc == -EPIPE);
	assert_non_null(strstr(zcdma_error(ctx), "io_uring SEND_ZC to 127.0.0.1:"));
	/* What was in flight went with the connection: its notifications come. */
	for (reap(); stats().pending_calls; reap())
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, 10000), 0);
	close_all();
}

/*
 * The receiver goes with its queue full and unread, which resets the connection: what is in the sender's
 * queue is dropped, and completes as if it had been sent without a copy.
 */
static void reset_is_no_zerocopy(const char *which)
{
	struct zcdma_block b;
	int rc;

	name = which;
	assert_int_equal(zcdma_new(&ctx), 0);
	tcp_pair(ctx, &out, &in);
	open_path("sim:blocks=200,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	do {
		while ((rc = zc_source_take(src, 0, &b)) == -EAGAIN)
			assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10000), 0);
		assert_int_equal(rc, 1);
		rc = zc_path_try(path, &b);
	} while (rc == ZC_SENT_QUEUED);
	assert_int_equal(rc, ZC_SENT_BUSY);
	close(in);
	in = -1;
	/* Completions may be read before the error is seen. */
	for (int i = 0; stats().pending_blocks && i < 1000; i++) {
		reap();
		zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, 1);
	}
	rc = zc_path_try(path, &b);
	assert_true(rc == -ECONNRESET || rc == -EPIPE);
	reap();
	print_message("%s: %llu zero-copied, %llu unknown: %s\n", which,
		      (unsigned long long)stats().zerocopy_bytes,
		      (unsigned long long)stats().unknown_bytes, stats().copies_reason);
	assert_int_equal(stats().zerocopy_bytes + stats().zerocopy_calls, 0);
	assert_true(stats().unknown_bytes && stats().unknown_calls);
	close_all();
}

static void test_reset_is_no_zerocopy(void **state)
{
	(void)state;
	if (can("zerocopy"))
		reset_is_no_zerocopy("zerocopy");
	if (can("uring"))
		reset_is_no_zerocopy("uring");
}

/* Check that io_uring's notifications end a wait, as they come when the receiver reads. */
static void test_uring_wait_for_notifications(void **state)
{
	uint64_t end = zc_now_ns() + 10 * UINT64_C(1000000000);
	struct zcdma_check *check;
	struct zcdma_block b;
	int rc = ZC_SENT_QUEUED;

	(void)state;
	if (!can("uring"))
		skip();
	name = "uring";
	assert_int_equal(zcdma_new(&ctx), 0);
	tcp_pair(ctx, &out, &in);
	open_path("sim:blocks=64,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	assert_int_equal(zcdma_check_pattern(ctx, 0, &check), 0);
	for (int i = 0; i < 64 && rc != ZC_SENT_BUSY; i++) {
		while (zc_source_take(src, 0, &b) == -EAGAIN)
			assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10000), 0);
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
	close_all();
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

/*
 * A sender that is killed closes its socket, and no more
 */

/* Receive all data. Returns 0 if the stream ends after it, or a negative errno. */
static int end_of_stream(void)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	do {
		assert_int_equal(poll(&p, 1, 10000), 1);
		n = recv(in, buf, sizeof(buf), 0);
	} while (n > 0);
	return n ? -errno : 0;
}

static void send_one_block(void)
{
	struct zcdma_block b;

	while (zc_source_take(src, 0, &b) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10000), 0);
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
			assert_int_equal(zcdma_new(&ctx), 0);
			tcp_pair(ctx, &out, &in);
			open_path("sim:blocks=4,block=32K",
				  type->required_caps & ZCDMA_CAP_FD ? ZC_USE_FD : 0,
				  ZCDMA_FALLBACK_KEEP);
			send_one_block();
			if (finish)
				assert_int_equal(zc_path_end(path, true), 0);
			close_out();
			/* A ring of io_uring has the socket too, as long as it is there. */
			zcdma_path_close(path);
			path = NULL;
			assert_int_equal(end_of_stream(), finish ? 0 : -ECONNRESET);
			close_all();
		}
	}
}

static void test_reset_before_there_is_a_path(void **state)
{
	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
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
	assert_int_equal(zc_wait(ctx, NULL, NULL, 0, 10000), -EINTR);
	assert_int_equal(zc_wait(ctx, NULL, NULL, 0, 10000), -EINTR);
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
		INSIDE(test_true_zerocopy, true_zerocopy, "zerocopy"),
		INSIDE(test_true_zerocopy_uring, true_zerocopy, "uring"),
		INSIDE(test_true_zerocopy_uring_fixed, true_zerocopy, "uring-fixed"),
		INSIDE(test_uring_keeps_trying, keep_keeps_trying, "uring"),
		INSIDE(test_reapable_is_not_waited_for, reapable_is_not_waited_for, "uring"),
		INSIDE(test_loopback_goes_plain, loopback_goes_plain, "zerocopy"),
		INSIDE(test_keep_keeps_trying, keep_keeps_trying, "zerocopy"),
		INSIDE(test_comes_back_to_zerocopy, comes_back_to_zerocopy, "zerocopy"),
		INSIDE(test_one_zerocopy_path_to_a_socket, one_zerocopy_path_to_a_socket,
		       "zerocopy"),
		cmocka_unit_test(test_late_reader),
		cmocka_unit_test(test_late_reader_sees_unsafe_reuse),
		cmocka_unit_test(test_reset_is_no_zerocopy),
		cmocka_unit_test(test_uring_receiver_gone),
		cmocka_unit_test(test_uring_wait_for_notifications),
		cmocka_unit_test(test_what_cannot_be_registered),
		cmocka_unit_test(test_end_only_when_finished),
		cmocka_unit_test(test_reset_before_there_is_a_path),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_wrong_sinks),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
