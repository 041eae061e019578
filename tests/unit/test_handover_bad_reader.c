// SPDX-License-Identifier: GPL-2.0-only
/* Readers that break the rules of the hand-over, before a producer that keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover_producer.h"

/* Accept a connection, and receive its hello. Returns the socket. */
static int take_call(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct zc_ho_msg msg;
	int sock, fds[ZC_HO_FDS];

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	p.fd = sock;
	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_HELLO);
	assert_true(zc_ho_is_name(fds[0], pipe_fd[0]));
	zc_local_close(fds, ZC_HO_FDS);
	return sock;
}

static struct zc_ho_msg receive(int sock, int *fds)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct zc_ho_msg msg;

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	return msg;
}

/* Accept a connection and its ring, with @end as the proof. Returns the socket. */
static int take_ring_with(int listener, int end)
{
	struct zc_ho_msg msg = valid(ZC_HO_WELCOME);
	int sock = take_call(listener), fds[ZC_HO_FDS];

	assert_int_equal(say_name(sock, &msg, pipe_fd[0]), 0);
	msg = receive(sock, fds);
	assert_int_equal(msg.head.type, ZC_HO_OFFER);
	assert_int_equal(zc_ho_check_ring(&msg.offer, fds[0]), 0);
	assert_true(zc_ho_is_end(fds[1], pipe_fd[0], O_WRONLY));
	zc_local_close(fds, ZC_HO_FDS);
	msg = valid(ZC_HO_ACCEPT);
	assert_int_equal(say(sock, &msg, end, -1), 0);
	return sock;
}

static int take_ring(int listener)
{
	return take_ring_with(listener, pipe_fd[0]);
}

static void test_no_listener(void **state)
{
	struct producer p = { .spec = "sim:", .blocks = 1 };
	uint64_t begin = zc_now_ns();

	(void)state;
	start(&p);
	join(&p);
	assert_int_equal(p.found, -EOPNOTSUPP);
	assert_true(zc_now_ns() - begin >= FIND_MS * UINT64_C(1000000));
}

/* Check answers after which a producer has to send bytes instead. */
static void test_false_answers(void **state)
{
	struct zc_ho_msg bad[] = { valid(ZC_HO_WELCOME), valid(ZC_HO_WELCOME), valid(ZC_HO_REFUSE),
				   valid(ZC_HO_ACCEPT) };
	int other[2], listener = zc_ho_listen(pipe_fd[0]), writer = dup(pipe_fd[1]);

	(void)state;
	bad[2].refuse.reason = ZC_HO_BUSY;
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct producer p = { .spec = "sim:", .blocks = 1 };
		int sock;

		pipe_fd[1] = dup(writer);
		start(&p);
		sock = take_call(listener);
		assert_int_equal(i ? say_name(sock, &bad[i], i == 1 ? other[0] : pipe_fd[0])
				   : say(sock, &bad[i], pipe_fd[0], -1),
				 0);
		join(&p);
		assert_int_equal(p.found, -EOPNOTSUPP);
		close(sock);
	}
	close(other[0]);
	close(other[1]);
	close(listener);
	close(writer);
}

/* Check that an interrupted wait for the answer can be resumed, without a second offer. */
static void test_interrupted(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 1 };
	int listener = zc_ho_listen(pipe_fd[0]), sock, fds[ZC_HO_FDS];
	struct zc_ho_msg msg = valid(ZC_HO_WELCOME);

	(void)state;
	start(&p);
	sock = take_call(listener);
	assert_int_equal(say_name(sock, &msg, pipe_fd[0]), 0);
	assert_int_equal(receive(sock, fds).head.type, ZC_HO_OFFER);
	zc_local_close(fds, ZC_HO_FDS);
	zcdma_interrupt(p.ctx);
	for (int ms = 0; !p.interrupted && ms < LIMIT_MS; ms++)
		usleep(1000);
	assert_true(p.interrupted);
	msg = valid(ZC_HO_ACCEPT);
	assert_int_equal(say(sock, &msg, pipe_fd[0], -1), 0);
	/* No second offer. */
	assert_int_equal(receive(sock, NULL).head.type, ZC_HO_BLOCK);
	zc_ho_begin(&msg, ZC_HO_RELEASE, 1);
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.reused, 1);
	close(listener);
	close(sock);
}

/* Check that a reader that accepts the ring without an end of the pipe is not believed. */
static void test_false_accept(void **state)
{
	struct producer p = { .spec = "sim:", .blocks = 1 };
	int listener = zc_ho_listen(pipe_fd[0]), other[2], sock;

	(void)state;
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	start(&p);
	sock = take_ring_with(listener, other[0]);
	join(&p);
	assert_int_equal(p.found, -EOPNOTSUPP);
	close(other[0]);
	close(other[1]);
	close(listener);
	close(sock);
}

/* Check that a reader that takes the end, and goes without a release, is an error: what it held may not have arrived. */
static void test_gone_with_blocks(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 2 };
	int listener = zc_ho_listen(pipe_fd[0]), sock;
	struct zc_ho_msg msg;

	(void)state;
	start(&p);
	sock = take_ring(listener);
	do
		msg = receive(sock, NULL);
	while (msg.head.type == ZC_HO_BLOCK);
	assert_int_equal(msg.head.type, ZC_HO_END);
	assert_int_equal(msg.end.blocks, 2);
	/* One of the two comes back. */
	zc_ho_begin(&msg, ZC_HO_RELEASE, 1);
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	close(sock);
	join(&p);
	assert_int_equal(p.rc, -EPIPE);
	assert_non_null(strstr(p.error, "its reader ended before it was done"));
	assert_int_equal(p.reused, 1);
	assert_int_equal(p.pending, 1);
	close(listener);
}

/* What a reader says of a stream of which it has at least block 0; each block has the slot of its number. */
struct false_words {
	uint32_t releases;
	struct zc_ho_release release[2];
	bool leaves; /* after them */
	struct zc_ho_leave leave;
};

/* Check that the producer fails if its reader sends that. */
static void false_words(void **state)
{
	const struct false_words *words = *state;
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 100 };
	int listener = zc_ho_listen(pipe_fd[0]), sock;
	struct zc_ho_msg msg;
	uint64_t id;

	start(&p);
	sock = take_ring(listener);
	for (id = 0; id < 2; id += msg.head.count) {
		msg = receive(sock, NULL);
		assert_int_equal(msg.head.type, ZC_HO_BLOCK);
	}
	if (words->releases) {
		zc_ho_begin(&msg, ZC_HO_RELEASE, words->releases);
		memcpy(msg.release, words->release, sizeof(words->release));
		assert_int_equal(say(sock, &msg, -1, -1), 0);
	}
	if (words->leaves) {
		zc_ho_begin(&msg, ZC_HO_LEAVE, 1);
		msg.leave = words->leave;
		assert_int_equal(say(sock, &msg, -1, -1), 0);
	}
	join(&p);
	assert_int_equal(p.rc, -EPROTO);
	close(sock);
	close(listener);
}

/* clang-format off */
#define FALSE_WORDS(name, ...) \
	{ name, false_words, make_pipe, close_pipe, &(struct false_words){ __VA_ARGS__ } }

#define RELEASE(name, n, ...) FALSE_WORDS(name, .releases = n, .release = { __VA_ARGS__ })
#define LEAVE(name, ...)      FALSE_WORDS(name, .leaves = true, .leave = { __VA_ARGS__ })
/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(test_no_listener),
		WITH_PIPE(test_false_answers),
		WITH_PIPE(test_interrupted),
		WITH_PIPE(test_false_accept),
		WITH_PIPE(test_gone_with_blocks),
		RELEASE("test_release_unknown", 1, { .id = 1000 }),
		RELEASE("test_release_twice", 2, { .id = 0 }, { .id = 0 }),
		RELEASE("test_release_nowhere", 1, { .id = 0, .slot = 4 }),
		LEAVE("test_leave_false", .id = 1), /* without a release of block 0 */
		LEAVE("test_leave_beyond", .id = 1000),
		LEAVE("test_leave_too_far", .id = 0, .skip = BLOCK),
		/* Block 1 would come again, as bytes. */
		FALSE_WORDS("test_leave_before_a_release", .releases = 1,
			    .release = { { .id = 1, .slot = 1 } }, .leaves = true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
