// SPDX-License-Identifier: GPL-2.0-only
/* Framed streams from a path: to tcp:, and to a receiver that does what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <xxhash.h>

#include "net/frame.h"
#include "listening_source.h"
#include "pattern_file.h"

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

/*
 * Whole streams
 */

/* Take @bytes of the pattern, and the end. */
static void take_stream(uint64_t bytes)
{
	struct zcdma_block b;
	uint64_t at = 0;

	while (take(0, &b) == 1) {
		assert_int_equal(b.offset, at);
		assert_pattern(&b);
		at += b.len;
		put(&b);
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
		open_source("tcp:127.0.0.1:0,framed", 0);
		snprintf(where, sizeof(where), "%s,framed", info().listens);
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
	open_source("tcp:127.0.0.1:0,framed", ZC_USE_FD);
	snprintf(where, sizeof(where), "%s,framed", info().listens);
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
	open_source("tcp:127.0.0.1:0,framed", 0);
	snprintf(where, sizeof(where), "%s,framed", info().listens);
	pid = send_from_child(where, "splice", spec);
	take_stream(100000);
	assert_int_equal(stats().unhashed_frames, stats().frames);
	assert_child(pid);
	close(fd);
}

/*
 * A receiver that breaks off
 */

struct receiver {
	int listener, fd;
	char where[96];
};

static void listen_for_frames(struct receiver *r, const char *sndbuf)
{
	const struct zcdma_addr any = { .host = "127.0.0.1", .port = "0" };
	char name[64];

	r->listener = zcdma_listen(ctx, &any);
	assert_true(r->listener >= 0);
	/* Less than a block is on its way: a connection that breaks cuts one. */
	setsockopt(r->listener, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 }, sizeof(int));
	snprintf(r->where, sizeof(r->where), "%s,framed,retry=60,sndbuf=%s",
		 zcdma_sockname(r->listener, false, name, sizeof(name)), sndbuf);
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

/* Take the sender's connection, and its greeting. */
static struct zc_frame accept_greeting(struct receiver *r)
{
	struct pollfd p = { .fd = r->listener, .events = POLLIN };
	struct zc_frame f;

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	r->fd = zcdma_accept(ctx, r->listener, NULL, 0);
	assert_true(r->fd >= 0);
	f = read_head(r);
	assert_int_equal(f.kind, ZC_FRAME_HELLO);
	return f;
}

/* Take the sender's connection, and answer its greeting with what is expected next. Returns the stream. */
static uint64_t welcome(struct receiver *r, uint64_t offset, uint64_t seq)
{
	struct zc_frame f = accept_greeting(r);
	uint8_t head[ZC_FRAME_HEAD];

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
		listen_for_frames(&r, "64K");
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

/* In a child: open a source and the path to @where, or exit with status 1. */
static struct zcdma_path *open_in_child(struct zcdma_ctx **c, const char *where,
					struct zcdma_source **from)
{
	struct zcdma_path *path;

	alarm(LIMIT_MS / 1000);
	if (zcdma_new(c) || zcdma_source_open(*c, "sim:block=64K", from) ||
	    zcdma_path_connect(*c, *from, "copy", where, &path))
		_exit(1);
	return path;
}

/* Send 256 KiB of the pattern from a child, which says by a byte to @told that a wait for their end was over before. */
static pid_t finish_in_child(const char *where, int told)
{
	struct zcdma_path_stats s;
	struct zcdma_source *from;
	struct zcdma_path *path;
	struct zcdma_block b;
	struct zcdma_ctx *c;
	pid_t pid = fork();

	if (pid)
		return pid;
	path = open_in_child(&c, where, &from);
	zcdma_source_set_limit(from, 256 << 10, 0);
	while (zcdma_source_next(from, -1, &b) == 1)
		if (zcdma_path_send(path, &b))
			_exit(2);
	zcdma_path_set_timeout(path, 20);
	if (zcdma_path_finish(path) != -ETIMEDOUT || write(told, "", 1) != 1)
		_exit(3);
	zcdma_path_set_timeout(path, -1);
	if (zcdma_path_finish(path))
		_exit(4);
	zcdma_path_get_stats(path, &s, sizeof(s));
	_exit(s.breaks ? 5 : 0);
}

/* A caller that waits for the end in steps, as a command that looks for signals does, keeps the connection. */
static void a_wait_that_is_over_breaks_nothing(void **state)
{
	struct receiver r;
	struct zc_frame f;
	int ends[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	/* What the receiver has no room for is not acknowledged. */
	listen_for_frames(&r, "208K");
	pid = finish_in_child(r.where, ends[1]);
	close(ends[1]);
	welcome(&r, 0, 0);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	do
		f = read_frame(&r);
	while (f.kind == ZC_FRAME_BLOCK);
	assert_int_equal(f.offset, 256 << 10);
	close(r.fd);
	close(r.listener);
	close(ends[0]);
	assert_child(pid);
}

/* Send from a child until that fails, and flush likewise: as a pause, neither would ever end. */
static pid_t send_until_it_fails(const char *where)
{
	struct zcdma_source *from;
	struct zcdma_path *path;
	struct zcdma_block b;
	struct zcdma_ctx *c;
	pid_t pid = fork();
	int rc = 0;

	if (pid)
		return pid;
	path = open_in_child(&c, where, &from);
	while (!rc && zcdma_source_next(from, -1, &b) == 1)
		rc = zcdma_path_send(path, &b);
	if (rc != -ECONNABORTED || !strstr(zcdma_error(c), "connect again to"))
		_exit(2);
	_exit(zcdma_path_flush(path) == -ECONNABORTED ? 0 : 3);
}

/* The machine takes connections, and nobody answers there. */
static void nobody_answers_in_time(void **state)
{
	struct receiver r;
	pid_t pid;

	(void)state;
	listen_for_frames(&r, "64K");
	*strstr(r.where, "retry=60") = '\0';
	strcat(r.where, "retry=1");
	pid = send_until_it_fails(r.where);
	welcome(&r, 0, 0);
	break_off(&r);
	assert_child(pid);
	close(r.listener);
}

/* Read frames up to the end of the stream, which has 5000001 bytes. */
static void read_stream(const struct receiver *r)
{
	struct zc_frame f;

	do
		f = read_frame(r);
	while (f.kind == ZC_FRAME_BLOCK);
	assert_int_equal(f.offset, 5000001);
}

/* Wait until the sender has ended the connection. */
static void wait_for_its_end(const struct receiver *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	assert_true(recv(r->fd, &byte, 1, MSG_DONTWAIT) <= 0);
	close(r->fd);
}

/* A receiver that does not answer the first greeting, or ends the connection instead, does so at the next. */
static void a_first_greeting_is_tried_again(void **state)
{
	struct receiver r;
	pid_t pid;

	(void)state;
	for (int ends = 0; ends < 2; ends++) {
		listen_for_frames(&r, "64K");
		pid = send_from_child(r.where, "copy", "sim:block=64K");
		accept_greeting(&r);
		if (ends)
			break_off(&r);
		else
			wait_for_its_end(&r);
		welcome(&r, 0, 0);
		read_stream(&r);
		close(r.fd);
		close(r.listener);
		assert_child(pid);
	}
}

/* The time for tries of the first connection is over: the error is that of the last one. */
static void a_first_greeting_is_not_answered_in_time(void **state)
{
	struct zcdma_source *from;
	struct zcdma_path *path;
	struct receiver r;

	(void)state;
	listen_for_frames(&r, "64K");
	strcpy(strstr(r.where, "retry=60"), "retry=1");
	assert_int_equal(zcdma_source_open(ctx, "sim:", &from), 0);
	assert_int_equal(zcdma_path_connect(ctx, from, "copy", r.where, &path), -ETIMEDOUT);
	assert_non_null(strstr(zcdma_error(ctx), "it does not answer as a receiver of frames"));
	assert_non_null(strstr(zcdma_hint(ctx), "framed"));
	zcdma_source_close(from);
	close(r.listener);
}

/* Connect to what is at @r, and answer with @text. Returns the error of the path. */
static int connect_and_answer(struct receiver *r, const char *text)
{
	struct zcdma_source *from;
	struct zcdma_path *path;
	pid_t pid;
	int rc;

	listen_for_frames(r, "64K");
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
		TEST(the_sender_connects_again),
		TEST(a_wait_that_is_over_breaks_nothing),
		TEST(nobody_answers_in_time),
		TEST(a_first_greeting_is_tried_again),
		TEST(a_first_greeting_is_not_answered_in_time),
		TEST(a_receiver_has_to_know_frames),
		TEST(a_socket_alone_has_no_frames),
	};

	signal(SIGPIPE, SIG_IGN); /* which splice() to a connection that broke raises, in a child */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
