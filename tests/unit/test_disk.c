/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk's connection, without a device: its requests are a test's, their pages a file, and its server a script. As the test
 * knows which cookie a request will have, all that the server says can be in the socket before it is asked.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk/disk.h"

#include "context.h"

#define WITHIN_MS  20000
#define LEN	   4096u
#define PAGES_SIZE (ZC_UBLK_BUFFERS + ((off_t)ZC_DISK_DEPTH << ZC_UBLK_TAG_SHIFT))

static struct zcdma_disk *d;
static struct ublksrv_io_desc requests[ZC_DISK_DEPTH];
static int server; /* the other end of the connection */

static void connect_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	zc_conn_attach(d, fds[0]);
	server = fds[1];
}

static void make_disk(enum zcdma_disk_recover recover)
{
	d = calloc(1, sizeof(*d));
	assert_non_null(d);
	d->ctx = ctx;
	d->options.recover = recover;
	d->options.timeout_ms = 100;
	d->control_fd = -1;
	d->char_fd = memfd_create("pages", 0);
	assert_int_equal(ftruncate(d->char_fd, PAGES_SIZE), 0);
	strcpy(d->target.where, "server:1");
	d->info.copy = ZCDMA_DISK_COPY_USER;
	d->requests = requests;
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++)
		d->slots[tag].state = ZC_DISK_GONE;
	d->wire.in = malloc(ZC_DISK_CHUNK);
	d->wire.out = malloc(ZC_DISK_CHUNK);
	assert_int_equal(zc_disk_ring_open(d), 0);
	connect_pair();
}

static void free_disk(void)
{
	d->requests = NULL; /* not mapped */
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
	zc_queue_take(d, tag, UBLK_IO_RES_OK);
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

static uint64_t completed(const struct zcdma_disk *disk)
{
	const struct zcdma_disk_stats *s = &disk->stats;

	return s->reads + s->writes + s->flushes + s->discards + s->failed;
}

static uint64_t wanted;

/* Without a device the command that completes a request fails, after which the tag can be used again. */
static bool enough(const struct zcdma_disk *disk)
{
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		if (disk->slots[tag].state == ZC_DISK_IN_KERNEL)
			return false;
	}
	return completed(disk) >= wanted;
}

static bool has_ended(const struct zcdma_disk *disk)
{
	return disk->wire.fd < 0;
}

static bool never(const struct zcdma_disk *disk)
{
	(void)disk;
	return false;
}

static void until_completed(uint64_t n)
{
	wanted = n;
	assert_int_equal(zc_disk_run(d, enough, WITHIN_MS, false), 0);
	assert_int_equal(completed(d), n);
}

/* Serve for a while: what must not happen has a chance to. */
static void run_ms(int ms)
{
	assert_int_equal(zc_disk_run(d, never, ms, false), -ETIMEDOUT);
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

/* Receive all that the server has been sent by now. The connection has not ended. */
static void drain_server(void)
{
	char buf[4096];
	ssize_t n;

	do {
		n = recv(server, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0);
	assert_true(n < 0 && errno == EAGAIN);
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
	assert_int_equal(d->stats.failed, 1);
	assert_false(d->dead);
	free_disk();
}

/* After a lie all requests fail, and nothing of it is in the pages of another. */
static void lies(const char *why)
{
	until_completed(3);
	assert_dead(why);
	assert_pages(1, 0);
	assert_pages(2, 0);
	/* Later ones fail at once, and no other connection is made. */
	ask(3, UBLK_IO_OP_READ);
	until_completed(4);
	assert_int_equal(zc_disk_run(d, has_ended, WITHIN_MS, false), 0);
	zc_conn_tick(d);
	assert_int_equal(d->wire.fd, -1);
	free_disk();
}

static void begin_lie(void)
{
	make_disk(ZCDMA_DISK_FAIL);
	for (unsigned tag = 0; tag < 3; tag++)
		ask(tag, UBLK_IO_OP_READ);
}

static void a_server_that_lies_is_lost(void **state)
{
	static const uint64_t not_made[] = {
		3, 63, 64, UINT32_MAX, 1ull << 32 | 3, 1ull << 32 | 64, 2ull << 32, 0
	};
	const char *not_asked = "answers a request that was not made";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not_made); i++) {
		begin_lie();
		reply(not_made[i], 0);
		say_data('x', LEN);
		lies(not_asked);
	}
	/* Twice the same. */
	begin_lie();
	reply(cookie(0, 1), 0);
	say_data('a', LEN);
	reply(cookie(0, 1), 0);
	say_data('x', LEN);
	lies(not_asked);
	/* Not a reply; a reply within what should be data is data, and after it comes none. */
	begin_lie();
	say_data('x', LEN);
	lies("is not one of NBD");
	begin_lie();
	reply(cookie(0, 1), 0);
	say_data('a', LEN - sizeof(struct zc_nbd_reply));
	reply(cookie(1, 1), EIO);
	say_data('x', 100);
	lies("is not one of NBD");
}

/* It says that it has what it has not been sent yet: the request is still sent to its end, and fails or ends once. */
static void an_early_answer_waits_for_the_data(void **state)
{
	int small = 4096;

	(void)state;
	make_disk(ZCDMA_DISK_FAIL);
	d->options.timeout_ms = WITHIN_MS;
	setsockopt(d->wire.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	requests[0] = (struct ublksrv_io_desc){ .op_flags = UBLK_IO_OP_WRITE, .nr_sectors = 2048 };
	zc_queue_take(d, 0, UBLK_IO_RES_OK);
	reply(cookie(0, 1), EIO);
	run_ms(50);
	assert_int_equal(completed(d), 0);
	while (!completed(d)) {
		drain_server();
		run_ms(10);
	}
	assert_int_equal(d->stats.failed, 1);
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
		assert_int_equal(d->stats.failed, 1);
		assert_dead("it has not answered for");
		free_disk();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(a_server_that_lies_is_lost),
		cmocka_unit_test(an_early_answer_waits_for_the_data),
		cmocka_unit_test(silence_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
