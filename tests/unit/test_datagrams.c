/* SPDX-License-Identifier: GPL-2.0-only */
/* How a path cuts blocks into datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "internal.h"
#include "context.h"
#include "lab.h"

static uint8_t buf[65536];

static struct zcdma_source *src;
static struct zcdma_path *path;
static int in, out;

static void udp_pair(const char *text)
{
	struct zcdma_addr addr;
	char name[64];

	assert_int_equal(zcdma_addr_parse(ctx, text, &addr), 0);
	in = zcdma_listen(ctx, &addr);
	if (in == -EADDRNOTAVAIL || in == -EAFNOSUPPORT)
		skip();
	assert_true(in >= 0);
	assert_int_equal(
		zcdma_addr_parse(ctx, zcdma_sockname(in, false, name, sizeof(name)), &addr), 0);
	assert_true(addr.udp);
	out = zcdma_connect(ctx, &addr);
	assert_true(out >= 0);
}

static void close_path(void)
{
	zcdma_path_close(path);
	zcdma_source_close(src);
	close(in);
	close(out);
}

/* Open the source @spec and a path from it. Returns what lab_path() returns. */
static int open_path(const char *spec, const struct zcdma_path_type *type)
{
	assert_int_equal(lab_open(ctx, spec, ZC_USE_REPLACE | ZC_USE_FD, &src), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	path = NULL;
	return lab_path(ctx, type, src, out, ZCDMA_FALLBACK_KEEP, &path);
}

/* Receive the datagrams of one block of @len bytes from @offset on, and check their sizes and data. */
static void take_block(struct zcdma_receiver *rx, uint64_t offset, size_t len, size_t size)
{
	struct zcdma_datagram d;
	char name[64];

	for (size_t at = 0; at < len; at += d.len) {
		assert_int_equal(zcdma_receiver_next(rx, 10000, &d), 0);
		assert_int_equal(d.len, zc_min(size, len - at));
		assert_int_equal(zcdma_pattern_match(d.data, d.len, offset + at, 0), d.len);
		zcdma_sockname(out, false, name, sizeof(name));
		assert_string_equal(d.from, name + strlen("udp:"));
	}
}

/* Send @b. Returns false if this kernel would cut up the datagrams, which the first send reports. */
static bool send_block(struct zcdma_block *b)
{
	bool give = zcdma_path_get_type(path)->replaces_pages;
	int rc;

	while ((rc = zc_path_try(path, b)) == ZC_SENT_BUSY)
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_ROOM, 10000), 0);
	if (rc == -EOPNOTSUPP && strstr(zcdma_error(ctx), "cuts datagrams"))
		return false;
	assert_in_range(rc, ZC_SENT_DONE, ZC_SENT_QUEUED);
	if (rc == ZC_SENT_DONE)
		zc_source_put(src, b, give ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	return true;
}

static void next_block(struct zcdma_block *b)
{
	int rc;

	while ((rc = zc_source_take(src, 0, b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10000), 0);
	assert_int_equal(rc, 1);
}

static void send_and_take(const struct zcdma_path_type *type, size_t size, bool finish)
{
	struct zcdma_path_stats stats;
	struct zcdma_receiver *rx;
	struct zcdma_datagram d;
	struct zcdma_block b;
	unsigned per_block;

	assert_int_equal(open_path("sim:blocks=8,block=128K", type), 0);
	assert_int_equal(zcdma_receiver_open(ctx, &in, 1, &rx), 0);
	if (size)
		assert_int_equal(zcdma_path_set_datagram(path, size), 0);
	zcdma_path_get_stats(path, &stats, sizeof(stats));
	size = stats.datagram_bytes;
	per_block = (unsigned)((131072 + size - 1) / size);
	for (uint64_t n = 0; n < 6; n++) {
		next_block(&b);
		if (!send_block(&b)) {
			assert_int_equal(n, 0);
			goto out;
		}
		take_block(rx, n * 131072, 131072, size);
		while (zc_path_reap(path, &b))
			zc_source_put(src, &b, ZC_PUT_REUSE);
	}
	zcdma_path_get_stats(path, &stats, sizeof(stats));
	assert_int_equal(stats.bytes, 6 * 131072);
	assert_int_equal(stats.datagrams, 6 * per_block);
	/* The kernel splits many out of one call, for every path alike. */
	if (size < 16384)
		assert_true(stats.calls < stats.datagrams);
	if (finish)
		assert_int_equal(zc_path_end(path, true, UINT64_MAX), 0);
	for (int i = 0; finish && i < 3; i++) {
		assert_int_equal(zcdma_receiver_next(rx, 10000, &d), 0);
		assert_int_equal(d.len, 0);
	}
	assert_int_equal(zcdma_receiver_next(rx, 0, &d), -ETIMEDOUT);
	assert_int_equal(zcdma_receiver_drops(rx, NULL), 0);
out:
	zcdma_receiver_close(rx);
	close_path();
}

/* Check that each path that sends over UDP keeps datagram boundaries, for all sizes. */
static void datagrams_are_whole(const char *address)
{
	static const size_t sizes[] = { 0, 1464, 1000, 4096, 8968, 40001, 65480 };
	const struct zcdma_path_type *type;

	for (unsigned i = 0; (type = zcdma_path_type_at(i)); i++) {
		if (!strcmp(type->name, "null"))
			continue;
		udp_pair(address);
		if (open_path("sim:", type)) {
			/* Another way to send, or a kernel that would cut them up. */
			assert_true(zcdma_error(ctx)[0]);
			assert_true(strcmp(type->name, "copy") && strcmp(type->name, "zerocopy"));
			close_path();
			continue;
		}
		close_path();
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			udp_pair(address);
			send_and_take(type, sizes[k], !k);
		}
	}
}

static void datagrams_are_whole_v4(void **state)
{
	(void)state;
	datagrams_are_whole("udp:127.0.0.1:0");
}

static void datagrams_are_whole_v6(void **state)
{
	(void)state;
	datagrams_are_whole("udp:[::1]:0");
}

static void sizes_have_a_limit(void **state)
{
	(void)state;
	udp_pair("udp:127.0.0.1:0");
	assert_int_equal(open_path("sim:", zcdma_path_find("copy")), 0);
	assert_int_equal(zcdma_path_set_datagram(path, 65507), 0);
	assert_int_equal(zcdma_path_set_datagram(path, 65508), -EMSGSIZE);
	assert_non_null(strstr(zcdma_hint(ctx), "--datagram=65507"));
	assert_int_equal(zcdma_path_set_datagram(path, 0), -EMSGSIZE);
	assert_int_equal(zcdma_path_set_datagram(path, 1), 0);
	close_path();
}

static void streams_have_no_datagrams(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	in = pair[0];
	out = pair[1];
	assert_int_equal(open_path("sim:", zcdma_path_find("copy")), 0);
	assert_int_equal(zcdma_path_set_datagram(path, 1000), -EINVAL);
	close_path();
}

static void nobody_there_is_an_error(void **state)
{
	struct zcdma_block b;
	int rc;

	(void)state;
	udp_pair("udp:127.0.0.1:0");
	assert_int_equal(open_path("sim:block=128K", zcdma_path_find("copy")), 0);
	close(in);
	next_block(&b);
	rc = zc_path_try(path, &b);
	assert_int_equal(rc, -ECONNREFUSED);
	assert_non_null(strstr(zcdma_error(ctx), zcdma_sockname(out, true, (char *)buf, 64)));
	assert_non_null(strstr(zcdma_hint(ctx), "--listen udp:"));
	zcdma_path_close(path);
	path = NULL;

	/* And where the only one to send is the end. */
	assert_int_equal(lab_path(ctx, zcdma_path_find("copy"), src, out, 0, &path), 0);
	assert_int_equal(zc_path_end(path, true, UINT64_MAX), -ECONNREFUSED);
	in = dup(out);
	close_path();
}

static void number_of_sockets(void **state)
{
	int fds[ZCDMA_LISTEN_MOST + 1];
	struct zcdma_receiver *rx;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(zcdma_receiver_open(ctx, fds, 0, &rx), -EINVAL);
	assert_int_equal(zcdma_receiver_open(ctx, fds, ZCDMA_LISTEN_MOST + 1, &rx), -EINVAL);
	assert_int_equal(zcdma_receiver_open(ctx, fds, ZCDMA_LISTEN_MOST, &rx), 0);
	zcdma_receiver_close(rx);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(datagrams_are_whole_v4, make_ctx, free_ctx),
		cmocka_unit_test_setup_teardown(datagrams_are_whole_v6, make_ctx, free_ctx),
		cmocka_unit_test_setup_teardown(sizes_have_a_limit, make_ctx, free_ctx),
		cmocka_unit_test_setup_teardown(streams_have_no_datagrams, make_ctx, free_ctx),
		cmocka_unit_test_setup_teardown(nobody_there_is_an_error, make_ctx, free_ctx),
		cmocka_unit_test_setup_teardown(number_of_sockets, make_ctx, free_ctx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
