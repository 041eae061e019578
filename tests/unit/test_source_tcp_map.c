// SPDX-License-Identifier: GPL-2.0-only
/*
 * tcp:,receive=map maps what came in whole pages, and copies the rest, in order. Over loopback those are the pages into
 * which the kernel copies what is sent with MSG_ZEROCOPY.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "listening_source.h"
#include "source/tcp.h"

#define BLOCK (1u << 20)
#define SPEC  "tcp:127.0.0.1:0,receive=map"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

/* What a sender does with a piece of the pattern. */
struct piece {
	size_t len;
	int flags; /* MSG_ZEROCOPY, or 0 */
};

/* In a child, send a piece that begins at @at of the pattern, from memory that is not written to again. */
static void send_piece(const struct piece *p, uint64_t at)
{
	uint8_t *data =
		mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t done = 0;

	zcdma_pattern_fill(data, p->len, at, 0);
	while (done < p->len) {
		/* What one call sends is charged to RLIMIT_MEMLOCK at once, by MSG_ZEROCOPY. */
		size_t len = p->len - done < BLOCK ? p->len - done : BLOCK;
		ssize_t n = send(out, data + done, len, MSG_NOSIGNAL | p->flags);
		struct pollfd room = { .fd = out, .events = POLLOUT };

		/* Completions that nobody reads take memory, and then there is none for the next send. */
		if (n < 0 && errno == ENOBUFS) {
			char control[256];
			struct msghdr msg = { .msg_control = control,
					      .msg_controllen = sizeof(control) };

			if (recvmsg(out, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
				poll(&room, 1, 1);
			continue;
		}
		/* The receiver has enough. */
		if (n <= 0)
			_exit(1);
		done += (size_t)n;
	}
}

/* Let a child send @count pieces, and then end. Returns the bytes in all of them. */
static size_t send_pieces(const struct piece *pieces, unsigned count, bool reset)
{
	const struct linger linger = { .l_onoff = reset };
	const int on = 1;
	size_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += pieces[i].len;
	if (!fork()) {
		uint64_t at = 0;

		(void)!fcntl(out, F_SETFL, 0);
		assert_int_equal(setsockopt(out, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), 0);
		for (unsigned i = 0; i < count; i++) {
			send_piece(&pieces[i], at);
			at += pieces[i].len;
		}
		setsockopt(out, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		_exit(0);
	}
	close(out);
	out = -1;
	return sum;
}

/* Take @bytes of the pattern, each block in its order. */
static void take_bytes(uint64_t from, size_t bytes)
{
	struct zcdma_block b;

	while (bytes) {
		assert_int_equal(take(0, &b), 1);
		assert_int_equal(b.offset, from);
		assert_in_range(b.len, 1, bytes);
		assert_pattern(&b);
		from += b.len;
		bytes -= b.len;
		put(&b);
	}
}

static void whole_pages_are_mapped(void **state)
{
	const char *const specs[] = { SPEC, "tcp:[::1]:0,receive=map" };
	const struct piece pieces[] = { { 40 * BLOCK, MSG_ZEROCOPY }, { 5, 0 } };
	struct zcdma_block b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		size_t len;

		open_pair(specs[i], 0);
		len = send_pieces(pieces, 2, false);
		take_bytes(0, len);
		assert_int_equal(take(0, &b), 0);
		assert_int_equal(take(0, &b), 0);
		assert_int_equal(stats().mapped_bytes + stats().unmapped_bytes, len);
		assert_true(stats().mapped_bytes > len / 10 * 9);
		/* The kernel had copied into these pages, and it is said. */
		assert_int_equal(stats().kernel_copied_bytes, len);
		assert_non_null(
			strstr(stats().copies_reason, "over loopback the kernel had copied"));
		assert_int_equal(stats().next_seq, stats().blocks);
		begin_anew();
	}
}

static void what_is_not_in_whole_pages_is_copied(void **state)
{
	const struct piece pieces[] = { { 10 * BLOCK + 7, 0 } };
	struct zcdma_block b;
	size_t len;

	(void)state;
	open_pair(SPEC, 0);
	len = send_pieces(pieces, 1, false);
	take_bytes(0, len);
	assert_int_equal(take(0, &b), 0);
	assert_int_equal(stats().mapped_bytes + stats().unmapped_bytes, len);
	assert_true(stats().unmapped_bytes > len / 10 * 9);
	assert_int_equal(stats().kernel_copied_bytes, len);
	assert_non_null(strstr(stats().copies_reason, "only MSG_ZEROCOPY"));
	assert_non_null(strstr(stats().copies_hint, "--fallback=keep"));
}

/* Both in turns, in pieces of any length, come out as they were sent. */
static void both_keep_their_order(void **state)
{
	struct piece pieces[200];
	struct zcdma_block b;
	size_t len;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 200; i++)
		pieces[i] = (struct piece){
			.len = i % 5 ? (size_t)(rand() % 30 + 1) * 4096 : (size_t)rand() % 9000 + 1,
			.flags = i % 3 ? MSG_ZEROCOPY : 0,
		};
	open_pair(SPEC, 0);
	len = send_pieces(pieces, 200, false);
	take_bytes(0, len);
	assert_int_equal(take(0, &b), 0);
	assert_int_equal(stats().mapped_bytes + stats().unmapped_bytes, len);
	assert_true(stats().mapped_bytes && stats().unmapped_bytes);
}

/* Blocks that are held are not mapped anew, and then nothing is. */
static void held_blocks_stay_as_they_are(void **state)
{
	const struct piece pieces[] = { { 40 * BLOCK, MSG_ZEROCOPY } };
	struct zcdma_block held[4 * BLOCKS], b;
	unsigned n = 0;
	uint64_t at = 0;
	size_t len;
	int rc;

	(void)state;
	open_pair(SPEC, 0);
	len = send_pieces(pieces, 1, false);
	while ((rc = take(0, &held[n])) == 1)
		at += held[n++].len;
	assert_int_equal(rc, -EAGAIN);
	assert_true(src->starved);
	assert_in_range(n, ZC_TCP_MAP_SLOTS, ZC_TCP_MAP_SLOTS + BLOCKS);
	usleep(20000);
	assert_int_equal(take(0, &b), -EAGAIN);
	for (unsigned i = 0; i < n; i++)
		assert_pattern(&held[i]);
	for (unsigned i = n; i-- > 0;)
		put(&held[i]);
	take_bytes(at, len - at);
	assert_int_equal(take(0, &b), 0);
}

/* Read the pattern from a pipe, in which it is for a while. Its block may be another one by then. */
static pid_t read_late(const int *ends, size_t len)
{
	static uint8_t data[300000];
	pid_t pid = fork();
	uint64_t at = 0;
	ssize_t n;

	if (pid)
		return pid;
	close(ends[1]);
	alarm(LIMIT_MS / 1000);
	usleep(50000);
	while ((n = read(ends[0], data, sizeof(data))) > 0) {
		if (zcdma_pattern_match(data, (size_t)n, at, 0) != (size_t)n)
			_exit(1);
		at += (uint64_t)n;
	}
	_exit(at == len ? 0 : 2);
}

/* Pages that a pipe refers to stay what they are when the block is mapped anew. */
static void what_is_handed_on_is_not_overwritten(void **state)
{
	const struct piece pieces[] = { { 40 * BLOCK, MSG_ZEROCOPY } };
	struct zcdma_path *path;
	struct zcdma_block b;
	int ends[2], status;
	pid_t reader;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	fcntl(ends[1], F_SETPIPE_SZ, BLOCK);
	reader = read_late(ends, pieces[0].len);
	close(ends[0]);
	assert_int_equal(zcdma_source_open(ctx, SPEC, &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "vmsplice", ends[1], &path), 0);
	out = connect_to(info().listens);
	assert_true(out >= 0);
	send_pieces(pieces, 1, false);
	while ((status = zcdma_source_next(src, LIMIT_MS, &b)) == 1)
		assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(status, 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	zcdma_path_close(path);
	close(ends[1]);
	assert_child(reader);
	assert_true(stats().mapped_bytes > pieces[0].len / 10 * 9);
}

static void a_reset_is_an_error_after_what_came_before(void **state)
{
	const struct piece pieces[] = { { 16 * 4096, MSG_ZEROCOPY }, { 100, 0 } };
	struct zcdma_block b;
	uint64_t at = 0;
	int rc;

	(void)state;
	open_pair(SPEC, 0);
	send_pieces(pieces, 2, true);
	/* A reset may overtake what was sent before. */
	while ((rc = take(0, &b)) == 1) {
		assert_int_equal(b.offset, at);
		assert_pattern(&b);
		at += b.len;
		put(&b);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rc, -ECONNRESET);
		assert_non_null(strstr(zcdma_error(ctx), "Connection reset"));
		rc = take(0, &b);
	}
}

static void a_limit_is_kept(void **state)
{
	const struct piece pieces[] = { { 4 * BLOCK, MSG_ZEROCOPY } };
	const size_t most[] = { 300, 4096, 5000, 2 * BLOCK + 5000 };
	struct zcdma_block b;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = 0;

		open_pair(SPEC, 0);
		zcdma_source_set_limit(src, most[i], 0);
		send_pieces(pieces, 1, false);
		while (zcdma_source_next(src, LIMIT_MS, &b) == 1) {
			assert_int_equal(b.offset, at);
			assert_pattern(&b);
			at += b.len;
			zcdma_block_release(src, &b);
		}
		assert_int_equal(at, most[i]);
		begin_anew();
	}
}

/* What is less than a page goes on too, and a silent sender wakes nobody. */
static void slow_data_goes_on(void **state)
{
	uint8_t data[10];
	struct zcdma_block b;

	(void)state;
	open_pair(SPEC, 0);
	for (unsigned i = 0; i < 3; i++) {
		zcdma_pattern_fill(data, sizeof(data), i * sizeof(data), 0);
		assert_int_equal(send(out, data, sizeof(data), 0), sizeof(data));
		assert_int_equal(take(0, &b), 1);
		assert_int_equal(b.len, sizeof(data));
		assert_pattern(&b);
		put(&b);
	}
	assert_asleep();
}

static void stop_takes_what_is_there(void **state)
{
	uint8_t data[1000];

	(void)state;
	open_pair(SPEC, 0);
	zcdma_pattern_fill(data, sizeof(data), 0, 0);
	assert_int_equal(send(out, data, sizeof(data), 0), sizeof(data));
	expect_stop_takes_what_is_there();
}

/* A segment has to hold whole pages, and 12 bytes of options. */
static void the_size_of_segments_is_chosen(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct tcp_source *t;

	(void)state;
	if (page > 16384)
		skip();
	open_source(SPEC, 0);
	t = (const struct tcp_source *)src;
	assert_true(t->end.addr.mss > page);
	assert_int_equal(t->end.addr.mss % page, 12);
	begin_anew();
	open_source(SPEC ",mss=1000", 0);
	t = (const struct tcp_source *)src;
	assert_int_equal(t->end.addr.mss, 1000);
}

static void pages_are_memory_alone(void **state)
{
	const char *const paths[] = { "splice", "sendfile", "uring-fixed" };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(zcdma_source_open(ctx, SPEC, &src), 0);
		assert_int_equal(zcdma_source_prepare(src, paths[i]), -EINVAL);
		begin_anew();
	}
	refuses(SPEC ",framed", EINVAL, "frames cannot be mapped", "leave out framed");
	refuses("tcp::0,receive=fast", EINVAL, "receive=fast is not valid", "map");
}

/* A kernel may be built without it, or be another program's idea of one. */
static int check_kernel(void **state)
{
	struct zcdma_ctx *c;
	struct zcdma_source *s;
	int rc;

	(void)state;
	assert_int_equal(zcdma_new(&c), 0);
	assert_int_equal(zcdma_source_open(c, SPEC, &s), 0);
	rc = zcdma_source_prepare(s, "copy");
	zcdma_source_close(s);
	zcdma_free(c);
	return rc;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(whole_pages_are_mapped),
		TEST(what_is_not_in_whole_pages_is_copied),
		TEST(both_keep_their_order),
		TEST(held_blocks_stay_as_they_are),
		TEST(what_is_handed_on_is_not_overwritten),
		TEST(a_reset_is_an_error_after_what_came_before),
		TEST(a_limit_is_kept),
		TEST(slow_data_goes_on),
		TEST(stop_takes_what_is_there),
		TEST(the_size_of_segments_is_chosen),
		TEST(pages_are_memory_alone),
	};

	return cmocka_run_group_tests(tests, check_kernel, NULL);
}
