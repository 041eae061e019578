/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk of two queues, each with a connection, without a device: see test_disk.c. One thread runs both here, in turn, so
 * that it is known what each of them sees of the other.
 */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
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
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk/disk.h"

#include "context.h"

#define WITHIN_MS 20000
#define LEN	  4096u
#define QUEUES	  2u
#define SIZE	  (1u << 20)
#define FLAGS	  (NBD_FLAG_HAS_FLAGS | NBD_FLAG_CAN_MULTI_CONN)

static struct zcdma_disk *d;
static struct ublksrv_io_desc requests[QUEUES][ZC_DISK_DEPTH];
static int server[QUEUES]; /* the other ends of the connections */

static void attach(unsigned n)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	zc_conn_attach(d->queues[n], fds[0]);
	server[n] = fds[1];
}

static void make_disk(enum zcdma_disk_recover recover, int timeout_ms)
{
	const struct zcdma_disk_options options = { .recover = recover, .timeout_ms = timeout_ms };

	d = zc_disk_new(ctx, &options);
	assert_non_null(d);
	d->char_fd = memfd_create("pages", 0);
	assert_int_equal(ftruncate(d->char_fd, (off_t)QUEUES << ZC_UBLK_QUEUE_SHIFT), 0);
	strcpy(d->target.where, "server:1");
	d->info.copy = ZCDMA_DISK_COPY_USER;
	d->export = (struct zc_nbd_export){
		.size = SIZE, .flags = FLAGS, .block_min = 1, .payload_most = ZC_NBD_PAYLOAD_MOST
	};
	assert_non_null(zc_queues_new(d, NULL));
	for (unsigned n = 0; n < QUEUES; n++) {
		struct zc_disk_queue *q = d->queues[n];

		q->requests = requests[n];
		for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++)
			q->slots[tag].state = ZC_DISK_GONE;
		q->wire.in = malloc(ZC_DISK_CHUNK);
		q->wire.out = malloc(ZC_DISK_CHUNK);
		assert_int_equal(zc_disk_ring_open(q), 0);
		attach(n);
	}
}

static void free_disk(void)
{
	for (unsigned n = 0; n < QUEUES; n++)
		d->queues[n]->requests = NULL; /* not mapped */
	zcdma_disk_close(d);
	for (unsigned n = 0; n < QUEUES; n++)
		close(server[n]);
}

/* Have the kernel ask a queue for this. */
static void ask(unsigned n, uint8_t op)
{
	requests[n][0] = (struct ublksrv_io_desc){ .op_flags = op, .nr_sectors = LEN >> 9 };
	zc_queue_take(d->queues[n], 0, UBLK_IO_RES_OK);
}

/* Answer the @nth request of a queue, with its data, if it has some. */
static void answer(unsigned n, unsigned nth, size_t len)
{
	const struct zc_nbd_reply r = {
		.magic = htobe32(NBD_SIMPLE_REPLY_MAGIC),
		.cookie = htobe64((uint64_t)nth << 32),
	};
	char data[LEN];

	memset(data, 'a' + (int)n, len);
	assert_int_equal(send(server[n], &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
	assert_int_equal(send(server[n], data, len, MSG_NOSIGNAL), len);
}

static uint64_t completed(const struct zc_disk_queue *q)
{
	return q->stats.reads + q->stats.writes + q->stats.failed;
}

static uint64_t wanted;

static bool enough(const struct zc_disk_queue *q)
{
	return completed(q) >= wanted && q->slots[0].state != ZC_DISK_IN_KERNEL;
}

static void until_completed(unsigned n, uint64_t count)
{
	wanted = count;
	assert_int_equal(zc_disk_run(d->queues[n], enough, WITHIN_MS, false), 0);
	assert_int_equal(completed(d->queues[n]), count);
}

static bool never(const struct zc_disk_queue *q)
{
	(void)q;
	return false;
}

static bool is_connected(const struct zc_disk_queue *q)
{
	return q->wire.fd >= 0;
}

static bool has_ended(const struct zc_disk_queue *q)
{
	return q->wire.fd < 0;
}

/* Lost, and drained of what still comes. */
static bool is_lost(const struct zc_disk_queue *q)
{
	return q->wire.lost && q->wire.receiving;
}

static void until(unsigned n, bool (*done)(const struct zc_disk_queue *q))
{
	assert_int_equal(zc_disk_run(d->queues[n], done, WITHIN_MS, false), 0);
}

static bool is_away(void)
{
	struct zcdma_disk_info info;

	zcdma_disk_get_info(d, &info, sizeof(info));
	return info.away;
}

static struct zcdma_disk_stats stats(void)
{
	struct zcdma_disk_stats s;

	zcdma_disk_get_stats(d, &s, sizeof(s));
	return s;
}

/* Each has pages of its own, at the place that the kernel gives them, and the figures are of both. */
static void queues_have_pages_of_their_own(void **state)
{
	(void)state;
	make_disk(ZCDMA_DISK_FAIL, WITHIN_MS);
	for (unsigned n = 0; n < QUEUES; n++) {
		const off_t at = (off_t)(ZC_UBLK_BUFFERS + ((uint64_t)n << 41));
		char got[LEN], want[LEN];

		ask(n, UBLK_IO_OP_READ);
		answer(n, 1, LEN);
		until_completed(n, 1);
		memset(want, 'a' + (int)n, LEN);
		assert_int_equal(pread(d->char_fd, got, LEN, at), LEN);
		assert_memory_equal(got, want, LEN);
	}
	assert_int_equal(stats().reads, 2);
	assert_int_equal(stats().read_bytes, 2 * LEN);
	free_disk();
}

/* One that is given up ends all: what another has under way fails, and what it is asked for later. */
static void the_end_of_one_is_that_of_all(void **state)
{
	(void)state;
	for (unsigned n = 0; n < QUEUES; n++) {
		const unsigned other = 1 - n;

		make_disk(ZCDMA_DISK_REISSUE, WITHIN_MS);
		ask(0, UBLK_IO_OP_READ);
		ask(1, UBLK_IO_OP_READ);
		answer(n, 7, 0);
		until_completed(n, 1);
		assert_true(d->dead);
		assert_non_null(strstr(d->why_dead.error, "a request that was not made"));
		/* The caller's own interrupts are not touched. */
		assert_int_equal(d->queues[other]->ctx->interrupted, other == 1);
		until_completed(other, 1);
		ask(other, UBLK_IO_OP_WRITE);
		until_completed(other, 2);
		until(other, has_ended);
		assert_int_equal(stats().failed, 3);
		assert_non_null(strstr(d->why_dead.error, "a request that was not made"));
		free_disk();
	}
}

/* The same where requests fail as a connection is lost: once one has failed, none of any connection is answered. */
static void without_recovery_one_that_is_lost_ends_all(void **state)
{
	(void)state;
	make_disk(ZCDMA_DISK_FAIL, WITHIN_MS);
	ask(0, UBLK_IO_OP_WRITE);
	ask(1, UBLK_IO_OP_WRITE);
	close(server[1]);
	server[1] = -1;
	until_completed(1, 1);
	answer(0, 1, 0);
	until_completed(0, 1);
	ask(0, UBLK_IO_OP_WRITE);
	until_completed(0, 2);
	assert_int_equal(stats().failed, 3);
	free_disk();
}

/*
 * A server that stands still may still do what it was sent. If that failed now, the place could be written to again by
 * the other connection, and the old data come after the new. So it fails once the server has ended the connection.
 */
static void what_a_silent_server_may_do_fails_once_it_has_ended_the_connection(void **state)
{
	char sent[2 * LEN];

	(void)state;
	make_disk(ZCDMA_DISK_WAIT, 100);
	ask(0, UBLK_IO_OP_WRITE);
	until(0, is_lost);
	assert_true(is_away());
	assert_int_equal(zc_disk_run(d->queues[0], never, 600, false), -ETIMEDOUT);
	assert_int_equal(d->queues[0]->stats.failed, 0);
	assert_int_equal(d->queues[0]->slots[0].state, ZC_DISK_SENT);
	/* The other one goes on. */
	ask(1, UBLK_IO_OP_WRITE);
	answer(1, 1, 0);
	until_completed(1, 1);
	assert_int_equal(stats().writes, 1);
	assert_int_equal(recv(server[0], sent, sizeof(sent), MSG_WAITALL),
			 sizeof(struct zc_nbd_request) + LEN);
	close(server[0]);
	server[0] = -1;
	until_completed(0, 1);
	assert_int_equal(stats().failed, 1);
	free_disk();
}

/* A server that agrees on exports of these sizes, one after another. */
struct host {
	int listener;
	unsigned count;
	uint64_t sizes[3];
	int fds[3];
	char path[64];
	pthread_t thread;
};

static void say(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static void say_reply(int fd, uint32_t type, const void *data, uint32_t len)
{
	const struct {
		uint64_t magic;
		uint32_t option, type, len;
	} __attribute__((packed))
	head = { htobe64(0x3e889045565a9), htobe32(7), htobe32(type), htobe32(len) };

	say(fd, &head, sizeof(head));
	say(fd, data, len);
}

static void *agree(void *arg)
{
	struct host *h = arg;

	for (unsigned i = 0; i < h->count; i++) {
		const struct {
			uint16_t type;
			uint64_t size;
			uint16_t flags;
		} __attribute__((packed)) info = { 0, htobe64(h->sizes[i]), htobe16(FLAGS) };

		h->fds[i] = accept(h->listener, NULL, NULL);
		say(h->fds[i], "NBDMAGICIHAVEOPT\0\3", 18);
		say_reply(h->fds[i], 3, &info, sizeof(info));
		say_reply(h->fds[i], 1, "", 0);
	}
	return NULL;
}

/* Have the disk's next connections go to such a server. */
static void begin_host(struct host *h)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(h->path, sizeof(h->path), "/tmp/test_disk_queues.%d", getpid());
	strcpy(to.sun_path, h->path);
	strcpy(d->target.socket, h->path);
	h->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(h->listener, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(h->listener, 4), 0);
	assert_int_equal(pthread_create(&h->thread, NULL, agree, h), 0);
}

static void end_host(struct host *h)
{
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	for (unsigned i = 0; i < h->count; i++)
		close(h->fds[i]);
	close(h->listener);
	unlink(h->path);
}

static void lose(unsigned n)
{
	close(server[n]);
	server[n] = -1;
	until(n, has_ended);
}

/* Each is made again by itself, and the server is back once all are. */
static void each_is_made_again(void **state)
{
	struct host h = { .count = 3, .sizes = { SIZE, SIZE, SIZE } };

	(void)state;
	make_disk(ZCDMA_DISK_REISSUE, WITHIN_MS);
	assert_false(is_away());
	lose(0);
	assert_true(is_away());
	ask(1, UBLK_IO_OP_READ);
	answer(1, 1, LEN);
	until_completed(1, 1);
	begin_host(&h);
	until(0, is_connected);
	assert_false(is_away());
	assert_int_equal(stats().reconnects, 1);
	/* Both. */
	lose(1);
	shutdown(h.fds[0], SHUT_RDWR);
	until(0, has_ended);
	until(0, is_connected);
	assert_true(is_away());
	assert_int_equal(stats().reconnects, 1);
	until(1, is_connected);
	assert_false(is_away());
	assert_int_equal(stats().reconnects, 2);
	assert_int_equal(stats().failed, 0);
	free_disk();
	end_host(&h);
}

/* Connections are added while their export is the first one's, and not one more than wanted. */
static void connections_agree_on_one_export(void **state)
{
	struct host h = { .count = 2, .sizes = { SIZE, SIZE / 2 } };

	(void)state;
	make_disk(ZCDMA_DISK_REISSUE, WITHIN_MS);
	assert_int_equal(zc_queues_connect(d, QUEUES), 0);
	assert_int_equal(d->queue_count, QUEUES);
	begin_host(&h);
	assert_int_equal(zc_queues_connect(d, QUEUES + 1), 0);
	assert_int_equal(d->queue_count, QUEUES + 1);
	assert_true(d->queues[QUEUES]->wire.fd >= 0 && d->queues[QUEUES]->has_ring);
	assert_int_equal(d->queues[QUEUES]->number, QUEUES);
	assert_int_equal(zc_queues_connect(d, QUEUES + 2), -ESTALE);
	assert_non_null(strstr(zcdma_error(ctx), "another export"));
	free_disk();
	end_host(&h);
}

/* Threads end as their queue does; here at once, as the kernel refuses their commands. */
static void threads_end_with_their_queues(void **state)
{
	char rest[sizeof(struct zc_nbd_request)];

	(void)state;
	make_disk(ZCDMA_DISK_REISSUE, WITHIN_MS);
	assert_int_equal(zc_queues_start(d), 0);
	assert_false(d->queues[0]->has_thread);
	assert_true(d->queues[1]->has_thread);
	zc_queues_join(d);
	assert_false(d->quitting);
	assert_false(d->queues[1]->has_thread);
	/* It said goodbye. */
	assert_int_equal(recv(server[1], rest, sizeof(rest), MSG_WAITALL), sizeof(rest));
	assert_int_equal(recv(server[1], rest, 1, 0), 0);
	free_disk();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_have_pages_of_their_own),
		cmocka_unit_test(the_end_of_one_is_that_of_all),
		cmocka_unit_test(without_recovery_one_that_is_lost_ends_all),
		cmocka_unit_test(
			what_a_silent_server_may_do_fails_once_it_has_ended_the_connection),
		cmocka_unit_test(each_is_made_again),
		cmocka_unit_test(connections_agree_on_one_export),
		cmocka_unit_test(threads_end_with_their_queues),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
