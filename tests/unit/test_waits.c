// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program waits for, and for how long: blocks, room, the end of the stream; and what it asks the library on
 * its ring and its path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "path/path.h"
#include "program.h"

/*
 * Waiting
 */

static void test_next_answers(void **state)
{
	(void)state;
	open_sim("sim:blocks=2,block=4K,rate=1");
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
	open_sim("sim:blocks=2,block=4K,rate=1");
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

/* A path that has its block back when it is asked the second time: it came between two looks. */
static unsigned looks;
static struct zcdma_block kept;

static int keep(struct zcdma_path *p, const struct zcdma_block *block)
{
	zc_path_advance(p, block, block->len);
	kept = *block;
	return ZC_SENT_QUEUED;
}

static int give_at_second_look(struct zcdma_path *p, struct zcdma_block *block)
{
	(void)p;
	if (++looks != 2)
		return 0;
	*block = kept;
	return 1;
}

/* Check that a block that becomes free while the caller is about to wait is found, and not waited for. */
static void test_freed_before_the_wait(void **state)
{
	static const struct zc_path_ops ops = {
		.type = { .name = "late" },
		.size = sizeof(struct zcdma_path),
		.send = keep,
		.reap = give_at_second_look,
	};
	struct zc_path_to to;

	(void)state;
	open_sim("sim:blocks=1,block=4K,fill=once");
	unix_pair();
	to = (struct zc_path_to){ .fd = out };
	assert_int_equal(zc_path_new(ctx, &ops, src, &to, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	looks = 0;
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(looks, 3);
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
	assert_string_equal(info.name, "sim:blocks=4,block=4K,rate=1G");
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

/* Returns whether neither the receiver nor the kernel has room: nothing is on the way, and what is unsent stays that. */
static bool is_full(void)
{
	struct pollfd p = { .fd = out, .events = POLLOUT };
	int unacknowledged, unsent;

	assert_int_equal(ioctl(out, SIOCOUTQ, &unacknowledged), 0);
	assert_int_equal(ioctl(out, SIOCOUTQNSD, &unsent), 0);
	return unsent && unacknowledged == unsent && !poll(&p, 1, 0);
}

/*
 * Send until the receiver, which reads nothing, has no room, and a part of a block is left. That the path times out does not
 * say so: on a busy machine the kernel may not have come to it.
 */
static void send_until_full(const char *name)
{
	int rc = 0;

	zcdma_path_set_timeout(path, 20);
	for (unsigned i = 0; i < 190 && !rc; i++) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
		while (rc == -ETIMEDOUT && !is_full())
			rc = zcdma_path_flush(path);
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
	/* The kernel's probes of the window carry data, which makes some room. */
	for (rc = zcdma_path_flush(path); !rc; rc = zcdma_path_send(path, &b))
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(rc, -ECONNABORTED);
	assert_non_null(strstr(zcdma_error(ctx), strerror(ETIMEDOUT)));
	assert_int_equal(zcdma_path_finish(path), -ECONNABORTED);
}

/* Check that the end says what ended a connection whose receiver takes no more, with data unacknowledged. */
static void test_connection_that_dies_at_the_end(void **state)
{
	const int user_ms = 50, small = 4096;

	(void)state;
	open_sim("sim:blocks=4,block=64K,seed=5");
	tcp_pair(ctx, &out, &in);
	setsockopt(in, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	zcdma_path_set_timeout(path, LIMIT_MS);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	assert_int_equal(setsockopt(out, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms)),
			 0);
	assert_int_equal(zcdma_path_finish(path), -ECONNABORTED);
	assert_non_null(strstr(zcdma_error(ctx), strerror(ETIMEDOUT)));
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

/* The socket of a path that failed is ready all the time, which makes no wait of another path endless. */
static void test_wait_beside_a_failed_path(void **state)
{
	struct zcdma_block blocks[6], share;
	struct zcdma_path *failed;
	int fds[2], rc = 0;

	(void)state;
	signal(SIGALRM, SIG_DFL);
	alarm(LIMIT_MS / 1000);
	open_sim("sim:blocks=8,block=64K");
	unix_pair();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", fds[0], &failed), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &blocks[i]), 1);
	close(fds[1]);
	assert_int_equal(zcdma_block_share(src, &blocks[0], &share), 0);
	assert_int_equal(zcdma_path_send(failed, &share), -EPIPE);
	zcdma_path_set_timeout(path, 20);
	for (size_t i = 0; i < ARRAY_SIZE(blocks) && !rc; i++)
		rc = zcdma_path_send(path, &blocks[i]);
	assert_int_equal(rc, -ETIMEDOUT);
	assert_int_equal(zcdma_path_flush(path), -ETIMEDOUT);
	zcdma_path_set_timeout(path, -1);
	zcdma_interrupt(ctx);
	assert_int_equal(zcdma_path_flush(path), -EINTR);
	zcdma_path_close(failed);
	close(fds[0]);
	alarm(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, close_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_next_answers),
		TEST(test_foreign_signal),
		TEST(test_limit),
		TEST(test_freed_before_the_wait),
		TEST(test_send_without_room),
		TEST(test_finish_within_its_timeout),
		TEST(test_dead_connection),
		TEST(test_connection_that_dies_at_the_end),
		TEST(test_no_end_after_a_failed_source),
		TEST(test_descriptors),
		TEST(test_wait_beside_a_failed_path),
		TEST(test_ring_is_made_for_the_path),
		TEST(test_path_says_why_not),
		TEST(test_sized_statistics),
		TEST(test_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
