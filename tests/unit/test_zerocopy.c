// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends without a copy, against a real kernel. They are possible on any machine over UDP, in a network namespace
 * whose loopback has a blackhole queue: it delivers nothing, so the kernel need not copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "namespace.h"
#include "paths.h"

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

static void drain(void)
{
	static char buf[65536];

	while (recv(in, buf, sizeof(buf), 0) > 0)
		;
}

/* Send one block, and wait until it is back. */
static void send_one(void)
{
	struct zcdma_block b;
	int rc;

	b = take();
	while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY)
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_ROOM, LIMIT_MS), 0);
	assert_in_range(rc, ZC_SENT_DONE, ZC_SENT_QUEUED);
	drain();
	if (rc == ZC_SENT_DONE)
		zc_source_put(src, &b, ZC_PUT_REUSE);
	for (reap(); stats().pending_blocks; reap())
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, LIMIT_MS), 0);
}

static void send_blocks(unsigned count)
{
	while (count--)
		send_one();
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
		close_transfer(NULL);
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
		b[i] = take();
		if (zc_path_try(path, &b[i]) != ZC_SENT_QUEUED)
			_exit(1);
	}
	for (reap(); stats().pending_blocks; reap()) {
		if (zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, LIMIT_MS))
			_exit(2);
	}
}

/* Without a limit to pin pages a send fails, and a path that keeps asking returns an errno of its own. */
static void no_room_to_pin(void)
{
	static const struct rlimit none;
	struct zcdma_block b;

	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	b = take();
	if (setrlimit(RLIMIT_MEMLOCK, &none) || setresuid(65534, 65534, 65534))
		_exit(77);
	if (zc_path_try(path, &b) != -ENOBUFS)
		_exit(1);
	if (!strstr(zcdma_hint(ctx), "ulimit -l"))
		_exit(2);
	if (zcdma_path_set_fallback(path, ZCDMA_FALLBACK_KEEP) != -ENOBUFS)
		_exit(3);
}

/* A kernel that cannot be asked, as no descriptor is left, is not one that refuses. */
static void probe_without_a_descriptor(void **state)
{
	struct rlimit before, none;
	int rc;

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	rc = zcdma_path_probe(ctx, zcdma_path_find("zerocopy"));
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(rc, -EMFILE);
	zcdma_free(ctx);
}

/* Send a block without reading what completes. */
static void send_unread(void)
{
	struct zcdma_block b = take();

	if (zc_path_try(path, &b) != ZC_SENT_QUEUED)
		_exit(10);
	drain();
}

static void read_all(void)
{
	for (reap(); stats().pending_blocks; reap()) {
		if (zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, LIMIT_MS))
			_exit(11);
	}
}

static void expect_calls(uint64_t zerocopied, uint64_t fell_back, uint64_t unknown, int status)
{
	const struct zcdma_path_stats s = stats();

	if (s.zerocopy_calls != zerocopied || s.fell_back_calls != fell_back ||
	    s.unknown_calls != unknown || s.unknown_bytes != unknown * BLOCK)
		_exit(status);
	if (unknown && !strstr(s.copies_reason, "several sends"))
		_exit(12);
}

/* The kernel merges reports, and keeps what the first one said (skb_zerocopy_notify_extend(), net/core/skbuff.c). */
static void merged_reports_that_differ_are_unknown(void)
{
	need_blackhole();
	open_path("sim:blocks=4,block=32K", 0, ZCDMA_FALLBACK_KEEP);
	send_unread();
	shell("tc qdisc del dev lo root");
	send_unread();
	read_all();
	send_one();
	expect_calls(1, 1, 1, 1);
	/* The other way round. */
	send_unread();
	need_blackhole();
	send_unread();
	read_all();
	send_one();
	expect_calls(2, 2, 2, 2);
	/* What is merged between two that say the same is taken to be like them. */
	send_unread();
	send_unread();
	read_all();
	send_one();
	expect_calls(5, 2, 2, 3);
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
		INSIDE(test_no_room_to_pin, no_room_to_pin, "zerocopy"),
		cmocka_unit_test(probe_without_a_descriptor),
		INSIDE(test_merged_reports_that_differ_are_unknown,
		       merged_reports_that_differ_are_unknown, "zerocopy"),
	};

	return cmocka_run_group_tests_name("zerocopy", tests, NULL, NULL);
}
