// SPDX-License-Identifier: GPL-2.0-only
/* A receiver whose machine is gone, or the way to it: a sender gives its connection up in the time that keepalive= says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zcdma/util.h>

#include "internal.h"
#include "context.h"
#include "namespace.h"
#include "net/frame.h"

#define LIMIT_MS 60000
#define BYTES	 8000000u

static bool has_namespace; /* with a qdisc that drops all */
static int listener, fd;
static char where[128];

/* Cut the way, so that nothing arrives, or mend it. */
static void cut(bool off)
{
	assert_true(shell("tc qdisc %s dev lo root blackhole", off ? "add" : "del"));
}

static void open_listener(const char *options)
{
	const struct zcdma_addr any = { .host = "127.0.0.1", .port = "0" };
	char name[64];

	if (!has_namespace)
		skip();
	listener = zcdma_listen(ctx, &any);
	assert_true(listener >= 0);
	/* Most of the stream has no room here. */
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 }, sizeof(int));
	snprintf(where, sizeof(where), "%s,%s", zcdma_sockname(listener, false, name, sizeof(name)),
		 options);
}

static void accept_one(void)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	fd = zcdma_accept(ctx, listener, NULL, 0);
	assert_true(fd >= 0);
}

/* Send from a child. Its status is 0 if all is sent, 1 if the connection timed out, and else another. */
static pid_t send_along(const char *type)
{
	struct zcdma_ctx *c;
	struct zcdma_source *from;
	struct zcdma_path *path;
	struct zcdma_block b;
	pid_t pid = fork();
	int rc;

	if (pid)
		return pid;
	alarm(2 * LIMIT_MS / 1000);
	if (zcdma_new(&c) || zcdma_source_open(c, "sim:block=64K,blocks=16", &from) ||
	    zcdma_path_connect(c, from, type, where, &path))
		_exit(2);
	zcdma_source_set_limit(from, BYTES, 0);
	while ((rc = zcdma_source_next(from, -1, &b)) == 1) {
		rc = zcdma_path_send(path, &b);
		if (rc)
			break;
	}
	if (!rc)
		rc = zcdma_path_finish(path);
	if (rc && rc != -ECONNABORTED)
		_exit(3);
	if (rc && !strstr(zcdma_error(c), "Connection timed out"))
		_exit(4);
	_exit(rc ? 1 : 0);
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Returns whether a socket of this namespace tries to connect: the third field of its line is 02, TCP_SYN_SENT. */
static bool is_connecting(void)
{
	char line[256], state[8];
	bool any = false;
	FILE *f = fopen("/proc/net/tcp", "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		any |= sscanf(line, "%*s %*s %*s %7s", state) == 1 && !strcmp(state, "02");
	fclose(f);
	return any;
}

static void read_head(struct zc_frame *f)
{
	uint8_t head[ZC_FRAME_HEAD];
	size_t at = 0;

	while (at < sizeof(head)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		n = recv(fd, head + at, sizeof(head) - at, 0);
		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_int_equal(zc_frame_read(head, f), 0);
}

/* Answer the greeting of a connection. */
static void welcome(uint64_t offset, uint64_t seq)
{
	uint8_t head[ZC_FRAME_HEAD];
	struct zc_frame f;

	accept_one();
	read_head(&f);
	assert_int_equal(f.kind, ZC_FRAME_HELLO);
	f.kind = ZC_FRAME_WELCOME;
	f.offset = offset;
	f.seq = seq;
	zc_frame_write(&f, head);
	assert_int_equal(send(fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
}

/* Read data of @len bytes, or all that comes with 0. Returns how many came. */
static uint64_t read_data(uint64_t len)
{
	static char data[65536];
	uint64_t at = 0;

	while (!len || at < len) {
		const size_t most = len ? zc_min((size_t)(len - at), sizeof(data)) : sizeof(data);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		n = recv(fd, data, most, 0);
		assert_true(n >= 0);
		if (!n)
			break;
		at += (uint64_t)n;
	}
	return at;
}

static void a_framed_stream_connects_again(void **state)
{
	static const char *const types[] = { "copy", "zerocopy", "splice", "uring" };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct zc_frame f;
		pid_t pid;
		int before;

		if (zcdma_path_probe(ctx, zcdma_path_find(types[i])))
			continue;
		open_listener("framed,retry=60,keepalive=3,sndbuf=512K");
		pid = send_along(types[i]);
		welcome(0, 0);
		read_head(&f);
		read_data(f.len);
		cut(true);
		for (int n = 0; !is_connecting(); n++) {
			assert_true(n < LIMIT_MS / 10);
			usleep(10000);
		}
		cut(false);
		before = fd;
		welcome(65536, 1);
		do {
			read_head(&f);
			assert_int_equal(f.len ? read_data(f.len) : 0, f.len);
		} while (f.kind != ZC_FRAME_END);
		assert_int_equal(f.offset, BYTES);
		close(before);
		close(fd);
		close(listener);
		assert_int_equal(status_of(pid), 0);
	}
}

static void any_other_ends_with_an_error(void **state)
{
	pid_t pid;

	(void)state;
	open_listener("keepalive=3");
	pid = send_along("zerocopy");
	accept_one();
	assert_int_equal(read_data(1), 1);
	cut(true);
	assert_int_equal(status_of(pid), 1);
	cut(false);
	close(fd);
	close(listener);
}

/* The kernel of a receiver that does not read still answers. */
static void one_that_is_slow_is_not_gone(void **state)
{
	pid_t pid;

	(void)state;
	open_listener("keepalive=3");
	pid = send_along("copy");
	accept_one();
	assert_int_equal(read_data(1), 1);
	sleep(8);
	assert_int_equal(read_data(0), BYTES - 1);
	close(fd);
	close(listener);
	assert_int_equal(status_of(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_framed_stream_connects_again),
		cmocka_unit_test(any_other_ends_with_an_error),
		cmocka_unit_test(one_that_is_slow_is_not_gone),
	};

	has_namespace = enter_namespace() && shell("tc qdisc add dev lo root blackhole") &&
			shell("tc qdisc del dev lo root");
	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
