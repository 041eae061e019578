// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rule of reuse, as a program meets it: whatever it leaves out or does twice, no page is written to that
 * something still reads, and what arrives is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <zcdma/util.h>
#include <zcdma/verify.h>

#include "pair.h"
#include "transfer.h"

#define LIMIT_MS 10000
#define SEED	 5

static struct zcdma_block b;

static void open_sim(const char *spec)
{
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
}

/* Connect @out to @in by a socket pair, whose buffer does not grow as that of TCP does. */
static void unix_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	out = fds[0];
	in = fds[1];
}

static struct zcdma_path_stats stats(void)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(path, &s, sizeof(s));
	return s;
}

static bool refused(int rc)
{
	return rc == -EINVAL && *zcdma_error(ctx);
}

/*
 * What a program does wrong
 */

static void test_release_twice(void **state)
{
	struct zcdma_block second;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_true(refused(zcdma_block_release(src, &b)));
	assert_non_null(strstr(zcdma_error(ctx), "released before"));
	/* Its place in the ring is another delivery's by now, which the old copy does not name. */
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &second), 1);
	assert_true(refused(zcdma_block_release(src, &b)));
	assert_int_equal(zcdma_block_release(src, &second), 0);
}

static void test_send_twice(void **state)
{
	(void)state;
	open_sim("sim:blocks=64,block=32K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "zerocopy", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_true(refused(zcdma_path_send(path, &b)));
	assert_true(refused(zcdma_block_release(src, &b)));
	assert_int_equal(stats().blocks, 1);
	assert_int_equal(stats().bytes, 32768);
}

static void test_send_after_release(void **state)
{
	(void)state;
	open_sim("sim:blocks=4,block=4K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_true(refused(zcdma_path_send(path, &b)));
	assert_int_equal(stats().bytes, 0);
}

static void test_foreign_block(void **state)
{
	struct zcdma_source *other;
	struct zcdma_block none = { .data = "x", .len = 1 }, foreign;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_open(ctx, "sim:blocks=2,block=4K", &other), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_source_next(other, LIMIT_MS, &foreign), 1);
	assert_true(refused(zcdma_block_release(src, &foreign)));
	assert_true(refused(zcdma_block_release(src, &none)));
	none.ticket = UINT64_MAX;
	assert_true(refused(zcdma_block_release(src, &none)));
	assert_int_equal(zcdma_block_release(other, &foreign), 0);
	zcdma_source_close(other);
}

/* Check that changes to the caller's copy of a block have no effect. */
static void test_changed_block(void **state)
{
	struct zcdma_check_result result;
	struct zcdma_check *check;
	char buf[8192];

	(void)state;
	open_sim("sim:blocks=2,block=4K,seed=5");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	b.data = NULL;
	b.len = 1 << 30;
	b.index = 77;
	b.fd = 0;
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(recv(in, buf, sizeof(buf), MSG_WAITALL | MSG_DONTWAIT), 4096);
	assert_int_equal(zcdma_check_pattern(ctx, SEED, &check), 0);
	zcdma_check_feed(check, buf, 4096);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &result);
	assert_int_equal(result.bytes, 4096);
	assert_int_equal(result.faults, 0);
	zcdma_check_free(check);
}

/* Check that a program that releases nothing gets an error instead of a wait without end. */
static void test_forgotten_release(void **state)
{
	static const char *const specs[] = { "sim:blocks=3,block=4K",
					     "sim:blocks=3,block=4K,rate=1G" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		open_sim(specs[i]);
		for (int j = 0; j < 3; j++)
			assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_source_next(src, -1, &b), -ENOBUFS);
		assert_non_null(strstr(zcdma_error(ctx), "holds 3"));
		zcdma_source_close(src);
		src = NULL;
	}
}

/*
 * A program that did not apply the rule after a send, over a path without completions, had 459 of
 * 1,012 MiB overwritten. With zcdma_path_send() a program cannot leave the rule out.
 */

struct receiver {
	struct zcdma_check_result result;
	int fd;
};

static void *receive(void *arg)
{
	struct receiver *r = arg;
	static char buf[1 << 16];
	struct zcdma_check *check;
	struct zcdma_ctx *c;
	ssize_t n;

	if (zcdma_new(&c) || zcdma_check_pattern(c, SEED, &check))
		return NULL;
	usleep(20000); /* late, so that blocks stay in the sender's queue for a while */
	while ((n = recv(r->fd, buf, sizeof(buf), 0)) > 0)
		zcdma_check_feed(check, buf, (size_t)n);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r->result);
	zcdma_check_free(check);
	zcdma_free(c);
	return NULL;
}

static void send_all(const char *name, bool unsafe, struct receiver *r)
{
	pthread_t thread;
	int rc;

	open_sim("sim:blocks=32,block=64K,seed=5");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, name, out, &path), 0);
	if (unsafe)
		assert_int_equal(zcdma_path_set_unsafe_reuse(path), 0);
	*r = (struct receiver){ .fd = dup(in) };
	fcntl(r->fd, F_SETFL, fcntl(r->fd, F_GETFL) & ~O_NONBLOCK);
	assert_int_equal(pthread_create(&thread, NULL, receive, r), 0);
	zcdma_source_set_limit(src, 24 << 20, 0);
	while ((rc = zcdma_source_next(src, -1, &b)) == 1) {
		rc = zcdma_path_send(path, &b);
		if (rc)
			break;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	pthread_join(thread, NULL);
	close(r->fd);
	assert_int_equal(r->result.bytes, 24 << 20);
	assert_int_equal(stats().pending_blocks, 0);
	assert_int_equal(stats().blocks, 24 * 16);
}

static void test_every_path_keeps_the_rule(void **state)
{
	struct receiver r;

	(void)state;
	for (unsigned i = 0; zcdma_path_type_at(i); i++) {
		const struct zcdma_path_type *type = zcdma_path_type_at(i);

		if (!type->required_caps || zcdma_path_probe(ctx, type))
			continue;
		send_all(type->name, false, &r);
		assert_int_equal(r.result.faults, 0);
		close_transfer(NULL);
		open_transfer(NULL);
	}
}

/* Check that the same program loses data without the rule. */
static void test_unsafe_reuse_is_seen(void **state)
{
	struct receiver r;

	(void)state;
	send_all("vmsplice", true, &r);
	assert_true(r.result.faults > 0);
}

/*
 * Waiting
 */

static void test_next_answers(void **state)
{
	(void)state;
	open_sim("sim:blocks=2,block=4K,rate=4K");
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	assert_int_equal(zcdma_source_next(src, 1, &b), -ETIMEDOUT);
	zcdma_interrupt(ctx);
	assert_int_equal(zcdma_source_next(src, -1, &b), -EINTR);
	zcdma_resume(ctx);
	zcdma_source_stop(src);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Check that a signal that the program handles itself does not end a wait. */
static void test_foreign_signal(void **state)
{
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	const struct sigaction sa = { .sa_handler = on_alarm };

	(void)state;
	open_sim("sim:blocks=2,block=4K,rate=4K");
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(zcdma_source_next(src, 100, &b), -ETIMEDOUT);
}

static void test_limit(void **state)
{
	(void)state;
	open_sim("sim:blocks=4,block=4K");
	zcdma_source_set_limit(src, 5000, 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(b.len, 904);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 0);
	zcdma_source_set_limit(src, 0, 3);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 0);
}

/* Check the result of a send without room, and that trying again neither loses nor repeats data. */
static void test_send_without_room(void **state)
{
	char buf[65536];
	uint64_t got = 0;
	unsigned sent = 0;
	int rc = 0;
	ssize_t n;

	(void)state;
	open_sim("sim:blocks=200,block=64K,seed=5");
	unix_pair();
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	zcdma_path_set_timeout(path, 0);
	while (sent < 190) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
		if (rc)
			break;
		sent++;
	}
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(zcdma_path_send(path, &b), -EAGAIN); /* it is still the caller's */
	zcdma_path_set_timeout(path, 1);
	assert_int_equal(zcdma_path_send(path, &b), -ETIMEDOUT); /* and now it is not */
	sent++;
	assert_true(refused(zcdma_path_send(path, &b)));
	assert_int_equal(zcdma_path_flush(path), -ETIMEDOUT);
	assert_true(stats().pending_blocks >= 1);
	zcdma_path_set_timeout(path, 0);
	while (got < (uint64_t)sent * 65536) {
		n = recv(in, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0) {
			assert_int_equal(zcdma_pattern_match(buf, (size_t)n, got, SEED), n);
			got += (uint64_t)n;
		}
		assert_int_equal(zcdma_path_process(path), 0);
	}
	assert_int_equal(stats().pending_blocks, 0);
	assert_int_equal(zcdma_path_flush(path), 0);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_descriptors(void **state)
{
	char buf[65536];
	int rc, fd, src_fd;

	(void)state;
	open_sim("sim:blocks=200,block=64K");
	unix_pair();
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	zcdma_path_set_timeout(path, 0);
	src_fd = zcdma_source_fd(src);
	fd = zcdma_path_fd(path);
	assert_true(src_fd >= 0 && fd >= 0);
	assert_false(is_readable(fd)); /* nothing to do */
	for (int i = 0; i < 190; i++) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
		if (rc == -EAGAIN)
			break;
	}
	assert_int_equal(rc, -EAGAIN);
	assert_false(is_readable(fd));
	while (recv(in, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	for (int ms = 0; ms < LIMIT_MS && !is_readable(fd); ms++) {
		while (recv(in, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		usleep(1000);
	}
	assert_true(is_readable(fd));
	assert_int_equal(zcdma_block_release(src, &b), 0);
}

/* Check that the path owns the block after an error, and that only blocks in flight are lost to the ring. */
static void test_broken_path(void **state)
{
	struct zcdma_source_info info;
	int rc = 0;

	(void)state;
	open_sim("sim:blocks=8,block=64K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	close(in);
	in = -1;
	while (!rc && (rc = zcdma_source_next(src, LIMIT_MS, &b)) == 1)
		rc = zcdma_path_send(path, &b);
	assert_true(rc == -ECONNRESET || rc == -EPIPE);
	assert_non_null(strstr(zcdma_error(ctx), "send to 127.0.0.1:"));
	assert_true(refused(zcdma_path_send(path, &b)));
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b),
			 rc); /* which reports the path again */
	zcdma_path_close(path);
	path = NULL;
	zcdma_source_get_info(src, &info, sizeof(info));
	for (unsigned i = 0; i < info.blocks; i++)
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
}

/*
 * The ring
 */

static void test_ring_is_made_for_the_path(void **state)
{
	struct zcdma_source_info info;

	(void)state;
	open_sim("sim:blocks=4,block=4K");
	assert_int_equal(zcdma_source_set(src, "rate", "1G"), 0);
	assert_int_equal(zcdma_source_set(src, "rate", "1G"), -EINVAL);
	assert_int_equal(zcdma_source_set(src, "no-such", "1"), -EINVAL);
	zcdma_source_get_info(src, &info, sizeof(info));
	assert_int_equal(info.blocks, 0);
	assert_int_equal(zcdma_source_prepare(src, "no-such"), -EINVAL);
	assert_int_equal(zcdma_source_prepare(src, "vmsplice"), 0);
	assert_int_equal(zcdma_source_set(src, "seed", "1"), -EBUSY);
	assert_int_equal(zcdma_source_prepare(src, "splice"), 0); /* as long as it is not in use */
	zcdma_source_get_info(src, &info, sizeof(info));
	assert_int_equal(info.blocks, 4);
	assert_true(info.caps & ZCDMA_CAP_FD);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_source_prepare(src, "uring-fixed"), -EBUSY);
	assert_int_equal(zcdma_block_release(src, &b), 0);
}

static void test_path_says_why_not(void **state)
{
	(void)state;
	assert_int_equal(zcdma_source_open(ctx, "file:/proc/self/exe", &src), 0);
	assert_int_equal(zcdma_source_prepare(src, "uring-fixed"), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "registered buffers"));
	assert_int_equal(zcdma_path_open(ctx, src, "vmsplice", STDIN_FILENO, &path), -EINVAL);
	path = NULL;
}

/* Check that a program built with a shorter structure gets the fields that it knows. */
static void test_sized_statistics(void **state)
{
	struct {
		struct zcdma_source_stats s;
		char after[8];
	} larger;
	struct zcdma_source_stats s;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	memset(&s, 0xff, sizeof(s));
	zcdma_source_get_stats(src, &s, 2 * sizeof(uint64_t));
	assert_int_equal(s.blocks, 1);
	assert_int_equal(s.bytes, 4096);
	assert_true(s.overruns == UINT64_MAX);
	memset(&larger, 0xff, sizeof(larger));
	zcdma_source_get_stats(src, &larger.s, sizeof(larger));
	assert_memory_equal(larger.after, "\0\0\0\0\0\0\0\0", 8);
}

static void test_latency(void **state)
{
	static struct zcdma_hist waited, in_flight;

	(void)state;
	open_sim("sim:blocks=4,block=4K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	usleep(2000);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	zcdma_path_get_latency(path, &waited, &in_flight);
	assert_int_equal(waited.count, 1);
	assert_int_equal(in_flight.count, 1);
	assert_true(waited.max >= 2000000);
	zcdma_path_reset_latency(path);
	zcdma_path_get_latency(path, &waited, NULL);
	assert_int_equal(waited.count, 0);
}

/* Send until the receiver, which reads nothing, has no room, and a part of a block is left. */
static void send_until_full(const char *name)
{
	int rc = 0;

	zcdma_path_set_timeout(path, 20);
	for (unsigned i = 0; i < 190 && !rc; i++) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
	}
	if (rc != -ETIMEDOUT)
		fail_msg("%s: the receiver had room for everything", name);
}

static uint64_t read_some(uint64_t most)
{
	static char buf[1 << 16];
	uint64_t got = 0;
	ssize_t n;

	while (got < most && (n = recv(in, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		got += (uint64_t)n;
	return got;
}

/* Check that the end is waited for as long as was said, and goes on where it was. */
static void test_finish_within_its_timeout(void **state)
{
	static const char *const names[] = { "copy", "zerocopy", "vmsplice" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t got = 0, sent;
		int rc;

		if (zcdma_path_probe(ctx, zcdma_path_find(names[i])))
			continue;
		open_sim("sim:blocks=200,block=64K,seed=5");
		tcp_pair(ctx, &out, &in);
		assert_int_equal(zcdma_path_open(ctx, src, names[i], out, &path), 0);
		send_until_full(names[i]);
		sent = stats().bytes;
		assert_int_equal(zcdma_path_finish(path), -ETIMEDOUT);
		zcdma_path_set_timeout(path, 0);
		assert_int_equal(zcdma_path_finish(path), -EAGAIN);
		assert_int_equal(zcdma_path_abandon(path), -EAGAIN);
		zcdma_path_set_timeout(path, 1);
		for (rc = -ETIMEDOUT; rc == -ETIMEDOUT; rc = zcdma_path_finish(path))
			got += read_some(UINT64_MAX);
		assert_int_equal(rc, 0);
		got += read_some(UINT64_MAX);
		assert_true(stats().bytes >= sent);
		assert_int_equal(got, stats().bytes);
		assert_int_equal(stats().pending_blocks, 0);
		close_transfer(NULL);
		open_transfer(NULL);
	}
}

/* Check that a connection that the kernel gives up is an error, and not a timeout that ends by trying again. */
static void test_dead_connection(void **state)
{
	const int user_ms = 50;
	int rc;

	(void)state;
	open_sim("sim:blocks=200,block=64K,seed=5");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	send_until_full("copy");
	assert_int_equal(setsockopt(out, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms)),
			 0);
	zcdma_path_set_timeout(path, LIMIT_MS);
	rc = zcdma_path_flush(path);
	assert_int_equal(rc, -ECONNABORTED);
	assert_non_null(strstr(zcdma_error(ctx), strerror(ETIMEDOUT)));
	assert_int_equal(zcdma_path_finish(path), -ECONNABORTED);
}

/* Check that a stream whose source failed does not end as one that is complete. */
static void test_no_end_after_a_failed_source(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	int feed_out, feed_in, rc;
	char byte;

	(void)state;
	tcp_pair(ctx, &feed_out, &feed_in);
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_source_open_fd(ctx, feed_in, "feed", &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	assert_int_equal(setsockopt(feed_out, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(feed_out);
	/* As in the program of zcdma.h, which looks at the last result alone. */
	while ((rc = zcdma_source_next(src, LIMIT_MS, &b)) == 1)
		assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(rc, -ECONNRESET);
	assert_int_equal(zcdma_path_finish(path), -ECONNRESET);
	assert_non_null(strstr(zcdma_error(ctx), "feed"));
	zcdma_path_close(path);
	path = NULL;
	close(out);
	out = -1;
	assert_int_equal(recv(in, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(feed_in);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, close_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_release_twice),
		TEST(test_send_twice),
		TEST(test_send_after_release),
		TEST(test_foreign_block),
		TEST(test_changed_block),
		TEST(test_forgotten_release),
		TEST(test_every_path_keeps_the_rule),
		TEST(test_unsafe_reuse_is_seen),
		TEST(test_next_answers),
		TEST(test_foreign_signal),
		TEST(test_limit),
		TEST(test_send_without_room),
		TEST(test_finish_within_its_timeout),
		TEST(test_dead_connection),
		TEST(test_no_end_after_a_failed_source),
		TEST(test_descriptors),
		TEST(test_broken_path),
		TEST(test_ring_is_made_for_the_path),
		TEST(test_path_says_why_not),
		TEST(test_sized_statistics),
		TEST(test_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
