/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk's connection, without a device: its requests are a test's, their pages a file, and its server a script. As the test
 * knows which cookie a request will have, all that the server says can be in the socket before it is asked.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk/disk.h"

#include "context.h"
#include "namespace.h"

#define WITHIN_MS  20000
#define LEN	   4096u
#define PAGES_SIZE (ZC_UBLK_BUFFERS + ((off_t)ZC_DISK_DEPTH << ZC_UBLK_TAG_SHIFT))

static struct zcdma_disk *d;
static struct zc_disk_queue *q; /* of it */
static struct ublksrv_io_desc requests[ZC_DISK_DEPTH];
static int server; /* the other end of the connection */

static void connect_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	zc_conn_attach(q, fds[0]);
	server = fds[1];
}

static void make_disk(enum zcdma_disk_recover recover)
{
	const struct zcdma_disk_options options = { .recover = recover, .timeout_ms = 100 };

	d = zc_disk_new(ctx, &options);
	assert_non_null(d);
	q = d->queues[0];
	d->char_fd = memfd_create("pages", 0);
	assert_int_equal(ftruncate(d->char_fd, PAGES_SIZE), 0);
	strcpy(d->target.where, "server:1");
	d->info.copy = ZCDMA_DISK_COPY_USER;
	d->export.flags = NBD_FLAG_CAN_MULTI_CONN;
	q->requests = requests;
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++)
		q->slots[tag].state = ZC_DISK_GONE;
	q->wire.in = malloc(ZC_DISK_CHUNK);
	q->wire.out = malloc(ZC_DISK_CHUNK);
	assert_int_equal(zc_disk_ring_open(q), 0);
	connect_pair();
}

static void free_disk(void)
{
	q->requests = NULL; /* not mapped */
	zcdma_disk_close(d);
	close(server);
}

/* Have the kernel ask for this. */
static void ask(unsigned tag, uint8_t op)
{
	requests[tag] = (struct ublksrv_io_desc){
		.op_flags = op,
		.nr_sectors = LEN >> 9,
		.start_sector = 8 * tag,
	};
	zc_queue_take(q, tag, UBLK_IO_RES_OK);
}

static void say(const void *data, size_t len)
{
	assert_int_equal(send(server, data, len, MSG_NOSIGNAL), len);
}

static void reply(uint64_t cookie, uint32_t error)
{
	const struct zc_nbd_reply r = {
		.magic = htobe32(NBD_SIMPLE_REPLY_MAGIC),
		.error = htobe32(error),
		.cookie = htobe64(cookie),
	};

	say(&r, sizeof(r));
}

/* The cookie of the @nth request of @tag. */
static uint64_t cookie(unsigned tag, unsigned nth)
{
	return (uint64_t)nth << 32 | tag;
}

static void say_data(char c, size_t len)
{
	char data[LEN];

	memset(data, c, len);
	say(data, len);
}

static uint64_t completed(const struct zc_disk_queue *queue)
{
	const struct zcdma_disk_stats *s = &queue->stats;

	return s->reads + s->writes + s->flushes + s->discards + s->failed;
}

static uint64_t wanted;

/* Without a device the command that completes a request fails, after which the tag can be used again. */
static bool enough(const struct zc_disk_queue *queue)
{
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		if (queue->slots[tag].state == ZC_DISK_IN_KERNEL)
			return false;
	}
	return completed(queue) >= wanted;
}

static bool has_ended(const struct zc_disk_queue *queue)
{
	return queue->wire.fd < 0;
}

static bool never(const struct zc_disk_queue *queue)
{
	(void)queue;
	return false;
}

static void until_completed(uint64_t n)
{
	wanted = n;
	assert_int_equal(zc_disk_run(q, enough, WITHIN_MS, false), 0);
	assert_int_equal(completed(q), n);
}

/* Serve for a while: what must not happen has a chance to. */
static void run_ms(int ms)
{
	assert_int_equal(zc_disk_run(q, never, ms, false), -ETIMEDOUT);
}

/* All of the request's pages, and those after them, hold @c; 0: they were never written to. */
static void assert_pages(unsigned tag, char c)
{
	char got[2 * LEN] = { 0 }, want[2 * LEN] = { 0 };
	const off_t at = (off_t)(ZC_UBLK_BUFFERS + ((uint64_t)tag << ZC_UBLK_TAG_SHIFT));

	memset(want, c, LEN);
	assert_true(pread(d->char_fd, got, sizeof(got), at) >= 0);
	assert_memory_equal(got, want, sizeof(got));
}

static void assert_dead(const char *why)
{
	assert_true(d->dead);
	if (!strstr(d->why_dead.error, why))
		fail_msg("\"%s\" is not in \"%s\"", why, d->why_dead.error);
}

/* Returns the number of bytes that the server has been sent, which end in the connection's end where @ended. */
static size_t drain_server(bool *ended)
{
	char buf[4096];
	size_t all = 0;
	ssize_t n;

	while ((n = recv(server, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		all += (size_t)n;
	*ended = n == 0;
	return all;
}

static void answers_come_in_any_order(void **state)
{
	(void)state;
	make_disk(ZCDMA_DISK_FAIL);
	ask(0, UBLK_IO_OP_READ);
	ask(1, UBLK_IO_OP_READ);
	ask(2, UBLK_IO_OP_READ);
	reply(cookie(2, 1), 0);
	say_data('c', LEN);
	reply(cookie(1, 1), EIO);
	reply(cookie(0, 1), 0);
	say_data('a', LEN);
	until_completed(3);
	assert_pages(0, 'a');
	assert_pages(1, 0);
	assert_pages(2, 'c');
	assert_int_equal(q->stats.failed, 1);
	assert_false(d->dead);
	free_disk();
}

/* After a lie all requests fail, whatever --recover says, and nothing of it is in the pages of another. */
static void lies(const char *why)
{
	until_completed(3);
	assert_dead(why);
	assert_pages(1, 0);
	assert_pages(2, 0);
	/* Later ones fail at once, and no other connection is made. */
	ask(3, UBLK_IO_OP_READ);
	until_completed(4);
	assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
	zc_conn_tick(q);
	assert_int_equal(q->wire.fd, -1);
	free_disk();
}

static void begin_lie(enum zcdma_disk_recover recover)
{
	make_disk(recover);
	for (unsigned tag = 0; tag < 3; tag++)
		ask(tag, UBLK_IO_OP_READ);
}

static void a_server_that_lies_is_given_up(void **state)
{
	static const uint64_t not_made[] = {
		3, 63, 64, UINT32_MAX, 1ull << 32 | 3, 1ull << 32 | 64, 2ull << 32, 0
	};
	const char *not_asked = "answers a request that was not made";

	(void)state;
	for (int mode = ZCDMA_DISK_FAIL; mode <= (int)ZCDMA_DISK_REISSUE; mode++) {
		for (size_t i = 0; i < ARRAY_SIZE(not_made); i++) {
			begin_lie((enum zcdma_disk_recover)mode);
			reply(not_made[i], 0);
			say_data('x', LEN);
			lies(not_asked);
		}
		/* Twice the same. */
		begin_lie((enum zcdma_disk_recover)mode);
		reply(cookie(0, 1), 0);
		say_data('a', LEN);
		reply(cookie(0, 1), 0);
		say_data('x', LEN);
		lies(not_asked);
		/* Not a reply; a reply within what should be data is data, and after it comes none. */
		begin_lie((enum zcdma_disk_recover)mode);
		say_data('x', LEN);
		lies("is not one of NBD");
		begin_lie((enum zcdma_disk_recover)mode);
		reply(cookie(0, 1), 0);
		say_data('a', LEN - sizeof(struct zc_nbd_reply));
		reply(cookie(1, 1), EIO);
		say_data('x', 100);
		lies("is not one of NBD");
	}
}

/* It says that it has what it has not been sent yet: the request is still sent to its end, and fails or ends once. */
static void an_early_answer_waits_for_the_data(void **state)
{
	int small = 4096;
	bool ended;

	(void)state;
	make_disk(ZCDMA_DISK_FAIL);
	d->options.timeout_ms = WITHIN_MS;
	setsockopt(q->wire.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	requests[0] = (struct ublksrv_io_desc){ .op_flags = UBLK_IO_OP_WRITE, .nr_sectors = 2048 };
	zc_queue_take(q, 0, UBLK_IO_RES_OK);
	reply(cookie(0, 1), EIO);
	run_ms(50);
	assert_int_equal(completed(q), 0);
	while (!completed(q)) {
		drain_server(&ended);
		assert_false(ended);
		run_ms(10);
	}
	assert_int_equal(q->stats.failed, 1);
	free_disk();
}

static void silence_is_not_waited_for(void **state)
{
	(void)state;
	for (size_t len = 0; len < LEN; len += 1000) {
		make_disk(ZCDMA_DISK_FAIL);
		ask(0, UBLK_IO_OP_READ);
		if (len)
			reply(cookie(0, 1), 0);
		say_data('a', len);
		until_completed(1);
		assert_int_equal(q->stats.failed, 1);
		assert_dead("it has not answered for");
		free_disk();
	}
}

static struct zcdma_disk_info info(void)
{
	struct zcdma_disk_info i;

	zcdma_disk_get_info(d, &i, sizeof(i));
	return i;
}

static bool is_lost(const struct zc_disk_queue *queue)
{
	return queue->wire.lost && queue->wire.sorted;
}

/*
 * What a silent server was sent it may still do. So its connection is ended, but no other made, until it has seen the end of
 * what it was sent, and ended the connection itself.
 */
static void a_silent_server_ends_its_connection_before_another_is_made(void **state)
{
	bool ended;

	(void)state;
	for (int mode = ZCDMA_DISK_WAIT; mode <= (int)ZCDMA_DISK_REISSUE; mode++) {
		make_disk((enum zcdma_disk_recover)mode);
		assert_false(info().away);
		ask(0, UBLK_IO_OP_WRITE);
		assert_int_equal(zc_disk_run(q, is_lost, WITHIN_MS, false), 0);
		assert_true(info().away);
		assert_non_null(strstr(info().lost_reason, "it has not answered for"));
		assert_false(d->dead);
		assert_int_equal(q->stats.failed, mode == ZCDMA_DISK_WAIT);
		run_ms(1500);
		assert_true(q->wire.fd >= 0);
		/* What it says now is of no use, and is in nobody's pages. */
		reply(cookie(0, 1), 0);
		say_data('x', LEN);
		run_ms(300);
		assert_true(q->wire.fd >= 0);
		assert_pages(0, 0);
		assert_int_equal(drain_server(&ended), sizeof(struct zc_nbd_request) + LEN);
		assert_true(ended);
		close(server);
		assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
		server = -1;
		assert_int_equal(q->slots[0].state == ZC_DISK_QUEUED, mode == ZCDMA_DISK_REISSUE);
		free_disk();
	}
}

/* Connect by TCP over loopback, to a server that takes @window bytes, or 0 for what is usual, until it reads. */
static void connect_tcp(int window)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (const struct sockaddr *)&in, len), 0);
	if (window)
		setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&in, len), 0);
	close(q->wire.fd);
	close(server);
	zc_conn_attach(q, fd);
	zc_reset_on_close(fd, true);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	close(listener);
}

static void ask_large(unsigned tag)
{
	requests[tag] = (struct ublksrv_io_desc){
		.op_flags = UBLK_IO_OP_WRITE,
		.nr_sectors = ZC_DISK_REQUEST_MOST >> 9,
	};
	zc_queue_take(q, tag, UBLK_IO_RES_OK);
}

/* A machine that acknowledges nothing is not waited for; one that does is, although its server is silent. */
static void a_machine_that_is_gone_is_not_waited_for(void **state)
{
	(void)state;
	if (!enter_namespace())
		skip();
	make_disk(ZCDMA_DISK_REISSUE);
	connect_tcp(0);
	ask(0, UBLK_IO_OP_WRITE);
	assert_int_equal(zc_disk_run(q, is_lost, WITHIN_MS, false), 0);
	run_ms(1000);
	assert_true(q->wire.fd >= 0);
	free_disk();
	make_disk(ZCDMA_DISK_REISSUE);
	connect_tcp(0);
	if (!shell("tc qdisc add dev lo root blackhole"))
		skip();
	ask(0, UBLK_IO_OP_WRITE);
	assert_int_equal(zc_disk_run(q, is_lost, WITHIN_MS, false), 0);
	assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
	assert_int_equal(q->slots[0].state, ZC_DISK_QUEUED);
	free_disk();
}

/* The same of one that took no more before: what is left has not been sent, so that nothing is unacknowledged. */
static void a_machine_that_took_no_more_and_is_gone_is_not_waited_for(void **state)
{
	(void)state;
	if (!enter_namespace())
		skip();
	shell("tc qdisc del dev lo root"); /* of the test before */
	make_disk(ZCDMA_DISK_REISSUE);
	connect_tcp(4096);
	ask_large(0);
	assert_int_equal(zc_disk_run(q, is_lost, WITHIN_MS, false), 0);
	run_ms(2000);
	assert_true(q->wire.fd >= 0);
	if (!shell("tc qdisc add dev lo root blackhole"))
		skip();
	assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
	assert_int_equal(q->slots[0].state, ZC_DISK_QUEUED);
	free_disk();
}

/* Such a server is not waited for, either, as the disk ends. */
static void a_silent_server_can_be_given_up(void **state)
{
	(void)state;
	make_disk(ZCDMA_DISK_REISSUE);
	ask(0, UBLK_IO_OP_READ);
	assert_int_equal(zc_disk_run(q, is_lost, WITHIN_MS, false), 0);
	zc_conn_give_up(q, zc_fail_plain(ctx, ECONNABORTED, "enough"));
	until_completed(1);
	assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
	assert_dead("enough");
	free_disk();
	/* One that is stopped while requests wait: the time-out ends it for good. */
	make_disk(ZCDMA_DISK_REISSUE);
	d->stopping = true;
	ask(0, UBLK_IO_OP_READ);
	until_completed(1);
	assert_dead("it has not answered for");
	free_disk();
}

/* A flush of another connection is for earlier writes only where the server says so: else it fails, once. */
static void a_flush_after_another_connection_fails_where_it_may_mean_nothing(void **state)
{
	(void)state;
	for (int shared = 0; shared <= 1; shared++) {
		make_disk(ZCDMA_DISK_REISSUE);
		d->export.flags = shared ? NBD_FLAG_CAN_MULTI_CONN : 0;
		ask(0, UBLK_IO_OP_WRITE);
		reply(cookie(0, 1), 0);
		until_completed(1);
		close(server);
		assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
		connect_pair();
		ask(0, UBLK_IO_OP_FLUSH);
		if (shared)
			reply(cookie(0, 2), 0);
		until_completed(2);
		assert_int_equal(q->stats.failed, !shared);
		assert_int_equal(q->stats.unsure_flushes, !shared);
		assert_false(info().away);
		ask(0, UBLK_IO_OP_FLUSH);
		reply(cookie(0, 3), 0);
		until_completed(3);
		assert_int_equal(q->stats.failed, !shared);
		free_disk();
	}
}

/* It need not fail for what was flushed, or written with FUA. */
static void a_flush_is_sure_where_nothing_was_left(void **state)
{
	(void)state;
	make_disk(ZCDMA_DISK_REISSUE);
	d->export.flags = 0;
	ask(0, UBLK_IO_OP_WRITE);
	reply(cookie(0, 1), 0);
	until_completed(1);
	ask(0, UBLK_IO_OP_FLUSH);
	reply(cookie(0, 2), 0);
	until_completed(2);
	requests[1] = (struct ublksrv_io_desc){ .op_flags = UBLK_IO_OP_WRITE | ZC_UBLK_IO_F_FUA,
						.nr_sectors = 8 };
	zc_queue_take(q, 1, UBLK_IO_RES_OK);
	reply(cookie(1, 1), 0);
	until_completed(3);
	close(server);
	assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
	assert_false(q->unsure);
	server = -1;
	free_disk();
}

/* Have the server end the connection, and a request wait for another. */
static void leave_with_a_request(void)
{
	close(server);
	server = -1;
	assert_int_equal(zc_disk_run(q, has_ended, WITHIN_MS, false), 0);
	ask(0, UBLK_IO_OP_READ);
}

/* A device that is not in use ends, although its server is away: what waits for it fails. */
static void a_stop_does_not_wait_for_a_server_that_is_away(void **state)
{
	(void)state;
	make_disk(ZCDMA_DISK_REISSUE);
	leave_with_a_request();
	snprintf(d->path, sizeof(d->path), "/proc/self/fd/%d", d->char_fd);
	assert_int_equal(zcdma_disk_stop(d), -ECONNABORTED);
	assert_dead("is away");
	assert_int_equal(q->stats.failed, 1);
	free_disk();
}

/* Let an open of the path go on, once the server is given up. */
static void *let_open(void *arg)
{
	while (!__atomic_load_n(&d->dead, __ATOMIC_RELAXED))
		usleep(10000);
	close(open(arg, O_WRONLY));
	return NULL;
}

/* The same where the open itself waits for the server. A pipe without a writer stands for such a device. */
static void an_open_that_waits_for_a_server_that_is_away_ends(void **state)
{
	pthread_t thread;

	(void)state;
	make_disk(ZCDMA_DISK_REISSUE);
	leave_with_a_request();
	snprintf(d->path, sizeof(d->path), "/tmp/test_disk.%d", getpid());
	assert_int_equal(mkfifo(d->path, 0600), 0);
	assert_int_equal(pthread_create(&thread, NULL, let_open, d->path), 0);
	assert_int_equal(zcdma_disk_stop(d), -ECONNABORTED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	unlink(d->path);
	assert_int_equal(q->stats.failed, 1);
	free_disk();
}

/* The end of a connection whose requests are under way is not one that says goodbye: they may be made again. */
static void requests_under_way_are_not_left_to_the_server(void **state)
{
	bool ended;

	(void)state;
	for (int under_way = 0; under_way <= 1; under_way++) {
		make_disk(ZCDMA_DISK_REISSUE);
		d->options.timeout_ms = WITHIN_MS;
		ask(0, UBLK_IO_OP_WRITE);
		if (!under_way) {
			reply(cookie(0, 1), 0);
			until_completed(1);
		}
		run_ms(50);
		zc_conn_close(q);
		assert_int_equal(drain_server(&ended),
				 (size_t)(2 - under_way) * sizeof(struct zc_nbd_request) + LEN);
		assert_true(ended);
		free_disk();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(a_server_that_lies_is_given_up),
		cmocka_unit_test(an_early_answer_waits_for_the_data),
		cmocka_unit_test(silence_is_not_waited_for),
		cmocka_unit_test(a_silent_server_ends_its_connection_before_another_is_made),
		cmocka_unit_test(a_machine_that_is_gone_is_not_waited_for),
		cmocka_unit_test(a_machine_that_took_no_more_and_is_gone_is_not_waited_for),
		cmocka_unit_test(a_silent_server_can_be_given_up),
		cmocka_unit_test(a_flush_after_another_connection_fails_where_it_may_mean_nothing),
		cmocka_unit_test(a_flush_is_sure_where_nothing_was_left),
		cmocka_unit_test(a_stop_does_not_wait_for_a_server_that_is_away),
		cmocka_unit_test(an_open_that_waits_for_a_server_that_is_away_ends),
		cmocka_unit_test(requests_under_way_are_not_left_to_the_server),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
