// SPDX-License-Identifier: GPL-2.0-only
/* The page of a hand-over: blocks and releases that come by it, and peers that break its rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover_consumer.h"
#include "handover_producer.h"
#include "handover_reader.h"

/*
 * A writer before a consumer
 */

static int call(void)
{
	const struct zc_ho_msg hello = paged(ZC_HO_HELLO);
	int sock = connect_pipe(), fds[ZC_HO_FDS];
	struct zcdma_block b;
	struct zc_ho_msg msg;

	assert_int_equal(say_name(sock, &hello, pipe_fd[1]), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_WELCOME);
	assert_int_equal(msg.head.version, ZC_HO_VERSION);
	zc_local_close(fds, ZC_HO_FDS);
	return sock;
}

/* Offer a ring with @fd as its page. Returns the socket, and the type of the answer in *@type. */
static int offer_with(int fd, unsigned *type)
{
	int ring = make_ring(), sock = call(), fds[ZC_HO_FDS];
	struct zcdma_block b;
	struct zc_ho_msg msg;

	assert_int_equal(say_offer(sock, ring, pipe_fd[1], fd), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	zc_local_close(fds, ZC_HO_FDS);
	close(ring);
	*type = msg.head.type;
	return sock;
}

static int hand_over(void)
{
	int fd = make_page(&page), sock;
	unsigned type;

	sock = offer_with(fd, &type);
	assert_int_equal(type, ZC_HO_ACCEPT);
	close(fd);
	return sock;
}

static struct zc_ho_block block(uint64_t id)
{
	return (struct zc_ho_block){
		.id = id,
		.seq = id,
		.ring_offset = id % 4 * BLOCK,
		.fd_offset = id % 4 * BLOCK,
		.len = BLOCK,
		.slot = id % 4,
	};
}

static void put_block(const struct zc_ho_block *b)
{
	zc_lane_put(&page.blocks, b);
}

static void wake(int sock)
{
	const struct zc_ho_msg msg = paged(ZC_HO_WAKE);

	assert_int_equal(say(sock, &msg, -1, -1), 0);
}

/* Check that memory that could go away, or is not what it should be, is refused as a page. */
static void test_bad_pages(void **state)
{
	const size_t size = 1 << 16;
	char path[64];
	int good = make_page(&page), fds[6], before = count_fds();

	(void)state;
	fds[0] = make_memfd(size, 0);
	fds[1] = make_memfd(size, SEALS & ~F_SEAL_SHRINK);
	fds[2] = make_memfd(64, SEALS);
	fds[3] = open("/dev/null", O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", good);
	fds[4] = open(path, O_RDONLY | O_CLOEXEC);
	fds[5] = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (fds[5] >= 0)
		assert_int_equal(ftruncate(fds[5], 2 << 20) || fcntl(fds[5], F_ADD_SEALS, SEALS),
				 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		unsigned type;
		int sock;

		if (fds[i] < 0)
			continue;
		sock = offer_with(fds[i], &type);
		assert_int_equal(type, ZC_HO_REFUSE);
		close(sock);
		close(fds[i]);
	}
	assert_int_equal(count_fds(), before);
	close(good);
	zc_shared_page_unmap(&page);
}

static uint32_t released(void)
{
	return atomic_load(&page.releases.head->put);
}

/* Check blocks that come by the page, with one message, and go back by it without any. */
static void test_blocks(void **state)
{
	int sock = hand_over();
	struct zc_ho_msg msg;
	struct zcdma_block b;
	struct zc_ho_release r;

	(void)state;
	for (uint64_t id = 0; id < 100; id++) {
		struct zc_ho_block block_n = block(id);

		put_block(&block_n);
		if (zc_lane_must_wake(&page.blocks))
			wake(sock);
		assert_int_equal(next(&b), 1);
		assert_int_equal(b.seq, id);
		zc_source_put(in, &b, ZC_PUT_REUSE);
		assert_int_equal(released(), id + 1);
		assert_int_equal(zc_lane_take(&page.releases, 1, &r), 1);
		assert_int_equal(r.id, id);
	}
	/* We never slept. */
	assert_int_equal(zc_ho_recv(sock, &msg, NULL), -EAGAIN);
	/* After the end the rest of the page is read first. */
	put_block(&(struct zc_ho_block){ .id = 100, .len = 5 });
	msg = paged(ZC_HO_END);
	msg.end = (struct zc_ho_end){ .blocks = 101, .bytes = 100 * BLOCK + 5 };
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	close(sock);
	assert_int_equal(next(&b), 1);
	assert_int_equal(b.len, 5);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	close_end(1);
	assert_int_equal(next(&b), 0);
	zc_shared_page_unmap(&page);
}

/* Check that the consumer asks for a message only to sleep, and is woken by it. */
static void test_wake(void **state)
{
	int sock = hand_over();
	const struct zc_ho_block b0 = block(0);
	struct zcdma_block b;

	(void)state;
	assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 0), -ETIMEDOUT);
	put_block(&b0);
	assert_true(zc_lane_must_wake(&page.blocks));
	assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 0), -ETIMEDOUT);
	wake(sock);
	assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	assert_int_equal(zc_source_take(in, 0, &b), 1);
	/* It is awake, and looks again before it sleeps. */
	assert_false(zc_lane_must_wake(&page.blocks));
	zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 0), -ETIMEDOUT);
	close(sock);
	zc_shared_page_unmap(&page);
}

/* Take a block and give it back. */
static void pass_on(void)
{
	struct zcdma_block b;

	assert_int_equal(zc_source_take(in, 0, &b), 1);
	zc_source_put(in, &b, ZC_PUT_REUSE);
}

static void assert_not_woken(int sock)
{
	struct zc_ho_msg msg;

	assert_int_equal(zc_ho_recv(sock, &msg, NULL), -EAGAIN);
}

/* Check that a patient writer is woken for three quarters of its ring while there is more to take, and else for one. */
static void test_patient_writer(void **state)
{
	int sock = hand_over();
	struct zc_ho_block block_n;
	struct zcdma_block b;

	(void)state;
	for (uint64_t id = 0; id < 4; id++) {
		block_n = block(id);
		put_block(&block_n);
	}
	if (zc_lane_must_wake(&page.blocks))
		wake(sock);
	assert_true(zc_lane_sleep(&page.releases, ZC_LANE_PATIENT));
	pass_on();
	pass_on();
	assert_not_woken(sock);
	pass_on();
	receive(sock, ZC_HO_WAKE, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(zc_lane_take(&page.releases, 4, &(struct zc_ho_release){ 0 }), 1);
	/* The last one that there is. */
	assert_true(zc_lane_sleep(&page.releases, ZC_LANE_PATIENT));
	pass_on();
	receive(sock, ZC_HO_WAKE, NULL);
	assert_int_equal(zc_lane_take(&page.releases, 4, &(struct zc_ho_release){ 0 }), 1);
	/* Before a wait, what has gone back is enough. */
	for (uint64_t id = 4; id < 6; id++) {
		block_n = block(id);
		put_block(&block_n);
	}
	assert_true(zc_lane_sleep(&page.releases, ZC_LANE_PATIENT));
	pass_on();
	assert_not_woken(sock);
	assert_int_equal(zc_source_take(in, 0, &b), 1);
	assert_int_equal(zc_source_take(in, 0, &(struct zcdma_block){ 0 }), -EAGAIN);
	receive(sock, ZC_HO_WAKE, NULL);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	close(sock);
	zc_shared_page_unmap(&page);
}

/* Check that what was in the page when its writer died has come, and then the error. */
static void test_dead_writer(void **state)
{
	int sock = hand_over();
	const struct zc_ho_block b0 = block(0), b1 = block(1);
	struct zcdma_block b[2];

	(void)state;
	put_block(&b0);
	put_block(&b1);
	close(sock);
	for (int i = 0; i < 2; i++)
		assert_int_equal(next(&b[i]), 1);
	for (int i = 0; i < 2; i++)
		zc_source_put(in, &b[i], ZC_PUT_REUSE);
	assert_int_equal(next(&b[0]), -EPIPE);
	zc_shared_page_unmap(&page);
}

/* What a writer does to a consumer that has taken block 0, and holds it. */
struct attack {
	uint32_t jump; /* .put, or 0 */
	struct zc_ho_block block;
	struct bad_field msg; /* or 0 */
};

static void attack_consumer(void **state)
{
	const struct attack *a = *state;
	int sock, rc;
	const struct zc_ho_block b0 = block(0);
	struct zcdma_block b, again;

	assert_int_equal(open_consumer(NULL), 0);
	sock = hand_over();
	put_block(&b0);
	assert_int_equal(next(&b), 1);
	if (a->block.len || a->block.id)
		put_block(&a->block);
	if (a->jump)
		atomic_store(&page.blocks.head->put, a->jump);
	if (a->msg.type) {
		struct zc_ho_msg msg = spoiled(&a->msg);

		if (a->msg.at != offsetof(struct zc_ho_msg, head.version))
			msg.head.version = ZC_HO_VERSION;
		send_raw(sock, &msg, zc_ho_len(&msg), 0);
	} else {
		wake(sock);
	}
	rc = next(&again);
	assert_int_equal(rc, -EPROTO);
	assert_non_null(strstr(zcdma_error(ctx), "the writer of its ring breaks the protocol"));
	zc_source_put(in, &b, ZC_PUT_REUSE);
	close(sock);
	zc_shared_page_unmap(&page);
	close_consumer(NULL);
}

/*
 * A reader before a producer
 */

/* Wait for the next block in the page. */
static struct zc_ho_block take_block(void)
{
	struct zc_ho_block b;

	for (int ms = 0; zc_lane_take(&page.blocks, 4, &b) != 1; ms++) {
		if (ms == LIMIT_MS)
			fail_msg("no block has come in %d ms", ms);
		usleep(1000);
	}
	return b;
}

/* Check a producer whose reader knows the oldest version alone: it is called again, and gets messages. */
static void test_old_reader(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 1 };
	int listener = zc_ho_listen(pipe_fd[0]), sock, fds[ZC_HO_FDS];
	struct zc_ho_msg msg = valid(ZC_HO_REFUSE);

	(void)state;
	start(&p);
	sock = accept_call(listener);
	assert_int_equal(receive(sock, ZC_HO_HELLO, fds).head.version, ZC_HO_VERSION);
	zc_local_close(fds, ZC_HO_FDS);
	msg.refuse.reason = ZC_HO_VERSION_UNKNOWN;
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	close(sock);
	sock = accept_call(listener);
	assert_int_equal(receive(sock, ZC_HO_HELLO, fds).head.version, ZC_HO_OLDEST);
	zc_local_close(fds, ZC_HO_FDS);
	msg = valid(ZC_HO_WELCOME);
	assert_int_equal(say_name(sock, &msg, pipe_fd[0]), 0);
	assert_int_equal(receive(sock, ZC_HO_OFFER, fds).head.version, ZC_HO_OLDEST);
	zc_local_close(fds, ZC_HO_FDS);
	msg = valid(ZC_HO_ACCEPT);
	assert_int_equal(say(sock, &msg, pipe_fd[0], -1), 0);
	assert_int_equal(receive(sock, ZC_HO_BLOCK, NULL).head.version, ZC_HO_OLDEST);
	zc_ho_begin(&msg, ZC_HO_RELEASE, 1);
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	join(&p);
	assert_int_equal(p.rc, 0);
	close(sock);
	close(listener);
}

/* Check that a reader that does not know that version either is left, with the reason. */
static void test_stranger_versions(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 1 };
	int listener = zc_ho_listen(pipe_fd[0]), fds[ZC_HO_FDS];
	struct zc_ho_msg msg = valid(ZC_HO_REFUSE);

	(void)state;
	msg.refuse.reason = ZC_HO_VERSION_UNKNOWN;
	start(&p);
	for (int i = 0; i < 2; i++) {
		int sock = accept_call(listener);

		receive(sock, ZC_HO_HELLO, fds);
		zc_local_close(fds, ZC_HO_FDS);
		assert_int_equal(say(sock, &msg, -1, -1), 0);
		close(sock);
	}
	join(&p);
	assert_int_equal(p.found, -EOPNOTSUPP);
	assert_non_null(strstr(p.error, "it is another version of zcdma"));
	close(listener);
}

/* Check that blocks come back by the page, and that the producer sleeps until it gets one message. */
static void test_releases(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 40 };
	int listener = zc_ho_listen(pipe_fd[0]), sock;
	struct zc_ho_msg msg;

	(void)state;
	start(&p);
	sock = take_ring(listener);
	for (uint64_t id = 0; id < 40; id++) {
		struct zc_ho_block b = take_block();

		assert_int_equal(b.id, id);
		zc_lane_put(&page.releases,
			    &(struct zc_ho_release){ .id = id, .slot = b.slot, .how = id % 2 });
		if (zc_lane_must_wake(&page.releases))
			wake(sock);
	}
	msg = receive(sock, ZC_HO_END, NULL);
	assert_int_equal(msg.end.blocks, 40);
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.reused, 20);
	assert_int_equal(p.given, 20);
	close(sock);
	close(listener);
	zc_shared_page_unmap(&page);
}

/* What a reader does that has the first two blocks. */
struct false_release {
	unsigned count;
	struct zc_ho_release release[2];
	uint32_t jump;
	struct bad_field msg;
};

static void attack_producer(void **state)
{
	const struct false_release *a = *state;
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 100 };
	int listener, sock;

	assert_int_equal(make_pipe(NULL), 0);
	listener = zc_ho_listen(pipe_fd[0]);
	start(&p);
	sock = take_ring(listener);
	take_block();
	take_block();
	for (unsigned i = 0; i < a->count; i++)
		zc_lane_put(&page.releases, &a->release[i]);
	if (a->jump)
		atomic_store(&page.releases.head->put, a->jump);
	if (a->msg.type) {
		struct zc_ho_msg msg = spoiled(&a->msg);

		if (a->msg.at != offsetof(struct zc_ho_msg, head.version))
			msg.head.version = ZC_HO_VERSION;
		send_raw(sock, &msg, zc_ho_len(&msg), 0);
	} else {
		const struct zc_ho_msg msg = paged(ZC_HO_WAKE);
		const int rc = say(sock, &msg, -1, -1);

		/* One that does not sleep may have seen it before, and gone. */
		assert_true(!rc || rc == -EPIPE || rc == -ECONNRESET);
	}
	join(&p);
	assert_int_equal(p.rc, -EPROTO);
	assert_non_null(strstr(p.error, "its reader breaks the protocol"));
	close(sock);
	close(listener);
	zc_shared_page_unmap(&page);
	close_pipe(NULL);
}

/* clang-format off */
#define TO_CONSUMER(name, ...) \
	{ name, attack_consumer, NULL, NULL, &(struct attack){ __VA_ARGS__ } }
#define TO_PRODUCER(name, ...) \
	{ name, attack_producer, NULL, NULL, &(struct false_release){ __VA_ARGS__ } }
/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CONSUMER(test_bad_pages),
		WITH_CONSUMER(test_blocks),
		WITH_CONSUMER(test_wake),
		WITH_CONSUMER(test_patient_writer),
		WITH_CONSUMER(test_dead_writer),
		TO_CONSUMER("test_jump", .jump = 6),
		TO_CONSUMER("test_jump_far", .jump = UINT32_MAX),
		TO_CONSUMER("test_jump_back", .jump = UINT32_MAX - 3),
		TO_CONSUMER("test_id_twice",
			    .block = { .len = BLOCK, .ring_offset = BLOCK, .fd_offset = BLOCK }),
		TO_CONSUMER("test_block_out", .block = { .id = 1, .len = BLOCK }),
		TO_CONSUMER("test_no_length",
			    .block = { .id = 1, .ring_offset = BLOCK, .fd_offset = BLOCK }),
		TO_CONSUMER("test_flags", .block = { .id = 1,
						     .ring_offset = BLOCK,
						     .fd_offset = BLOCK,
						     .len = 1,
						     .flags = 128 }),
		TO_CONSUMER("test_beyond", .block = { .id = 1,
						      .ring_offset = 4 * BLOCK,
						      .fd_offset = 4 * BLOCK,
						      .len = 1 }),
		TO_CONSUMER("test_block_message", .msg = AS_IS(ZC_HO_BLOCK)),
		TO_CONSUMER("test_end_of_old_version",
			    .msg = BAD(ZC_HO_END, head.version, ZC_HO_OLDEST)),
		TO_CONSUMER("test_false_end", .msg = BAD(ZC_HO_END, end.blocks, 2)),
		WITH_PIPE(test_old_reader),
		WITH_PIPE(test_stranger_versions),
		WITH_PIPE(test_releases),
		TO_PRODUCER("test_release_jump", .jump = 5),
		TO_PRODUCER("test_release_jump_back", .jump = UINT32_MAX),
		TO_PRODUCER("test_release_unknown", .count = 1, .release = { { .id = 1000 } }),
		TO_PRODUCER("test_release_twice", .count = 2,
			    .release = { { .id = 0 }, { .id = 0 } }),
		TO_PRODUCER("test_release_nowhere", .count = 1,
			    .release = { { .id = 0, .slot = 4 } }),
		TO_PRODUCER("test_release_how", .count = 1, .release = { { .id = 0, .how = 2 } }),
		TO_PRODUCER("test_release_message", .msg = AS_IS(ZC_HO_RELEASE)),
		TO_PRODUCER("test_wake_of_old_version",
			    .msg = BAD(ZC_HO_LEAVE, head.version, ZC_HO_OLDEST)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
