/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handshake with an NBD server. All that the server says is in the socket before the client begins, as the client's answers
 * do not change it.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk/nbd.h"

#include "context.h"
#include "fortified.h"

#define GREETING "NBDMAGICIHAVEOPT"
#define NEWSTYLE "\0\3" /* fixed, and without zeroes */
#define LEGACY	 "\0\1" /* fixed alone */

/* Longer than the path of a socket may be. */
#define TEN	  "0123456789"
#define LONG_PATH TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static struct zc_nbd_target target = { .where = "server:1" };
static struct zc_nbd_export found;
static unsigned char said[8192];
static size_t said_len;

struct script {
	unsigned char bytes[8192];
	size_t len;
};

static void say(struct script *s, const void *data, size_t len)
{
	memcpy(s->bytes + s->len, data, len);
	s->len += len;
}

#define SAY(s, literal) say(s, literal, sizeof(literal) - 1)

static void say_number(struct script *s, uint64_t value, size_t bytes)
{
	value = htobe64(value);
	say(s, (const unsigned char *)&value + 8 - bytes, bytes);
}

static void say_reply(struct script *s, uint32_t type, const void *data, size_t len)
{
	say_number(s, 0x3e889045565a9, 8);
	say_number(s, 7, 4);
	say_number(s, type, 4);
	say_number(s, len, 4);
	say(s, data, len);
}

static void say_export(struct script *s, uint64_t size, uint16_t flags)
{
	struct script info = { .len = 0 };

	say_number(&info, 0, 2);
	say_number(&info, size, 8);
	say_number(&info, flags, 2);
	say_reply(s, 3, info.bytes, info.len);
}

static void say_blocks(struct script *s, uint32_t min, uint32_t preferred, uint32_t most)
{
	struct script info = { .len = 0 };

	say_number(&info, 3, 2);
	say_number(&info, min, 4);
	say_number(&info, preferred, 4);
	say_number(&info, most, 4);
	say_reply(s, 3, info.bytes, info.len);
}

/* Let the client hear the script, which ends in the connection's end, or with @silent in silence. */
static int negotiate(const struct script *s, bool silent)
{
	int fds[2], rc;
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[1], s->bytes, s->len), s->len);
	if (!silent)
		shutdown(fds[1], SHUT_WR);
	rc = zc_nbd_negotiate(ctx, fds[0], &target, silent ? 50 : 10000, &found);
	shutdown(fds[0], SHUT_WR);
	n = read(fds[1], said, sizeof(said));
	said_len = n > 0 ? (size_t)n : 0;
	close(fds[0]);
	close(fds[1]);
	return rc;
}

static struct script begin(void)
{
	struct script s = { .len = 0 };

	SAY(&s, GREETING NEWSTYLE);
	return s;
}

static void an_export_is_agreed_on(void **state)
{
	static const unsigned char asked[] = "\0\0\0\3IHAVEOPT\0\0\0\7\0\0\0\13\0\0\0\3one\0\1\0\3";
	struct script s = begin();

	(void)state;
	strcpy(target.name, "one");
	say_reply(&s, 3, "\0\2one", 5); /* an information that was not asked for */
	say_export(&s, 1 << 30, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH);
	say_blocks(&s, 512, 65536, 1 << 20);
	say_reply(&s, 1, "", 0);
	assert_int_equal(negotiate(&s, false), 0);
	assert_int_equal(found.size, 1 << 30);
	assert_int_equal(found.flags, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH);
	assert_int_equal(found.block_min, 512);
	assert_int_equal(found.block_preferred, 65536);
	assert_int_equal(found.payload_most, 1 << 20);
	assert_int_equal(said_len, sizeof(asked) - 1);
	assert_memory_equal(said, asked, said_len);
	target.name[0] = '\0';
}

static void a_server_without_go_is_asked_by_name(void **state)
{
	static const char zeroes[124];
	struct script s = { .len = 0 };

	(void)state;
	SAY(&s, GREETING LEGACY);
	say_reply(&s, 0x80000001, "", 0);
	say_number(&s, 4096, 8);
	say_number(&s, NBD_FLAG_HAS_FLAGS, 2);
	say(&s, zeroes, sizeof(zeroes));
	assert_int_equal(negotiate(&s, false), 0);
	assert_int_equal(found.size, 4096);
	assert_int_equal(found.block_min, 1);
	assert_int_equal(found.payload_most, ZC_NBD_PAYLOAD_MOST);
	/* It does not have the export. */
	s.len -= sizeof(zeroes) + 10;
	assert_int_equal(negotiate(&s, false), -ENOENT);
}

static void fails(const struct script *s, int err, const char *message)
{
	assert_int_equal(negotiate(s, false), -err);
	if (!strstr(zcdma_error(ctx), message))
		fail_msg("\"%s\" is not in \"%s\"", message, zcdma_error(ctx));
}

static void what_is_not_such_a_server_is_said(void **state)
{
	struct script s = { .len = 0 };

	(void)state;
	fails(&s, ECONNRESET, "negotiate with server:1: the server closed the connection");
	SAY(&s, "HTTP/1.1 400 Bad Request\r\n");
	fails(&s, EPROTO, "the other end does not speak NBD");
	s.len = 0;
	SAY(&s, "NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53");
	fails(&s, EPROTO, "oldstyle NBD");
	s.len = 0;
	SAY(&s, "NBDMAGICNOTMAGIC\0\3");
	fails(&s, EPROTO, "does not speak NBD");
	s.len = 0;
	SAY(&s, GREETING "\0\0");
	fails(&s, EPROTO, "fixed newstyle");
	s.len = sizeof(GREETING) - 2;
	fails(&s, ECONNRESET, "closed the connection");
}

static void a_refusal_is_said(void **state)
{
	static const struct {
		uint32_t type;
		int err;
		const char *message;
	} cases[] = {
		{ 0x80000002, EACCES,
		  "export '': the server's policy refuses the export: no?entry" },
		{ 0x80000005, EPROTONOSUPPORT, "the server wants TLS, which zcdma does not speak" },
		{ 0x80000006, ENOENT, "the server has no such export" },
		{ 0x80000007, ESHUTDOWN, "shutting down" },
		{ 0x8000ffff, EPROTO, "the server refuses it: no?entry" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = begin();

		say_reply(&s, cases[i].type, "no\nentry", 8);
		fails(&s, cases[i].err, cases[i].message);
	}
}

static void replies_that_are_none_are_refused(void **state)
{
	struct script s = begin();

	(void)state;
	say_reply(&s, 1, "", 0);
	fails(&s, EPROTO, "does not say how large");
	s = begin();
	say_number(&s, 0x3e889045565a8, 8);
	say_number(&s, 7, 4);
	say_number(&s, 1, 4);
	say_number(&s, 0, 4);
	fails(&s, EPROTO, "reply is not one of NBD");
	s = begin();
	say_number(&s, 0x3e889045565a9, 8);
	say_number(&s, 7, 4);
	say_number(&s, 1, 4);
	say_number(&s, UINT32_MAX, 4);
	fails(&s, EPROTO, "reply is not one of NBD");
	s = begin();
	for (int i = 0; i < 64; i++)
		say_export(&s, 1 << 20, 0);
	fails(&s, EPROTO, "do not end");
	/* Information that is too short is ignored. */
	s = begin();
	say_reply(&s, 3, "\0\0\0", 3);
	say_reply(&s, 3, "", 0);
	say_reply(&s, 1, "", 0);
	fails(&s, EPROTO, "does not say how large");
}

static void exports_that_no_device_can_be_are_refused(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t blocks[3];
		const char *message;
	} cases[] = {
		{ 0, { 1, 4096, 1 << 20 }, "its size is 0 bytes" },
		{ 511, { 1, 4096, 1 << 20 }, "its size is 511 bytes" },
		{ (uint64_t)INT64_MAX + 1, { 1, 4096, 1 << 20 }, "9223372036854775808 bytes" },
		{ 4095, { 4096, 4096, 1 << 20 }, "its size is 4095 bytes, and a device has 4096" },
		{ 1 << 20, { 3, 4096, 1 << 20 }, "smallest request is 3 bytes" },
		{ 1 << 20, { 0, 4096, 1 << 20 }, "smallest request is 0 bytes" },
		{ 1 << 20, { 65536, 65536, 1 << 20 }, "smallest request is 65536 bytes" },
		{ 1 << 20, { 1, 4096, 1024 }, "largest request is 1024 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t *blocks = cases[i].blocks;
		struct script s = begin();

		say_export(&s, cases[i].size, 0);
		say_blocks(&s, blocks[0], blocks[1], blocks[2]);
		say_reply(&s, 1, "", 0);
		fails(&s, EINVAL, cases[i].message);
	}
}

/* A script that ends anywhere is an error and no crash; and a server that says no more is not waited for. */
static void a_server_may_end_or_stall_anywhere(void **state)
{
	struct script s = begin();
	const size_t greeting = sizeof(GREETING) - 1;
	size_t all;

	(void)state;
	say_export(&s, 1 << 20, 0);
	say_reply(&s, 1, "", 0);
	for (all = s.len; s.len-- > 0;)
		assert_int_equal(negotiate(&s, false), -ECONNRESET);
	for (s.len = 0; s.len < all; s.len += greeting) {
		assert_int_equal(negotiate(&s, true), -ETIMEDOUT);
		assert_non_null(strstr(zcdma_error(ctx), "the server does not answer"));
	}
}

/* An interrupt comes as the next wait begins. */
static bool interrupts;

/* This comes before that of the C library. */
int poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	const struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	if (interrupts && timeout_ms) {
		interrupts = false;
		zcdma_interrupt(ctx);
	}
	return ppoll(p, n, timeout_ms < 0 ? NULL : &t, NULL);
}

static void an_interrupt_ends_it(void **state)
{
	struct script s = begin();

	(void)state;
	interrupts = true;
	assert_int_equal(negotiate(&s, true), -EINTR);
	assert_false(interrupts);
	zcdma_resume(ctx);
}

/* Listen without room: a second connection to it waits for the first to be accepted. Returns the socket. */
static int listen_full(int family, struct sockaddr *to, socklen_t len, int *first)
{
	int fd = socket(family, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, to, len), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, to, &len), 0);
	*first = socket(family, SOCK_STREAM, 0);
	assert_int_equal(connect(*first, to, len), 0);
	return fd;
}

/* The server's queue is full: the time is limited, and an interrupt ends it. */
static void waits_for_a_connection_are_limited(const struct zc_nbd_target *t)
{
	assert_int_equal(zc_nbd_connect(ctx, t, 100, &found), -ETIMEDOUT);
	assert_non_null(strstr(zcdma_error(ctx), "connect to "));
	interrupts = true;
	assert_int_equal(zc_nbd_connect(ctx, t, -1, &found), -EINTR);
	assert_false(interrupts);
	zcdma_resume(ctx);
}

static void a_server_that_accepts_nothing_is_not_waited_for(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct zc_nbd_target t = { .where = "server:1" };
	int fd, first;

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = listen_full(AF_INET, (struct sockaddr *)&in, sizeof(in), &first);
	strcpy(t.addr.host, "127.0.0.1");
	snprintf(t.addr.port, sizeof(t.addr.port), "%u", ntohs(in.sin_port));
	waits_for_a_connection_are_limited(&t);
	close(first);
	close(fd);
	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/test_nbd.%d", (int)getpid());
	fd = listen_full(AF_UNIX, (struct sockaddr *)&un, sizeof(un), &first);
	strcpy(t.socket, un.sun_path);
	waits_for_a_connection_are_limited(&t);
	unlink(un.sun_path);
	close(first);
	close(fd);
}

/* Have the next connection to a listener hear what an export needs. */
static void *serve_one(void *arg)
{
	const int fd = accept(*(const int *)arg, NULL, NULL);
	struct script s = begin();

	say_export(&s, 1 << 20, NBD_FLAG_HAS_FLAGS);
	say_reply(&s, 1, "", 0);
	if (write(fd, s.bytes, s.len) == (ssize_t)s.len)
		while (read(fd, s.bytes, sizeof(s.bytes)) > 0)
			;
	close(fd);
	return NULL;
}

static int option_of(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, IPPROTO_TCP, name, &value, &len);
	return value;
}

/* How many milliseconds the kernel waits for an acknowledgement on the last connection; 0: as it does by itself. */
static int unacknowledged;

/* Returns after how many seconds of silence the kernel gives up a connection that is made with this time-out. */
static int silence_of(const struct zc_nbd_target *t, int *listener, int timeout_ms)
{
	pthread_t thread;
	int fd, seconds;

	assert_int_equal(pthread_create(&thread, NULL, serve_one, listener), 0);
	fd = zc_nbd_connect(ctx, t, timeout_ms, &found);
	assert_true(fd >= 0);
	seconds = option_of(fd, TCP_KEEPIDLE) +
		  option_of(fd, TCP_KEEPINTVL) * option_of(fd, TCP_KEEPCNT);
	unacknowledged = option_of(fd, TCP_USER_TIMEOUT);
	close(fd);
	pthread_join(thread, NULL);
	return seconds;
}

/* The kernel gives up no connection whose requests may still wait. */
static void a_silent_connection_is_kept_as_long_as_requests_wait(void **state)
{
	static const int timeouts[] = { 80, 90, 91, 200, 1000, 100000, 2000000 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct zc_nbd_target t = { .where = "server:1", .addr.host = "127.0.0.1" };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	snprintf(t.addr.port, sizeof(t.addr.port), "%u", ntohs(in.sin_port));
	assert_int_equal(silence_of(&t, &fd, 30000), 90);
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		const int seconds = timeouts[i], got = silence_of(&t, &fd, seconds * 1000);

		if (got <= seconds || got > zc_max(seconds + seconds / 4, 110))
			fail_msg("%d s for a time-out of %d s", got, seconds);
		/* By itself the kernel waits for 15 minutes or so. */
		if (seconds < 500)
			assert_int_equal(unacknowledged, 0);
		else
			assert_in_range(unacknowledged / 1000, seconds + 1, seconds / 4 * 5);
	}
	t.addr.keepalive = 9;
	assert_int_equal(silence_of(&t, &fd, 200000), 9);
	close(fd);
}

static void targets_are_parsed(void **state)
{
	static const struct {
		const char *text, *host, *port, *socket, *name;
	} cases[] = {
		{ "host:1", "host", "1", "", "" },
		{ "nbd://host", "host", "10809", "", "" },
		{ "nbd://host/", "host", "10809", "", "" },
		{ "nbd://host:7/a%20b/c", "host", "7", "", "a b/c" },
		{ "nbd://[::1]/x", "::1", "10809", "", "x" },
		{ "nbd://[::1]:7/x", "::1", "7", "", "x" },
		{ "nbd+unix:///?socket=/run/a", "", "", "/run/a", "" },
		{ "nbd+unix:///e%2f?socket=%2frun/a", "", "", "/run/a", "e/" },
	};
	struct zc_nbd_target t;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(zc_nbd_parse(ctx, cases[i].text, NULL, &t), 0);
		assert_string_equal(t.addr.host, cases[i].host);
		assert_string_equal(t.addr.port, cases[i].port);
		assert_string_equal(t.socket, cases[i].socket);
		assert_string_equal(t.name, cases[i].name);
	}
	assert_int_equal(zc_nbd_parse(ctx, "nbd://[::1]/x", "y", &t), 0);
	assert_string_equal(t.name, "y");
	assert_string_equal(t.where, "[::1]:10809");
}

static void other_targets_are_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "host", "no port" },
		{ "nbd://", "names no host" },
		{ "nbd:///x", "names no host" },
		{ "nbd://a@host", "names a user" },
		{ "nbd://host/%", "name of the export" },
		{ "nbd://host/%0", "name of the export" },
		{ "nbd://host/%00", "the name of the export has a byte that is 0" },
		{ "nbd://host/%zz",
		  "the name of the export has a '%' without two hexadecimal digits" },
		{ "nbd://host?socket=/run/a", "nothing is known after '?'" },
		{ "nbd+unix:///x", "names no socket" },
		{ "nbd+unix:///?socket=", "the path of the socket is empty" },
		{ "nbd+unix:///?socket=/a&socket=/b", "one socket= is all that may follow '?'" },
		{ "nbd+unix:///?socket=/a%2",
		  "the path of the socket has a '%' without two hexadecimal digits" },
		{ "nbd+unix:///?socket=/a%00", "the path of the socket has a byte that is 0" },
		{ "nbd+unix:///?socket=/" LONG_PATH, "the path of the socket is too long" },
		{ "nbd+unix://host/?socket=/run/a", "a Unix socket has no host" },
		{ "nbds://host", "asks for TLS" },
		{ "nbds+unix:///?socket=/run/a", "asks for TLS" },
		{ "http://host", "not a URI of NBD" },
		{ "udp:host:1", "NBD goes over TCP" },
		{ "host:1,framed", "framed is not for this" },
	};
	struct zc_nbd_target t;
	char *name;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(zc_nbd_parse(ctx, cases[i].text, NULL, &t) < 0);
		if (!strstr(zcdma_error(ctx), cases[i].error))
			fail_msg("%s: %s", cases[i].text, zcdma_error(ctx));
	}
	name = malloc(ZC_NBD_NAME_MOST + 2);
	assert_non_null(name);
	memset(name, 'x', ZC_NBD_NAME_MOST + 1);
	name[ZC_NBD_NAME_MOST + 1] = '\0';
	assert_int_equal(zc_nbd_parse(ctx, "host:1", name, &t), -EINVAL);
	name[ZC_NBD_NAME_MOST] = '\0';
	assert_int_equal(zc_nbd_parse(ctx, "host:1", name, &t), 0);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_export_is_agreed_on),
		cmocka_unit_test(a_server_without_go_is_asked_by_name),
		cmocka_unit_test(what_is_not_such_a_server_is_said),
		cmocka_unit_test(a_refusal_is_said),
		cmocka_unit_test(replies_that_are_none_are_refused),
		cmocka_unit_test(exports_that_no_device_can_be_are_refused),
		cmocka_unit_test(a_server_may_end_or_stall_anywhere),
		cmocka_unit_test(an_interrupt_ends_it),
		cmocka_unit_test(a_server_that_accepts_nothing_is_not_waited_for),
		cmocka_unit_test(a_silent_connection_is_kept_as_long_as_requests_wait),
		cmocka_unit_test(targets_are_parsed),
		cmocka_unit_test(other_targets_are_refused),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
