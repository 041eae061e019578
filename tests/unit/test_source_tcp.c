// SPDX-License-Identifier: GPL-2.0-only
/* tcp: receives what one sender sends, into whole blocks that nothing else has any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "listening_source.h"

#define BLOCK (1u << 20)

static uint64_t sent;

static int begin(void **state)
{
	sent = 0;
	return setup(state);
}

/* Send the next @len bytes of the pattern. */
static void send_pattern(size_t len)
{
	uint8_t *data = malloc(len);
	size_t at = 0;

	zcdma_pattern_fill(data, len, sent, 0);
	while (at < len) {
		ssize_t n = send(out, data + at, len - at, MSG_NOSIGNAL);

		assert_true(n > 0);
		at += (size_t)n;
	}
	sent += len;
	free(data);
}

/* Let a child send @len bytes of the pattern, and end in good order, or with a reset. */
static pid_t send_from_child(size_t len, bool reset)
{
	const struct linger linger = { .l_onoff = reset };
	pid_t pid = fork();

	if (pid) {
		close(out);
		out = -1;
		return pid;
	}
	/* It waits for room. */
	(void)!fcntl(out, F_SETFL, 0);
	send_pattern(len);
	setsockopt(out, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	_exit(0);
}

/* Take @bytes of the pattern. Returns the blocks that they came in. */
static unsigned take_bytes(uint64_t from, size_t bytes)
{
	struct zcdma_block b;
	unsigned n;

	for (n = 0; bytes; n++) {
		assert_int_equal(take(0, &b), 1);
		assert_int_equal(b.offset, from);
		assert_true(b.len <= bytes);
		assert_pattern(&b);
		from += b.len;
		bytes -= b.len;
		put(&b);
	}
	return n;
}

static void receives_whole_blocks(void **state)
{
	const size_t len = 20 * BLOCK + 5;
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0", 0);
	send_from_child(len, false);
	/* On a busy machine blocks go on before they are full, but not with each packet, of at most 64 KiB. */
	assert_in_range(take_bytes(0, len), 21, len / 65536 / 2);
	assert_int_equal(take(0, &b), 0);
	assert_int_equal(take(0, &b), 0);
	assert_int_equal(stats().bytes, len);
	assert_int_equal(stats().next_seq, stats().blocks);
}

static void says_where_and_from_whom(void **state)
{
	char name[64];
	struct zcdma_block b;

	(void)state;
	open_source("tcp:127.0.0.1:0", 0);
	assert_string_equal(info().type, "tcp");
	assert_null(info().peer);
	assert_int_equal(strncmp(info().listens, "127.0.0.1:", 10), 0);
	assert_string_not_equal(info().listens, "127.0.0.1:0");
	out = connect_to(info().listens);
	send_pattern(1);
	assert_int_equal(take(0, &b), 1);
	assert_string_equal(info().peer, zcdma_sockname(out, false, name, sizeof(name)));
	put(&b);
}

static void nothing_listens_before_the_ring_is_made(void **state)
{
	char where[128];

	(void)state;
	assert_int_equal(zcdma_source_open(ctx, "tcp:127.0.0.1:0", &src), 0);
	assert_null(info().listens);
	assert_int_equal(zcdma_source_prepare(src, "copy"), 0);
	assert_non_null(info().listens);
	/* A ring for another path has the same port. */
	snprintf(where, sizeof(where), "%s", info().listens);
	assert_int_equal(zcdma_source_prepare(src, "vmsplice"), 0);
	assert_string_equal(info().listens, where);
	out = connect_to(info().listens);
	assert_true(out >= 0);
}

static void listens_on_each_address(void **state)
{
	const char *specs[] = { "tcp:[::1]:0", "tcp::0", "tcp:localhost:0" };
	struct zcdma_block b;

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		char first[64];
		int rc = lab_open(ctx, specs[i], 0, &src);

		src = rc ? NULL : src;
		if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
			continue;
		assert_int_equal(rc, 0);
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(info().listens, ","),
			 info().listens);
		out = connect_to(first);
		assert_true(out >= 0);
		sent = 0;
		send_pattern(100);
		assert_int_equal(take(0, &b), 1);
		assert_int_equal(b.len, 100);
		assert_pattern(&b);
		put(&b);
		begin_anew();
	}
}

/* What a slow sender sends is not kept until a block is full. */
static void slow_data_goes_on(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0", 0);
	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	for (unsigned i = 0; i < 3; i++) {
		send_pattern(10);
		assert_int_equal(take_bytes(i * 10, 10), 1);
	}
	/* A silent one wakes nobody. */
	assert_asleep();
	send_pattern(10);
	assert_int_equal(take_bytes(30, 10), 1);
}

static void a_limit_is_kept(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0", 0);
	send_pattern(1000);
	assert_int_equal(take(300, &b), 1);
	assert_int_equal(b.len, 300);
	put(&b);
	assert_int_equal(take_bytes(300, 700), 1);
}

static void a_reset_is_an_error_after_what_came_before(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0", 0);
	send_pattern(5000);
	assert_int_equal(take_bytes(0, 5000), 1);
	send_pattern(5000);
	zc_reset_on_close(out, true);
	close(out);
	out = -1;
	take_bytes(5000, 5000);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(take(0, &b), -ECONNRESET);
		assert_non_null(strstr(zcdma_error(ctx), "Connection reset"));
		assert_non_null(zcdma_hint(ctx));
	}
}

static void a_second_sender_is_refused(void **state)
{
	char where[128];
	struct zcdma_block b;
	int second;

	(void)state;
	open_pair("tcp:127.0.0.1:0", 0);
	snprintf(where, sizeof(where), "%s", info().listens);
	send_pattern(1);
	assert_int_equal(take(0, &b), 1);
	put(&b);
	second = connect_to(where);
	assert_int_equal(second, -ECONNREFUSED);
}

/* Blocks that are held are not received into, and then nothing is. */
static void held_blocks_stay_as_they_are(void **state)
{
	const size_t len = 40 * BLOCK;
	struct zcdma_block held[BLOCKS], b;
	uint64_t at = 0;
	unsigned n;

	(void)state;
	open_pair("tcp:127.0.0.1:0", 0);
	send_from_child(len, false);
	for (n = 0; n < BLOCKS; n++) {
		assert_int_equal(take(0, &held[n]), 1);
		at += held[n].len;
	}
	assert_int_equal(take(0, &b), -EAGAIN);
	assert_true(src->starved);
	usleep(20000);
	assert_int_equal(take(0, &b), -EAGAIN);
	for (n = 0; n < BLOCKS; n++)
		assert_pattern(&held[n]);
	for (n = 0; n < BLOCKS; n++)
		put(&held[BLOCKS - 1 - n]);
	take_bytes(at, len - at);
	assert_int_equal(take(0, &b), 0);
}

/* A path that takes descriptors gets the connection, of which nothing is received. */
static void the_connection_is_lent(void **state)
{
	char data[1000];
	struct zcdma_block b, c;
	struct stat st;

	(void)state;
	open_pair("tcp:127.0.0.1:0", ZC_USE_FD | ZC_USE_REPLACE);
	assert_int_equal(info().caps, ZCDMA_CAP_FD);
	send_pattern(1000);
	assert_int_equal(take(0, &b), 1);
	assert_null(b.data);
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.fd_offset, -1);
	assert_int_equal(fstat(b.fd, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(take(0, &c), -EAGAIN);
	assert_int_equal(recv(b.fd, data, sizeof(data), 0), 1000);
	put(&b);
	shutdown(out, SHUT_WR);
	assert_int_equal(take(0, &b), 0);
}

static void a_lent_connection_that_is_reset_is_an_error(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0", ZC_USE_FD | ZC_USE_REPLACE);
	zc_reset_on_close(out, true);
	close(out);
	out = -1;
	assert_int_equal(take(0, &b), -ECONNRESET);
}

/* receive=copy gives such a path the ring's memfd. */
static void copied_blocks_have_a_descriptor(void **state)
{
	uint8_t data[1000];
	struct zcdma_block b;

	(void)state;
	open_pair("tcp:127.0.0.1:0,receive=copy", ZC_USE_FD | ZC_USE_REPLACE);
	send_pattern(1000);
	assert_int_equal(take(0, &b), 1);
	assert_int_equal(pread(b.fd, data, sizeof(data), b.fd_offset), 1000);
	assert_int_equal(zcdma_pattern_match(data, sizeof(data), 0, 0), sizeof(data));
	zc_source_put(src, &b, ZC_PUT_REPLACE);
}

/* sendfile() takes files alone: not the connection, but the ring. */
static void sendfile_takes_the_ring(void **state)
{
	(void)state;
	assert_int_equal(zcdma_source_open(ctx, "tcp:127.0.0.1:0", &src), 0);
	assert_int_equal(zcdma_source_prepare(src, "sendfile"), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "it is not a file"));
	assert_non_null(strstr(zcdma_hint(ctx), "receive=copy"));
	begin_anew();
	assert_int_equal(zcdma_source_open(ctx, "tcp:127.0.0.1:0,receive=copy", &src), 0);
	assert_int_equal(zcdma_source_prepare(src, "sendfile"), 0);
}

static void stop_without_a_sender_is_the_end(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_source("tcp:127.0.0.1:0", 0);
	zcdma_source_stop(src);
	assert_int_equal(take(0, &b), 0);
}

/* What was sent before is taken, and then a sender that does not end is left. */
static void stop_takes_what_is_there(void **state)
{
	(void)state;
	open_pair("tcp:127.0.0.1:0", 0);
	send_pattern(1000);
	expect_stop_takes_what_is_there();
}

static void bad_specs(void **state)
{
	char spec[160];

	(void)state;
	refuses("tcp:", EINVAL, "it has no port", NULL);
	refuses("tcp:9000", EINVAL, "it has no port", ":9000");
	refuses("tcp::99999", EINVAL, "'99999' is not a port", NULL);
	refuses("tcp::0,receeve=auto", EINVAL, "unknown option receeve", "receive=");
	refuses("tcp::0,receive=fast", EINVAL, "receive=fast is not valid", "auto");
	refuses("tcp:239.1.2.3:9000", EINVAL, "TCP has no multicast", "udp:");
	refuses("tcp:192.0.2.1:0", EADDRNOTAVAIL, "listen on 192.0.2.1", "this machine");
	out = zcdma_listen(ctx, &(struct zcdma_addr){ .host = "127.0.0.1", .port = "0" });
	snprintf(spec, sizeof(spec), "tcp:%s", zcdma_sockname(out, false, (char[64]){ 0 }, 64));
	refuses(spec, EADDRINUSE, "in use", "ss -ltnp");
}

/* A path to its own source waits for blocks that come from nowhere. */
static void its_own_sender_is_an_error(void **state)
{
	static const char *const where[] = { "tcp:127.0.0.1:0", "tcp::0" };
	struct zcdma_path *path;
	struct zcdma_block b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		assert_int_equal(zcdma_source_open(ctx, where[i], &src), 0);
		assert_int_equal(zcdma_source_prepare(src, "copy"), 0);
		assert_int_equal(zcdma_source_start(src), 0);
		assert_int_equal(zcdma_path_connect(ctx, src, "copy", info().listens, &path), 0);
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), -ELOOP);
		assert_non_null(strstr(zcdma_error(ctx), "its sender is this program itself"));
		zcdma_path_close(path);
		begin_anew();
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)
	const struct CMUnitTest tests[] = {
		TEST(receives_whole_blocks),
		TEST(says_where_and_from_whom),
		TEST(nothing_listens_before_the_ring_is_made),
		TEST(listens_on_each_address),
		TEST(slow_data_goes_on),
		TEST(a_limit_is_kept),
		TEST(a_reset_is_an_error_after_what_came_before),
		TEST(a_second_sender_is_refused),
		TEST(held_blocks_stay_as_they_are),
		TEST(the_connection_is_lent),
		TEST(a_lent_connection_that_is_reset_is_an_error),
		TEST(copied_blocks_have_a_descriptor),
		TEST(sendfile_takes_the_ring),
		TEST(stop_without_a_sender_is_the_end),
		TEST(stop_takes_what_is_there),
		TEST(its_own_sender_is_an_error),
		TEST(bad_specs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
