// SPDX-License-Identifier: GPL-2.0-only
/* Framed streams between a path and tcp:, and each of them with a peer that does what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <zcdma/util.h>

#include "net/frame.h"
#include "sources.h"

#define STREAM 0x5eedULL

static struct zcdma_source *src;
static int out = -1; /* a sender's end of a connection */

static int setup(void **state)
{
	src = NULL;
	out = -1;
	return make_ctx(state);
}

static int teardown(void **state)
{
	if (out >= 0)
		close(out);
	zcdma_source_close(src);
	while (wait(NULL) > 0)
		;
	return free_ctx(state);
}

static const char *listens(void)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(src, &info, sizeof(info));
	return info.listens;
}

static struct zcdma_source_stats stats(void)
{
	struct zcdma_source_stats s;

	zcdma_source_get_stats(src, &s, sizeof(s));
	return s;
}

/*
 * A sender of our own
 */

static void connect_to(const char *where)
{
	struct zcdma_addr to;

	if (out >= 0)
		close(out);
	assert_int_equal(zcdma_addr_parse(ctx, where, &to), 0);
	out = zcdma_connect(ctx, &to);
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

/* Let the receiver take what is there. Returns 1 and the block, or what next() of it does: -EAGAIN if nothing comes. */
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

	assert_int_equal(next(src, 0, &b), 1);
	assert_int_equal(b.offset, offset);
	assert_int_equal(b.len, len);
	assert_pattern(&b, 0);
	put(src, &b);
}

static void fails(int err, const char *message, const char *hint)
{
	struct zcdma_block b;

	assert_int_equal(next(src, 0, &b), -err);
	assert_non_null(strstr(zcdma_error(ctx), message));
	assert_int_equal(zcdma_hint(ctx) != NULL, hint != NULL);
	if (hint)
		assert_non_null(strstr(zcdma_hint(ctx), hint));
}

static void ends(void)
{
	struct zcdma_block b;

	assert_int_equal(next(src, 0, &b), 0);
}

static void open_with_sender(const char *spec)
{
	src = start(spec, 0);
	connect_to(listens());
}

/*
 * Whole streams
 */

/* Send @spec along @type from a child, which ends with 0 if all went well. */
static pid_t send_from_child(const char *where, const char *type, const char *spec)
{
	struct zcdma_ctx *c;
	struct zcdma_source *from;
	struct zcdma_path *path;
	struct zcdma_block b;
	int rc;
	pid_t pid = fork();

	if (pid)
		return pid;
	/* Not longer than its receiver, which may have failed. */
	alarm(LIMIT_MS / 1000);
	rc = zcdma_new(&c);
	if (!rc)
		rc = zcdma_source_open(c, spec, &from);
	if (!rc)
		rc = zcdma_path_connect(c, from, type, where, &path);
	if (!rc)
		zcdma_source_set_limit(from, 5000001, 0);
	while (!rc && (rc = zcdma_source_next(from, -1, &b)) == 1)
		rc = zcdma_path_send(path, &b);
	if (!rc)
		rc = zcdma_path_finish(path);
	if (rc)
		fprintf(stderr, "# %s: %s\n", type, zcdma_error(c));
	_exit(rc ? 1 : 0);
}

static void assert_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Take @bytes of the pattern, and the end. */
static void take_stream(uint64_t bytes)
{
	struct zcdma_block b;
	uint64_t at = 0;

	while (next(src, 0, &b) == 1) {
		assert_int_equal(b.offset, at);
		assert_pattern(&b, 0);
		at += b.len;
		put(src, &b);
	}
	assert_int_equal(at, bytes);
	assert_int_equal(stats().wrong_frames, 0);
	assert_int_equal(stats().gap_blocks, 0);
	assert_int_equal(stats().breaks, 0);
}

static void every_path_sends_frames(void **state)
{
	static const char *const types[] = { "copy",	 "zerocopy", "vmsplice",   "splice",
					     "sendfile", "uring",    "uring-fixed" };
	char where[128];

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		pid_t pid;

		if (zcdma_path_probe(ctx, zcdma_path_find(types[i])))
			continue;
		src = start("tcp:127.0.0.1:0,framed", 0);
		snprintf(where, sizeof(where), "%s,framed", listens());
		pid = send_from_child(where, types[i], "sim:block=64K");
		take_stream(5000001);
		assert_int_equal(stats().frames, 77);
		assert_int_equal(stats().unhashed_frames, 0);
		assert_child(pid);
		zcdma_source_close(src);
	}
	src = NULL;
}

static void large_blocks_come_in_pieces(void **state)
{
	char where[128];
	pid_t pid;

	(void)state;
	src = start("tcp:127.0.0.1:0,framed", ZC_USE_FD);
	snprintf(where, sizeof(where), "%s,framed", listens());
	pid = send_from_child(where, "copy", "sim:block=3M,blocks=2");
	take_stream(5000001);
	assert_int_equal(stats().frames, 2);
	assert_child(pid);
}

static void what_cannot_be_read_has_no_hash(void **state)
{
	char spec[64], where[128];
	int fd = make_file(100000, spec, sizeof(spec));
	pid_t pid;

	(void)state;
	src = start("tcp:127.0.0.1:0,framed", 0);
	snprintf(where, sizeof(where), "%s,framed", listens());
	pid = send_from_child(where, "splice", spec);
	take_stream(100000);
	assert_int_equal(stats().unhashed_frames, stats().frames);
	assert_child(pid);
	close(fd);
}

/*
 * What a receiver gets
 */

static void positions_and_losses_come(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_with_sender("tcp:127.0.0.1:0,framed");
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
	assert_int_equal(next(src, 0, &b), 1);
	assert_int_equal(b.offset, 12288);
	assert_int_equal(b.seq, 3);
	assert_int_equal(b.flags, ZCDMA_BLOCK_LOST);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 2);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].bytes, 8192);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 0);
	put(src, &b);
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
	open_with_sender("tcp:127.0.0.1:0,framed");
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	send_head((struct zc_frame){
		.kind = ZC_FRAME_BLOCK, .seq = 1, .offset = 4096, .len = 4, .hash = 7 });
	send_all("data", 4);
	assert_int_equal(next(src, 0, &b), 1);
	put(src, &b);
	assert_int_equal(stats().wrong_frames, 1);
	assert_int_equal(stats().wrong_offset, 4096);
}

static void an_end_without_its_mark_is_an_error(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		const struct linger linger = { .l_onoff = reset };

		open_with_sender("tcp:127.0.0.1:0,framed");
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
	open_with_sender("tcp:127.0.0.1:0,framed");
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
		open_with_sender("tcp:127.0.0.1:0,framed");
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
	open_with_sender("tcp:127.0.0.1:0,framed,retry=60");
	welcome = greet(STREAM);
	assert_int_equal(welcome.offset, 0);
	send_block(0, 0, 4096);
	takes(0, 4096);
	send_part(1, 4096, 8192, 8000);
	connect_to(listens());
	welcome = greet(STREAM);
	assert_int_equal(welcome.offset, 4096);
	assert_int_equal(welcome.seq, 1);
	assert_int_equal(stats().breaks, 1);
	/* The block that was cut comes again. */
	send_block(1, 4096, 8192);
	takes(4096, 8192);
	assert_int_equal(stats().connection_lost_bytes, 0);
	/* And now one does not. */
	connect_to(listens());
	greet(STREAM);
	send_block(3, 16384, 4096);
	assert_int_equal(next(src, 0, &b), 1);
	assert_int_equal(b.offset, 16384);
	assert_int_equal(b.seq, 3);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 1);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].bytes, 4096);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 0);
	put(src, &b);
	assert_int_equal(stats().gap_blocks, 0);
	assert_int_equal(stats().connection_lost_blocks, 1);
	assert_int_equal(stats().connection_lost_bytes, 4096);
	/* Three blocks are missing, one of which the device lost. */
	connect_to(listens());
	greet(STREAM);
	send_head((struct zc_frame){ .kind = ZC_FRAME_BLOCK,
				     .seq = 7,
				     .offset = 32768,
				     .len = 8,
				     .lost_blocks = 1,
				     .lost_bytes = 4096,
				     .flags = ZC_FRAME_UNHASHED });
	send_all("01234567", 8);
	assert_int_equal(next(src, 0, &b), 1);
	assert_int_equal(b.seq, 7);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 1);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].bytes, 4096);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 2);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].bytes, 8192);
	put(src, &b);
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
	open_with_sender("tcp:127.0.0.1:0,framed,retry=60");
	greet(STREAM);
	pid = fork();
	if (!pid) {
		send_part(0, 0, 3 << 20, (1 << 20) + 5);
		_exit(0);
	}
	takes(0, 1 << 20);
	assert_child(pid);
	connect_to(listens());
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
	open_with_sender("tcp:127.0.0.1:0,framed,retry=60");
	send_all("GET / HTTP/1.1\r\n\r\n", 18);
	assert_int_equal(try_take(&(struct zcdma_block){ .len = 0 }), -EAGAIN);
	connect_to(listens());
	greet(STREAM);
	send_block(0, 0, 4096);
	takes(0, 4096);
	connect_to(listens());
	/* Another stream is refused: its connection ends. */
	send_head((struct zc_frame){ .kind = ZC_FRAME_HELLO, .stream = 2 });
	for (int i = 0; recv(out, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN; i++) {
		assert_int_equal(try_take(&(struct zcdma_block){ .len = 0 }), -EAGAIN);
		assert_true(i < 1000);
	}
	assert_int_equal(stats().ignored_connections, 2);
	connect_to(listens());
	greet(STREAM);
	send_head((struct zc_frame){ .kind = ZC_FRAME_END, .seq = 1, .offset = 4096 });
	ends();
}

static void nobody_comes_back(void **state)
{
	(void)state;
	open_with_sender("tcp:127.0.0.1:0,framed,retry=1");
	greet(STREAM);
	close(out);
	out = -1;
	fails(ETIMEDOUT, "did not come back", "retry=N");
}

/*
 * A receiver that breaks off
 */

struct receiver {
	int listener, fd;
	char where[96];
};

static void listen_for_frames(struct receiver *r)
{
	const struct zcdma_addr any = { .host = "127.0.0.1", .port = "0" };
	char name[64];

	r->listener = zcdma_listen(ctx, &any);
	assert_true(r->listener >= 0);
	/* Less than a block is on its way: a connection that breaks cuts one. */
	setsockopt(r->listener, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 }, sizeof(int));
	snprintf(r->where, sizeof(r->where), "%s,framed,retry=60,sndbuf=64K",
		 zcdma_sockname(r->listener, false, name, sizeof(name)));
}

/* Read all @len bytes, and wait for them. */
static void read_all(const struct receiver *r, void *to, size_t len)
{
	size_t at = 0;

	while (at < len) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		n = recv(r->fd, (char *)to + at, len - at, 0);
		assert_true(n > 0);
		at += (size_t)n;
	}
}

static struct zc_frame read_head(const struct receiver *r)
{
	uint8_t head[ZC_FRAME_HEAD];
	struct zc_frame f;

	read_all(r, head, sizeof(head));
	assert_int_equal(zc_frame_read(head, &f), 0);
	return f;
}

/* Take the sender's connection, and answer its greeting with what is expected next. Returns the stream. */
static uint64_t welcome(struct receiver *r, uint64_t offset, uint64_t seq)
{
	struct zc_frame f;
	uint8_t head[ZC_FRAME_HEAD];

	r->fd = zcdma_accept(ctx, r->listener, NULL, 0);
	assert_true(r->fd >= 0);
	f = read_head(r);
	assert_int_equal(f.kind, ZC_FRAME_HELLO);
	f.kind = ZC_FRAME_WELCOME;
	f.offset = offset;
	f.seq = seq;
	zc_frame_write(&f, head);
	assert_int_equal(send(r->fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
	return f.stream;
}

/* Read a frame, whose data has to be of the pattern. Returns its head. */
static struct zc_frame read_frame(const struct receiver *r)
{
	struct zc_frame f = read_head(r);
	uint8_t *data = malloc(f.len + 1);

	if (f.kind == ZC_FRAME_END) {
		free(data);
		return f;
	}
	assert_int_equal(f.kind, ZC_FRAME_BLOCK);
	read_all(r, data, f.len);
	assert_int_equal(zcdma_pattern_match(data, f.len, f.offset, 0), f.len);
	assert_int_equal(XXH3_64bits(data, f.len), f.hash);
	free(data);
	return f;
}

static void break_off(struct receiver *r)
{
	const struct linger linger = { .l_onoff = 1 };

	setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(r->fd);
}

/* The block that was being sent begins anew; those before it are a gap as far as the receiver does not have them. */
static void the_sender_connects_again(void **state)
{
	static const char *const types[] = { "copy", "zerocopy", "vmsplice", "splice", "uring" };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct receiver r;
		struct zc_frame f;
		uint64_t stream;
		pid_t pid;

		if (zcdma_path_probe(ctx, zcdma_path_find(types[i])))
			continue;
		listen_for_frames(&r);
		pid = send_from_child(r.where, types[i], "sim:block=1M,blocks=4");
		stream = welcome(&r, 0, 0);
		assert_int_equal(read_frame(&r).offset, 0);
		break_off(&r);
		assert_int_equal(welcome(&r, 1 << 20, 1), stream);
		for (f = read_frame(&r); f.kind == ZC_FRAME_BLOCK;) {
			const struct zc_frame after = read_frame(&r);

			assert_int_equal(after.offset, f.offset + f.len);
			assert_int_equal(after.seq, f.seq + 1);
			f = after;
		}
		assert_int_equal(f.offset, 5000001);
		assert_int_equal(f.seq, 5);
		close(r.fd);
		close(r.listener);
		assert_child(pid);
	}
}

/* Connect to what is at @r, and answer with @text. Returns the error of the path. */
static int connect_and_answer(struct receiver *r, const char *text)
{
	struct zcdma_source *from;
	struct zcdma_path *path;
	pid_t pid;
	int rc;

	listen_for_frames(r);
	*strchr(r->where, ',') = '\0';
	strcat(r->where, ",framed");
	pid = fork();
	if (!pid) {
		char byte;

		r->fd = zcdma_accept(ctx, r->listener, NULL, 0);
		if (text)
			(void)!send(r->fd, text, strlen(text), MSG_NOSIGNAL);
		else
			shutdown(r->fd, SHUT_WR);
		while (recv(r->fd, &byte, 1, 0) > 0 || errno == EAGAIN)
			usleep(1000);
		_exit(0);
	}
	assert_int_equal(zcdma_source_open(ctx, "sim:", &from), 0);
	rc = zcdma_path_connect(ctx, from, "copy", r->where, &path);
	zcdma_source_close(from);
	close(r->listener);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return rc;
}

static void a_receiver_has_to_know_frames(void **state)
{
	struct receiver r;

	(void)state;
	assert_int_equal(connect_and_answer(&r, "220 ready\r\n"), -EPROTO);
	assert_non_null(strstr(zcdma_error(ctx), "is not a frame"));
	assert_non_null(strstr(zcdma_hint(ctx), "framed"));
	assert_int_equal(connect_and_answer(&r, NULL), -ECONNRESET);
	assert_non_null(strstr(zcdma_error(ctx), "it ended the connection"));
	assert_non_null(strstr(zcdma_hint(ctx), "framed"));
}

static void a_socket_alone_has_no_frames(void **state)
{
	struct zcdma_source *from;
	struct zcdma_path *path;
	struct zcdma_addr addr;

	(void)state;
	assert_int_equal(zcdma_addr_parse(ctx, "127.0.0.1:9,framed", &addr), 0);
	assert_int_equal(zcdma_connect(ctx, &addr), -EINVAL);
	assert_int_equal(zcdma_listen(ctx, &addr), -EINVAL);
	assert_int_equal(zcdma_addr_parse(ctx, "udp:127.0.0.1:9,framed", &addr), -EINVAL);
	assert_int_equal(zcdma_addr_parse(ctx, "127.0.0.1:9,retry=3", &addr), -EINVAL);
	assert_non_null(strstr(zcdma_hint(ctx), "127.0.0.1:9,framed,retry=N"));
	assert_int_equal(zcdma_addr_parse(ctx, "127.0.0.1:9,framed,retry=0", &addr), -ERANGE);
	assert_int_equal(zcdma_source_open(ctx, "sim:", &from), 0);
	assert_int_equal(zcdma_path_connect(ctx, from, "null", "127.0.0.1:9,framed", &path),
			 -EINVAL);
	zcdma_source_close(from);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_path_sends_frames),
		TEST(large_blocks_come_in_pieces),
		TEST(what_cannot_be_read_has_no_hash),
		TEST(positions_and_losses_come),
		TEST(wrong_data_is_counted),
		TEST(an_end_without_its_mark_is_an_error),
		TEST(foreign_data_is_one_error),
		TEST(frames_that_do_not_belong_are_errors),
		TEST(a_sender_comes_back),
		TEST(a_part_that_came_is_left_out),
		TEST(strangers_are_ignored_meanwhile),
		TEST(nobody_comes_back),
		TEST(the_sender_connects_again),
		TEST(a_receiver_has_to_know_frames),
		TEST(a_socket_alone_has_no_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
