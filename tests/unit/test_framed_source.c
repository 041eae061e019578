// SPDX-License-Identifier: GPL-2.0-only
/* tcp: of framed streams, from a sender that does what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <xxhash.h>

#include "net/frame.h"
#include "listening_source.h"

#define STREAM 0x5eedULL

static void connect_again(void)
{
	close(out);
	out = connect_to(info().listens);
	assert_true(out >= 0);
}

static void send_all(const void *data, size_t len)
{
	assert_int_equal(send(out, data, len, MSG_NOSIGNAL), len);
}

static void send_head(struct zc_frame f)
{
	uint8_t head[ZC_FRAME_HEAD];

	f.stream = f.stream ? f.stream : STREAM;
	zc_frame_write(&f, head);
	send_all(head, sizeof(head));
}

/* Send block @seq of @len bytes of the pattern at @offset, or @part of it. */
static void send_part(uint64_t seq, uint64_t offset, size_t len, size_t part)
{
	uint8_t *data = malloc(len);

	zcdma_pattern_fill(data, len, offset, 0);
	send_head((struct zc_frame){ .kind = ZC_FRAME_BLOCK,
				     .seq = seq,
				     .offset = offset,
				     .len = (uint32_t)len,
				     .hash = XXH3_64bits(data, len) });
	send_all(data, part);
	free(data);
}

static void send_block(uint64_t seq, uint64_t offset, size_t len)
{
	send_part(seq, offset, len, len);
}

/* Let the receiver take what is there. Returns 1 and the block, or as zc_source_take() does: -EAGAIN if nothing comes. */
static int try_take(struct zcdma_block *b)
{
	int rc = zc_source_take(src, 0, b);

	for (int i = 0; rc == -EAGAIN && i < 3; i++) {
		zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 20);
		rc = zc_source_take(src, 0, b);
	}
	return rc;
}

/* Greet the receiver. Returns its answer. */
static struct zc_frame greet(uint64_t stream)
{
	uint8_t head[ZC_FRAME_HEAD];
	struct zcdma_block b;
	struct zc_frame f;
	struct pollfd p = { .fd = out, .events = POLLIN };

	send_head((struct zc_frame){ .kind = ZC_FRAME_HELLO, .stream = stream });
	for (int i = 0; !poll(&p, 1, 0); i++) {
		assert_int_equal(try_take(&b), -EAGAIN);
		assert_true(i < 1000);
	}
	assert_int_equal(recv(out, head, sizeof(head), MSG_WAITALL), sizeof(head));
	assert_int_equal(zc_frame_read(head, &f), 0);
	assert_int_equal(f.kind, ZC_FRAME_WELCOME);
	assert_int_equal(f.stream, stream);
	return f;
}

/* Take a block, which has to be of the pattern. */
static void takes(uint64_t offset, size_t len)
{
	struct zcdma_block b;

	assert_int_equal(take(0, &b), 1);
	assert_int_equal(b.offset, offset);
	assert_int_equal(b.len, len);
	assert_pattern(&b);
	put(&b);
}

static void fails(int err, const char *message, const char *hint)
{
	struct zcdma_block b;

	assert_int_equal(take(0, &b), -err);
	assert_non_null(strstr(zcdma_error(ctx), message));
	assert_int_equal(zcdma_hint(ctx) != NULL, hint != NULL);
	if (hint)
		assert_non_null(strstr(zcdma_hint(ctx), hint));
}

static void ends(void)
{
	struct zcdma_block b;

	assert_int_equal(take(0, &b), 0);
}

/*
 * What a receiver gets
 */

static void positions_and_losses_come(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed", 0);
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	/* Two blocks of 8192 bytes were lost by the device. */
	send_head((struct zc_frame){ .kind = ZC_FRAME_BLOCK,
				     .seq = 3,
				     .offset = 12288,
				     .len = 8,
				     .lost_blocks = 2,
				     .lost_bytes = 8192,
				     .time_ns = 1000000000,
				     .flags = ZC_FRAME_UNHASHED });
	send_all("01234567", 8);
	assert_int_equal(take(0, &b), 1);
	assert_int_equal(b.offset, 12288);
	assert_int_equal(b.seq, 3);
	assert_int_equal(b.flags, ZCDMA_BLOCK_LOST);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 2);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].bytes, 8192);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 0);
	put(&b);
	assert_int_equal(stats().gap_blocks, 2);
	assert_int_equal(stats().connection_lost_blocks, 0);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 4, .offset = 12296 });
	ends();
	assert_int_equal(stats().frames, 2);
}

static void wrong_data_is_counted(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed", 0);
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	send_head((struct zc_frame){
		.kind = ZC_FRAME_BLOCK, .seq = 1, .offset = 4096, .len = 4, .hash = 7 });
	send_all("data", 4);
	assert_int_equal(take(0, &b), 1);
	put(&b);
	assert_int_equal(stats().wrong_frames, 1);
	assert_int_equal(stats().wrong_offset, 4096);
}

static void an_end_without_its_mark_is_an_error(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		const struct linger linger = { .l_onoff = reset };

		open_pair("tcp:127.0.0.1:0,framed", 0);
		greet(STREAM);
		send_block(0, 0, 4096);
		send_part(1, 4096, 4096, 4000);
		takes(0, 4096);
		setsockopt(out, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		close(out);
		out = -1;
		fails(ECONNRESET, "the sender ended without its mark",
		      "what had come before is kept");
		zcdma_source_close(src);
	}
	src = NULL;
}

static void foreign_data_is_one_error(void **state)
{
	(void)state;
	open_pair("tcp:127.0.0.1:0,framed", 0);
	send_all("G", 1);
	fails(EPROTO, "it does not send frames", "HOST:PORT,framed");
}

static void frames_that_do_not_belong_are_errors(void **state)
{
	static const struct {
		struct zc_frame frame;
		const char *error;
	} cases[] = {
		{ { .kind = ZC_FRAME_HELLO }, "does not belong" },
		{ { .kind = ZC_FRAME_WELCOME }, "does not belong" },
		{ { .kind = ZC_FRAME_BLOCK, .stream = 1 }, "does not belong" },
		{ { .kind = ZC_FRAME_BLOCK, .seq = 0, .offset = 4096, .len = 1 }, "goes back" },
		{ { .kind = ZC_FRAME_BLOCK, .seq = 1, .offset = 4095, .len = 1 }, "goes back" },
		{ { .kind = ZC_FRAME_BLOCK, .len = ZC_FRAME_MOST + 1 }, "out of range" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_pair("tcp:127.0.0.1:0,framed", 0);
		greet(STREAM);
		send_block(0, 0, 4096);
		takes(0, 4096);
		send_head(cases[i].frame);
		fails(EBADMSG, cases[i].error, NULL);
		zcdma_source_close(src);
	}
	src = NULL;
}

/*
 * A sender that comes back
 */

static void a_sender_comes_back(void **state)
{
	struct zc_frame welcome;
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	welcome = greet(STREAM);
	assert_int_equal(welcome.offset, 0);
	send_block(0, 0, 4096);
	takes(0, 4096);
	send_part(1, 4096, 8192, 8000);
	connect_again();
	welcome = greet(STREAM);
	assert_int_equal(welcome.offset, 4096);
	assert_int_equal(welcome.seq, 1);
	assert_int_equal(stats().breaks, 1);
	/* Only what comes next shows what did not. */
	assert_true(stats().connection_lost_blocks == ZCDMA_UNKNOWN);
	assert_true(stats().connection_lost_bytes == ZCDMA_UNKNOWN);
	/* The block that was cut comes again. */
	send_block(1, 4096, 8192);
	takes(4096, 8192);
	assert_int_equal(stats().connection_lost_bytes, 0);
	/* And now one does not. */
	connect_again();
	greet(STREAM);
	send_block(3, 16384, 4096);
	assert_int_equal(take(0, &b), 1);
	assert_int_equal(b.offset, 16384);
	assert_int_equal(b.seq, 3);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 1);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].bytes, 4096);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 0);
	put(&b);
	assert_int_equal(stats().gap_blocks, 0);
	assert_int_equal(stats().connection_lost_blocks, 1);
	assert_int_equal(stats().connection_lost_bytes, 4096);
	/* Three blocks are missing, one of which the device lost. */
	connect_again();
	greet(STREAM);
	send_head((struct zc_frame){ .kind = ZC_FRAME_BLOCK,
				     .seq = 7,
				     .offset = 32768,
				     .len = 8,
				     .lost_blocks = 1,
				     .lost_bytes = 4096,
				     .flags = ZC_FRAME_UNHASHED });
	send_all("01234567", 8);
	assert_int_equal(take(0, &b), 1);
	assert_int_equal(b.seq, 7);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 1);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].bytes, 4096);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 2);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].bytes, 8192);
	put(&b);
	assert_int_equal(stats().gap_blocks, 1);
	/* What the connection lost at the end shows at the mark. */
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 10, .offset = 40968 });
	ends();
	assert_int_equal(stats().connection_lost_blocks, 5);
	assert_int_equal(stats().connection_lost_bytes, 4096 + 8192 + 8192);
	assert_int_equal(stats().breaks, 3);
}

/* A block of 3 MiB of which a part was delivered: nothing of it comes twice. */
static void a_part_that_came_is_left_out(void **state)
{
	pid_t pid;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	greet(STREAM);
	pid = fork();
	if (!pid) {
		send_part(0, 0, 3 << 20, (1 << 20) + 5);
		_exit(0);
	}
	takes(0, 1 << 20);
	assert_child(pid);
	connect_again();
	assert_int_equal(greet(STREAM).offset, 1 << 20);
	pid = fork();
	if (!pid) {
		send_block(0, 0, 3 << 20);
		send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 1, .offset = 3 << 20 });
		_exit(0);
	}
	takes(1 << 20, 1 << 20);
	takes(2 << 20, 1 << 20);
	ends();
	assert_child(pid);
	assert_int_equal(stats().wrong_frames, 0);
	assert_int_equal(stats().connection_lost_bytes, 0);
}

static void strangers_are_ignored_meanwhile(void **state)
{
	char byte;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	send_all("GET / HTTP/1.1\r\n\r\n", 18);
	assert_int_equal(try_take(&(struct zcdma_block){ .len = 0 }), -EAGAIN);
	connect_again();
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	connect_again();
	/* Another stream is refused: its connection ends. */
	send_head((struct zc_frame){ .kind = ZC_FRAME_HELLO, .stream = 2 });
	for (int i = 0; recv(out, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN; i++) {
		assert_int_equal(try_take(&(struct zcdma_block){ .len = 0 }), -EAGAIN);
		assert_true(i < 1000);
	}
	assert_int_equal(stats().ignored_connections, 2);
	connect_again();
	greet(STREAM);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 1, .offset = 4096 });
	ends();
}

/* One that greets, and is gone before its first frame, does not keep others away. */
static void another_sender_comes_where_nothing_came(void **state)
{
	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	greet(STREAM);
	connect_again();
	greet(2);
	send_head((struct zc_frame){
		.kind = ZC_FRAME_BLOCK, .stream = 2, .len = 8, .flags = ZC_FRAME_UNHASHED });
	send_all("01234567", 8);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .stream = 2, .seq = 1, .offset = 8 });
	assert_int_equal(take(0, &(struct zcdma_block){ .len = 0 }), 1);
	ends();
	assert_int_equal(stats().ignored_connections, 0);
}

/*
 * Another connection while one is there: its sender may be gone without an end
 */

/* Connect once more. Returns the connection from before, which stays. */
static int connect_beside(void)
{
	const int before = out;

	out = connect_to(info().listens);
	assert_true(out >= 0);
	return before;
}

/* Let the receiver go on until it has ended the connection @fd, which is then closed. */
static void is_ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	for (int i = 0; !poll(&p, 1, 0); i++) {
		assert_int_equal(try_take(&(struct zcdma_block){ .len = 0 }), -EAGAIN);
		assert_true(i < 1000);
	}
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
	close(fd);
}

static void a_sender_takes_its_own_place(void **state)
{
	struct zc_frame welcome;
	int before;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	send_part(1, 4096, 8192, 8000);
	before = connect_beside();
	welcome = greet(STREAM);
	assert_int_equal(welcome.offset, 4096);
	assert_int_equal(welcome.seq, 1);
	assert_int_equal(stats().breaks, 1);
	is_ended(before);
	send_block(1, 4096, 8192);
	takes(4096, 8192);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 2, .offset = 12288 });
	ends();
	assert_int_equal(stats().connection_lost_bytes, 0);
	assert_int_equal(stats().ignored_connections, 0);
}

/* What the connection from before has brought is taken first, as its sender does not send it again. */
static void what_had_come_is_taken_before(void **state)
{
	const struct zc_frame hello = { .kind = ZC_FRAME_HELLO };
	uint8_t head[ZC_FRAME_HEAD];
	struct zcdma_block b;
	struct zc_frame f;
	int before;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	greet(STREAM);
	send_block(0, 0, 4096);
	send_block(1, 4096, 4096);
	before = connect_beside();
	send_head(hello);
	takes(0, 4096);
	takes(4096, 4096);
	assert_int_equal(try_take(&b), -EAGAIN);
	assert_int_equal(recv(out, head, sizeof(head), MSG_WAITALL), sizeof(head));
	assert_int_equal(zc_frame_read(head, &f), 0);
	assert_int_equal(f.offset, 8192);
	is_ended(before);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 2, .offset = 8192 });
	ends();
	assert_int_equal(stats().connection_lost_bytes, 0);
}

static void others_do_not_get_the_place(void **state)
{
	int sender;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	sender = connect_beside();
	send_head((struct zc_frame){ .kind = ZC_FRAME_HELLO, .stream = 2 });
	is_ended(out);
	out = connect_to(info().listens);
	send_all("GET / HTTP/1.1\r\n\r\n", 18);
	is_ended(out);
	/* One that says nothing is ended in time, and the next has its turn. */
	out = connect_to(info().listens);
	is_ended(out);
	assert_int_equal(stats().ignored_connections, 3);
	assert_int_equal(stats().breaks, 0);
	out = sender;
	send_block(1, 4096, 4096);
	takes(4096, 4096);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 2, .offset = 8192 });
	ends();
}

/* One that says nothing does not keep the sender away, nor do others that come after it. */
static void a_greeting_goes_before_silence(void **state)
{
	int silent;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	assert_int_equal(zc_source_take(src, 0, &(struct zcdma_block){ .len = 0 }), -EAGAIN);
	silent = connect_beside();
	greet(STREAM);
	is_ended(silent);
	assert_int_equal(stats().ignored_connections, 1);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END });
	ends();
}

/* A connection that waits has its turn when the one before it ends, and nothing keeps the receiver awake meanwhile. */
static void the_next_one_has_its_turn(void **state)
{
	struct zcdma_block b;
	int before;

	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=60", 0);
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	before = connect_beside();
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 0), -ETIMEDOUT);
	close(before);
	assert_int_equal(greet(STREAM).offset, 4096);
	assert_int_equal(stats().breaks, 1);
	assert_int_equal(stats().ignored_connections, 0);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 1, .offset = 4096 });
	ends();
}

static void nobody_comes_back(void **state)
{
	(void)state;
	open_pair("tcp:127.0.0.1:0,framed,retry=1", 0);
	greet(STREAM);
	close(out);
	out = -1;
	/* ETIMEDOUT would read as the end of a wait, and its caller would never stop. */
	fails(ECONNABORTED, "did not come back", "retry=N");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(positions_and_losses_come),
		TEST(wrong_data_is_counted),
		TEST(an_end_without_its_mark_is_an_error),
		TEST(foreign_data_is_one_error),
		TEST(frames_that_do_not_belong_are_errors),
		TEST(a_sender_comes_back),
		TEST(a_part_that_came_is_left_out),
		TEST(strangers_are_ignored_meanwhile),
		TEST(another_sender_comes_where_nothing_came),
		TEST(a_sender_takes_its_own_place),
		TEST(what_had_come_is_taken_before),
		TEST(others_do_not_get_the_place),
		TEST(a_greeting_goes_before_silence),
		TEST(the_next_one_has_its_turn),
		TEST(nobody_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
