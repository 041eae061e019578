// SPDX-License-Identifier: GPL-2.0-only
/* Writers that break the rules of the hand-over, before a consumer that keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handover_consumer.h"
#include "handover_producer.h"

/* Check that the consumer answers the hello on @sock the next time that it is asked for a block. */
static void assert_welcome(int sock)
{
	int fds[ZC_HO_FDS];
	struct zcdma_block b;
	struct zc_ho_msg msg;

	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_WELCOME);
	assert_true(zc_ho_is_name(fds[0], pipe_fd[1]));
	zc_local_close(fds, ZC_HO_FDS);
}

/* Send a hello, as the writer of the pipe does, and receive the welcome. Returns the socket. */
static int call(void)
{
	const struct zc_ho_msg hello = valid(ZC_HO_HELLO);
	int sock = connect_pipe();

	assert_int_equal(say_name(sock, &hello, pipe_fd[1]), 0);
	assert_welcome(sock);
	return sock;
}

/* Connect, and hand over a ring of 4 blocks. Returns the socket. */
static int hand_over(void)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int fd = make_ring(), sock = call();
	struct zcdma_block b;
	int fds[ZC_HO_FDS];

	assert_int_equal(say(sock, &msg, fd, pipe_fd[1]), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_ACCEPT);
	assert_true(zc_ho_is_end(fds[0], pipe_fd[1], O_RDONLY));
	zc_local_close(fds, ZC_HO_FDS);
	close(fd);
	return sock;
}

/* Check that bytes still pass through the pipe. */
static void assert_bytes_come(void)
{
	struct zcdma_block b;

	assert_int_equal(write(pipe_fd[1], "bytes", 5), 5);
	assert_int_equal(next(&b), 1);
	assert_int_equal(b.len, 5);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	close_end(1);
	assert_int_equal(next(&b), 0);
}

/* Check that @sock was closed, after a refusal with @reason, or without a message if @reason is negative. */
static void assert_dropped(int sock, int reason)
{
	struct zcdma_block b;
	struct zc_ho_msg msg;

	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	if (reason >= 0) {
		assert_int_equal(zc_ho_recv(sock, &msg, NULL), 1);
		assert_int_equal(msg.head.type, ZC_HO_REFUSE);
		assert_int_equal(msg.refuse.reason, reason);
	}
	assert_int_equal(zc_ho_recv(sock, &msg, NULL), 0);
	close(sock);
}

/* Check that the offer of @ring, with @end as the proof, is refused for @reason. */
static void assert_refused(int ring, int end, int reason)
{
	const struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int sock = call();

	assert_int_equal(say(sock, &msg, ring, end), 0);
	assert_dropped(sock, reason);
}

static void test_no_proof(void **state)
{
	const struct zc_ho_msg hello = valid(ZC_HO_HELLO);
	int ring = make_ring(), other[2], sock = connect_pipe();

	(void)state;
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	assert_int_equal(say_name(sock, &hello, other[1]), 0);
	assert_dropped(sock, ZC_HO_NO_PROOF);
	sock = connect_pipe();
	assert_int_equal(say(sock, &hello, pipe_fd[1], -1), 0);
	assert_dropped(sock, ZC_HO_NO_PROOF);
	/* A ring, with what is not the writing end. */
	assert_refused(ring, other[1], ZC_HO_NO_PROOF);
	assert_refused(ring, pipe_fd[0], ZC_HO_NO_PROOF);
	assert_refused(ring, ring, ZC_HO_NO_PROOF);
	close(ring);
	close(other[0]);
	close(other[1]);
	assert_bytes_come();
}

static void test_bad_rings(void **state)
{
	int open_ended = make_memfd(4 * BLOCK, 0), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int before = count_fds();

	(void)state;
	assert_refused(open_ended, pipe_fd[1], ZC_HO_BAD_RING);
	assert_refused(null, pipe_fd[1], ZC_HO_BAD_RING);
	assert_refused(pipe_fd[1], pipe_fd[1], ZC_HO_BAD_RING);
	assert_int_equal(count_fds(), before);
	close(open_ended);
	close(null);
	assert_bytes_come();
}

static void test_out_of_turn(void **state)
{
	static const struct {
		bool welcome; /* a hello was sent, and answered */
		struct bad_field msg;
		int reason;
	} turns[] = {
		{ false, AS_IS(ZC_HO_OFFER), -1 },
		{ true, AS_IS(ZC_HO_BLOCK), -1 }, /* before a ring */
		{ true, AS_IS(ZC_HO_HELLO), -1 },
		{ false, AS_IS(ZC_HO_ACCEPT), -1 }, /* is for the other direction */
		{ false, BAD(ZC_HO_END, head.version, ZC_HO_VERSION + 1), ZC_HO_VERSION_UNKNOWN },
	};
	int ring = make_ring(), name = zc_ho_name_pipe(pipe_fd[1]), sock;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turns); i++) {
		const struct zc_ho_msg msg = spoiled(&turns[i].msg);

		sock = turns[i].welcome ? call() : connect_pipe();
		assert_int_equal(
			say(sock, &msg, turns[i].msg.type == ZC_HO_OFFER ? ring : name, pipe_fd[1]),
			0);
		assert_dropped(sock, turns[i].reason);
	}
	sock = connect_pipe();
	send_raw(sock, "GET / HTTP/1.0", 14, 3);
	assert_dropped(sock, -1);
	close(ring);
	close(name);
	assert_bytes_come();
}

/* Connect, although the queue of connections may be full. */
static int connect_patiently(void)
{
	struct zcdma_block b;
	int sock;

	while ((sock = zc_ho_connect(pipe_fd[1])) == -EAGAIN)
		assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_true(sock >= 0);
	return sock;
}

/* Check that a writer's hello is answered after more silent connections than there is room for. */
static void test_flood(void **state)
{
	const struct zc_ho_msg hello = valid(ZC_HO_HELLO);
	int silent[200], sock;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = connect_patiently();
	sock = connect_patiently();
	assert_int_equal(say_name(sock, &hello, pipe_fd[1]), 0);
	assert_welcome(sock);
	close(sock);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
}

/* Check that a writer's hello is answered with silent connections pending after it. */
static void test_flood_after_hello(void **state)
{
	const struct zc_ho_msg hello = valid(ZC_HO_HELLO);
	int silent[14], sock = connect_pipe();

	(void)state;
	assert_int_equal(say_name(sock, &hello, pipe_fd[1]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = connect_pipe();
	assert_welcome(sock);
	close(sock);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
}

/* Check that a producer is refused as busy while all places are taken, even before it has sent a hello. */
static void test_busy(void **state)
{
	struct producer p = { .spec = "sim:", .blocks = 1 };
	struct zcdma_block b;
	int sock[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sock); i++)
		sock[i] = call();
	start(&p);
	while (pthread_tryjoin_np(p.thread, NULL)) {
		assert_in_range(zc_source_take(in, 0, &b) + EAGAIN, 0, EAGAIN);
		zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 5);
	}
	assert_int_equal(p.found, -EOPNOTSUPP);
	assert_non_null(strstr(p.error, zc_ho_reason(ZC_HO_BUSY)));
	for (size_t i = 0; i < ARRAY_SIZE(sock); i++)
		close(sock[i]);
	assert_int_equal(next(&b), 0);
}

/* Check that a connection is closed if no descriptor is left for it, and does not wake the consumer again. */
static void test_no_descriptor_left(void **state)
{
	int sock = connect_pipe(), lowest = dup(sock);
	struct rlimit all, none;
	struct zcdma_block b;
	struct zc_ho_msg msg;

	(void)state;
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 50), -ETIMEDOUT);
	assert_int_equal(zc_ho_recv(sock, &msg, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	close(sock);
	assert_bytes_come();
}

/*
 * Check that a producer that has shut down its receiving side is dropped: it could not learn that its ring
 * was accepted, and the consumer would wait for its blocks without end.
 */
static void test_deaf_producer(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int fd = make_ring(), sock = call();
	struct zcdma_block b;

	(void)state;
	assert_int_equal(say(sock, &msg, fd, pipe_fd[1]), 0);
	assert_int_equal(shutdown(sock, SHUT_RD), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(stats().handovers, 0);
	assert_bytes_come();
	close(sock);
	close(fd);
}

/* What happens between the consumer's look into the pipe and its look for writers, or NULL. */
static void (*meanwhile)(void);
static int eager = -1;

/* The consumer's, which has found the pipe empty. */
int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	void (*now)(void) = meanwhile;

	meanwhile = NULL;
	if (now)
		now();
	return (int)syscall(SYS_accept4, fd, addr, len, flags);
}

/* Write bytes; then another writer says all that it has to say, without waiting for answers. */
static void write_bytes_and_offer(void)
{
	const struct zc_ho_msg hello = valid(ZC_HO_HELLO), offer = valid(ZC_HO_OFFER);
	int fd = make_ring();

	assert_int_equal(write(pipe_fd[1], "bytes", 5), 5);
	assert_int_equal(say_name(eager, &hello, pipe_fd[1]), 0);
	assert_int_equal(say(eager, &offer, fd, pipe_fd[1]), 0);
	close(fd);
}

/* Check that bytes come before the ring of a writer that came after them, however quick it is. */
static void test_eager_writer(void **state)
{
	struct zcdma_block b;

	(void)state;
	eager = connect_pipe();
	meanwhile = write_bytes_and_offer;
	assert_int_equal(next(&b), 1);
	assert_int_equal(stats().handovers, 0);
	assert_int_equal(b.len, 5);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(stats().handovers, 1);
	close(eager);
}

/* Check that @msg, sent after the ring was accepted, is reported as a protocol error. */
static void assert_breaks(const struct zc_ho_msg *msg)
{
	struct zcdma_block b;
	int sock = hand_over(), rc;

	assert_int_equal(say(sock, msg, pipe_fd[0], -1), 0);
	while ((rc = next(&b)) == 1)
		zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(rc, -EPROTO);
	close(sock);
	zcdma_source_close(in);
	assert_int_equal(lab_open(ctx, "-", LAB_HANDOVER, &in), 0);
}

static void test_broken_blocks(void **state)
{
	static const struct zc_ho_block blocks[] = {
		{ .ring_offset = 4 * BLOCK, .fd_offset = 4 * BLOCK, .len = BLOCK },
		{ .len = BLOCK + 1 },
		{ .id = 1, .len = BLOCK },
	};
	static const struct bad_field fields[] = {
		BAD(ZC_HO_END, end.blocks, 1),
		BAD(ZC_HO_END, end.bytes, 1),
		/* are for the other direction */
		BAD(ZC_HO_HELLO, head.type, ZC_HO_ACCEPT),
		AS_IS(ZC_HO_RELEASE),
	};
	struct zc_ho_msg msg;

	(void)state;
	zc_ho_begin(&msg, ZC_HO_BLOCK, 1);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		msg.block[0] = blocks[i];
		assert_breaks(&msg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		msg = spoiled(&fields[i]);
		assert_breaks(&msg);
	}
}

/* Check that a block announced again while the consumer holds it is a protocol error. */
static void test_block_twice(void **state)
{
	struct zcdma_block b, again;
	struct zc_ho_msg msg;
	int sock = hand_over();

	(void)state;
	zc_ho_begin(&msg, ZC_HO_BLOCK, 2);
	msg.block[0] = msg.block[1] = first_block;
	msg.block[1].id = 1;
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	assert_int_equal(next(&b), 1);
	assert_int_equal(next(&again), -EPROTO);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	close(sock);
}

/*
 * Check a writer that announces blocks again and again without reading the releases. When these no longer
 * fit into the socket, the blocks stay out, and announcing them again is a protocol error.
 */
static void test_deaf_writer(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_BLOCK);
	int sock = hand_over(), rc = 1;
	struct zcdma_block b;
	uint64_t id = 0;

	(void)state;
	msg.head.count = 1;
	for (; id < 100000 && rc == 1; id++) {
		msg.block[0] = (struct zc_ho_block){ .id = id,
						     .ring_offset = id % 4 * BLOCK,
						     .fd_offset = id % 4 * BLOCK,
						     .len = 1 };
		assert_int_equal(say(sock, &msg, -1, -1), 0);
		rc = zc_source_take(in, 0, &b);
		if (rc == 1)
			zc_source_put(in, &b, ZC_PUT_REUSE);
	}
	assert_int_equal(rc, -EPROTO);
	assert_in_range(id, 8, 99999);
	close(sock);
}

/* Check that losses arrive with the next block, and that a false count does no harm but to the statistics. */
static void test_lost_blocks(void **state)
{
	static const struct {
		uint64_t seq, offset;
		unsigned flags;
		uint64_t overruns, lost_bytes; /* from here on */
	} blocks[] = {
		{ 2, 2 * BLOCK, ZCDMA_BLOCK_LOST, 2, 2 * BLOCK },
		{ 3, 3 * BLOCK, 0, 2, 2 * BLOCK },
		{ 60, 60 * BLOCK, ZCDMA_BLOCK_LOST, 58, 58 * BLOCK },
		{ 9, 9 * BLOCK, ZCDMA_BLOCK_LOST, 58, 58 * BLOCK },
		{ 10, 0, ZCDMA_BLOCK_LOST, 58, 58 * BLOCK },
		{ 12, 0, ZCDMA_BLOCK_LOST, 59, ZCDMA_UNKNOWN },
	};
	struct zc_ho_msg msg = valid(ZC_HO_BLOCK);
	struct zcdma_block b;
	int sock = hand_over();

	(void)state;
	msg.head.count = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
		msg.block[0] = (struct zc_ho_block){ .id = i,
						     .seq = blocks[i].seq,
						     .offset = blocks[i].offset,
						     .ring_offset = i % 4 * BLOCK,
						     .fd_offset = i % 4 * BLOCK,
						     .len = BLOCK,
						     .flags = blocks[i].flags };
		assert_int_equal(say(sock, &msg, -1, -1), 0);
		/* In two pieces, which are one block. */
		for (int piece = 0; piece < 2; piece++) {
			assert_int_equal(zc_source_take(in, BLOCK / 2, &b), 1);
			zc_source_put(in, &b, ZC_PUT_REUSE);
		}
		assert_int_equal(stats().overruns, blocks[i].overruns);
		assert_int_equal(stats().lost_bytes, blocks[i].lost_bytes);
	}
	close(sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CONSUMER(test_no_proof),		WITH_CONSUMER(test_out_of_turn),
		WITH_CONSUMER(test_bad_rings),		WITH_CONSUMER(test_flood),
		WITH_CONSUMER(test_flood_after_hello),	WITH_CONSUMER(test_busy),
		WITH_CONSUMER(test_no_descriptor_left), WITH_CONSUMER(test_deaf_producer),
		WITH_CONSUMER(test_broken_blocks),	WITH_CONSUMER(test_block_twice),
		WITH_CONSUMER(test_deaf_writer),	WITH_CONSUMER(test_lost_blocks),
		WITH_CONSUMER(test_eager_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
