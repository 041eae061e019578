// SPDX-License-Identifier: GPL-2.0-only
/* Framed streams from a path: what cannot be set or opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "net/frame.h"
#include "path/path.h"
#include "program.h"

#define BLOCK (1u << 20)
#define SPEC  "sim:blocks=4,block=1M,memory=memfd"

static int listener;
static char where[128];

static int setup(void **state)
{
	const struct zcdma_addr any = { .host = "127.0.0.1", .port = "0" };
	char name[64];

	if (open_transfer(state))
		return -1;
	listener = zcdma_listen(ctx, &any);
	snprintf(where, sizeof(where), "%s,framed,retry=60,sndbuf=64K",
		 zcdma_sockname(listener, false, name, sizeof(name)));
	return listener < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	close(listener);
	return close_transfer(state);
}

/* Take a connection, and answer its greeting. Returns NULL if all went well. */
static void *welcome(void *arg)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	uint8_t head[ZC_FRAME_HEAD];
	struct zc_frame f;
	int fd;

	if (poll(&p, 1, LIMIT_MS) != 1)
		return arg;
	fd = accept(listener, NULL, NULL);
	if (fd < 0 || recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head) ||
	    zc_frame_read(head, &f))
		return arg;
	f.kind = ZC_FRAME_WELCOME;
	zc_frame_write(&f, head);
	in = fd;
	return send(fd, head, sizeof(head), MSG_NOSIGNAL) == sizeof(head) ? NULL : arg;
}

static void connect_path(const char *type, const char *spec)
{
	pthread_t thread;
	void *failed;

	open_sim(spec);
	assert_int_equal(pthread_create(&thread, NULL, welcome, &listener), 0);
	assert_int_equal(zcdma_path_connect(ctx, src, type, where, &path), 0);
	pthread_join(thread, &failed);
	assert_null(failed);
	zcdma_path_set_timeout(path, 0);
}

static void break_off(void)
{
	const struct linger linger = { .l_onoff = 1 };

	setsockopt(in, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(in);
	in = -1;
}

/* Zeros would stand where the receiver wants a head. */
static void frames_have_no_zeros_between_them(void **state)
{
	(void)state;
	connect_path("copy", SPEC);
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_ZERO), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "frames to 127.0.0.1:"));
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_SKIP), 0);
}

/* Let no descriptor be opened any more. */
static struct rlimit use_all_descriptors(void)
{
	struct rlimit old, limit;
	int next = dup(listener);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return old;
}

/* Wait until the path has connected again, and greeted. Fills in the answer to that. */
static void wait_for_greeting(uint8_t head[ZC_FRAME_HEAD])
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct zc_frame f;
	size_t len = 0;

	for (int ms = 0; ms < LIMIT_MS && len < ZC_FRAME_HEAD; ms++) {
		ssize_t n;

		assert_int_equal(zcdma_path_process(path), 0);
		if (in < 0 && poll(&p, 1, 0) == 1)
			in = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		n = in < 0 ? 0 : recv(in, head + len, ZC_FRAME_HEAD - len, 0);
		len += n > 0 ? (size_t)n : 0;
		usleep(1000);
	}
	assert_int_equal(len, ZC_FRAME_HEAD);
	assert_int_equal(zc_frame_read(head, &f), 0);
	f.kind = ZC_FRAME_WELCOME;
	zc_frame_write(&f, head);
}

/* Without a descriptor for its pipe the path breaks off. It closes nothing then that it did not open, as standard input. */
static void no_pipe_for_another_connection(void **state)
{
	uint8_t head[ZC_FRAME_HEAD];
	struct rlimit old;
	int rc = 0;

	(void)state;
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		assert_int_equal(open("/dev/null", O_RDONLY), STDIN_FILENO);
	connect_path("vmsplice", SPEC);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	while (!rc && (rc = zcdma_path_send(path, &b)) == 0)
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(rc, -EAGAIN);
	break_off();
	wait_for_greeting(head);
	old = use_all_descriptors();
	assert_int_equal(send(in, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
	rc = 0;
	for (int ms = 0; ms < LIMIT_MS && !rc; ms++) {
		rc = zcdma_path_process(path);
		usleep(1000);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(rc, -EMFILE);
	assert_non_null(strstr(zcdma_error(ctx), "its pipe"));
	zcdma_path_close(path);
	path = NULL;
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

/* Let the path go on, and read a frame, whose data is the pattern. Returns its head. */
static struct zc_frame read_frame(void)
{
	static uint8_t bytes[ZC_FRAME_HEAD + BLOCK];
	struct zc_frame f;
	size_t len = 0;

	for (int ms = 0; ms < LIMIT_MS && len < sizeof(bytes); ms++) {
		ssize_t n;

		assert_int_equal(zcdma_path_process(path), 0);
		while ((n = recv(in, bytes + len, sizeof(bytes) - len, 0)) > 0)
			len += (size_t)n;
		usleep(1000);
	}
	assert_int_equal(len, sizeof(bytes));
	assert_int_equal(zc_frame_read(bytes, &f), 0);
	assert_int_equal(f.len, BLOCK);
	assert_int_equal(zcdma_pattern_match(bytes + ZC_FRAME_HEAD, BLOCK, f.offset, 0), BLOCK);
	return f;
}

/*
 * A part of a block is held somewhere on its way, as in the queue of a device, when the connection is given up: the block is
 * sent anew, and not left out of the stream. It is not used again.
 */
static void a_block_with_a_part_in_flight_is_sent(void **state)
{
	uint8_t head[ZC_FRAME_HEAD];
	struct zc_frame f;
	uint64_t whole;

	(void)state;
	if (zcdma_path_probe(ctx, zcdma_path_find("zerocopy")))
		skip();
	connect_path("zerocopy", SPEC);
	while (!path->queued) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	whole = stats().blocks;
	assert_true(path->sent > 0);
	path->stats.pending_calls++;
	break_off();
	wait_for_greeting(head);
	assert_int_equal(send(in, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
	f = read_frame();
	assert_int_equal(f.offset, whole * BLOCK);
	assert_int_equal(f.seq, whole);
	assert_int_equal(f.lost_blocks, 0);
	assert_int_equal(stats().blocks, whole + 1);
	for (int ms = 0; ms < LIMIT_MS && stats().pending_blocks; ms++) {
		assert_int_equal(zcdma_path_process(path), 0);
		usleep(1000);
	}
	assert_int_equal(src->lent.lost, 1);
}

/* A manifest that cannot be written breaks the path off, with an error that a connection can have, and not the connection. */
static void a_manifest_is_no_connection(void **state)
{
	struct zcdma_manifest *manifest;
	char bytes[65536];
	int fds[2], rc = 0;

	(void)state;
	connect_path("copy", "sim:blocks=4,block=4K");
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(zcdma_manifest_create_fd(ctx, fds[1], "a pipe", &manifest), 0);
	zcdma_path_set_manifest(path, manifest);
	zcdma_path_set_timeout(path, LIMIT_MS);
	for (int i = 0; i < 1000 && !rc; i++) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
		while (recv(in, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
	}
	assert_int_equal(rc, -EPIPE);
	assert_non_null(strstr(zcdma_error(ctx), "write manifest a pipe"));
	assert_int_equal(stats().breaks, 0);
	zcdma_manifest_abandon(manifest);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_have_no_zeros_between_them),
		TEST(no_pipe_for_another_connection),
		TEST(a_block_with_a_part_in_flight_is_sent),
		TEST(a_manifest_is_no_connection),
	};

	signal(SIGPIPE, SIG_IGN); /* which splice() to a connection that broke raises */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
