/* SPDX-License-Identifier: GPL-2.0-only */
/* Datagrams: what a check makes of those that came, and how a path cuts blocks into them. */
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

#include "verify/check.h"
#include "internal.h"
#include "lab.h"

#define SEED 5

static struct zcdma_ctx *ctx;
static struct zcdma_check *check;
static uint8_t buf[65536];

static int setup(void **state)
{
	(void)state;
	return zcdma_new(&ctx) || zcdma_check_datagrams(ctx, SEED, &check);
}

static int teardown(void **state)
{
	(void)state;
	zcdma_check_free(check);
	zcdma_free(ctx);
	return 0;
}

/*
 * The check
 */

static void feed(uint64_t offset, size_t len)
{
	zcdma_pattern_fill(buf, len, offset, SEED);
	assert_int_equal(zcdma_check_feed(check, buf, len), 0);
}

/* So far; and the end may not change it. */
static struct zcdma_check_result result(void)
{
	struct zcdma_check_result before, after;

	zcdma_check_get_result(check, &before);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	return after;
}

static void all_in_order(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	for (uint64_t at = 0; at < 1001 * 100; at += 1001)
		feed(at, 1001);
	feed(1001 * 100, 3);
	r = result();
	assert_int_equal(r.datagrams, 101);
	assert_int_equal(r.datagram_bytes, 1001);
	assert_int_equal(r.bytes, 100103);
	assert_int_equal(r.end_offset, 100103);
	assert_int_equal(r.lost_bytes + r.lost + r.late + r.duplicates + r.faults + r.unplaced, 0);
}

static void lost_ones_are_counted(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(2000, 1000); /* two lost */
	feed(3000, 1000);
	feed(7001, 1000); /* a bit more than three */
	r = result();
	assert_int_equal(r.lost_bytes, 2000 + 3001);
	assert_int_equal(r.lost, 2 + 4);
	assert_int_equal(r.end_offset, 8001);
	assert_int_equal(r.faults + r.late + r.duplicates, 0);
}

static void late_ones_are_not_lost(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	feed(5000, 1000);
	feed(2000, 1000); /* in the middle of the hole */
	feed(1000, 1000); /* its beginning */
	feed(3000, 500);
	feed(3500, 1000); /* leaves 500 */
	r = result();
	assert_int_equal(r.late, 4);
	assert_int_equal(r.lost_bytes, 500);
	assert_int_equal(r.lost, 1);
	assert_int_equal(r.duplicates + r.faults, 0);
}

static void twice_is_counted(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	feed(0, 1000);
	feed(1000, 1000);
	feed(3000, 1000);
	feed(500, 1000);
	feed(1500, 1000); /* 500 of it are new: late */
	r = result();
	assert_int_equal(r.duplicates, 2);
	assert_int_equal(r.duplicate_bytes, 2000);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.lost_bytes, 500);
	assert_int_equal(r.faults, 0);
}

/* More holes than are remembered: the sums stay right. */
static void holes_without_end(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		feed((2 * i + 1) * 100, 100);
	feed(0, 100);		       /* long forgotten, so it stays lost */
	feed(2 * 4999 * 100, 100);     /* known */
	feed(2 * 4990 * 100 + 40, 30); /* makes two of one */
	r = result();
	assert_int_equal(r.lost_bytes, 499900 - 30);
	assert_int_equal(r.lost, 4999 + 1);
	assert_int_equal(r.late, 3);
	assert_int_equal(r.faults, 0);
}

/* A check with little memory, or without any, forgets holes sooner; what is lost is counted all the same. */
static void memory_has_a_limit(void **state)
{
	static const uint64_t most[] = { 0, 100, 2000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
		struct zc_budget budget = { .most = most[i] };
		struct zcdma_check_result r;

		zcdma_check_free(check);
		assert_int_equal(zcdma_check_datagrams(ctx, SEED, &check), 0);
		check->budget = &budget;
		for (uint64_t n = 0; n < 2000; n += 2) {
			feed(n * 1000, 1000);
			assert_true(budget.used <= budget.most);
		}
		/* Late, and twice: whether it was lost is not known any more. */
		feed(1000, 1000);
		feed(0, 1000);
		zcdma_check_get_result(check, &r);
		assert_int_equal(r.faults, 0);
		assert_int_equal(r.lost, 999);
		assert_int_equal(r.lost_bytes, 999 * 1000);
		zcdma_check_free(check);
		check = NULL;
		assert_int_equal(budget.used, 0);
	}
}

static void garbage_is_wrong(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	memset(buf, 0xee, 1000);
	zcdma_check_feed(check, buf, 1000);
	feed(1000, 1000);
	r = result();
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.bad_bytes, 1000);
	assert_int_equal(r.first.kind, ZCDMA_FAULT_GARBAGE);
	assert_int_equal(r.first.position, 1000);
	assert_int_equal(r.first.length, 1000);
	assert_int_equal(r.lost_bytes, 0);
}

static void a_wrong_byte_is_found(void **state)
{
	(void)state;
	for (size_t at = 0; at < 1000; at += 37) {
		struct zcdma_check_result r;

		teardown(NULL);
		setup(NULL);
		feed(0, 1000);
		zcdma_pattern_fill(buf, 1000, 1000, SEED);
		buf[at] ^= 0x40;
		zcdma_check_feed(check, buf, 1000);
		feed(2000, 1000);
		r = result();
		assert_in_range(r.faults, 1, 2);
		assert_in_range(r.bad_bytes, 1, 31);
		assert_in_range(r.first.position, 1000 + at - zc_min(at, 16), 1000 + at);
		assert_int_equal(r.lost_bytes + r.late + r.duplicates, 0);
	}
}

/* A datagram that holds data of two places: the longer part is where it belongs. */
static void mixed_ones_are_wrong(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 4000);
	zcdma_pattern_fill(buf, 4000, 4000, SEED);
	zcdma_pattern_fill(buf + 3000, 1000, 3000, SEED);
	zcdma_check_feed(check, buf, 4000);
	zcdma_pattern_fill(buf, 4000, 8000, SEED);
	zcdma_pattern_fill(buf, 1000, 1 << 20, SEED);
	zcdma_check_feed(check, buf, 4000);
	feed(12000, 4000);
	r = result();
	assert_int_equal(r.faults, 2);
	assert_int_equal(r.kind[ZCDMA_FAULT_STALE].bytes, 1000);
	assert_int_equal(r.first.kind, ZCDMA_FAULT_STALE);
	assert_int_equal(r.first.position, 7000);
	assert_int_equal(r.first.distance, 4000);
	assert_int_equal(r.kind[ZCDMA_FAULT_OVERWRITTEN].bytes, 1000);
	assert_int_equal(r.lost_bytes + r.late + r.duplicates, 0);
	assert_int_equal(r.end_offset, 16000);
}

static void short_ones_cannot_be_placed(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 1000);
	feed(1000, 5); /* where it is expected it is right */
	feed(2000, 5); /* not placed after a loss */
	feed(8, 23);   /* long enough, wherever it begins */
	r = result();
	assert_int_equal(r.unplaced, 1);
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.faults, 0);
	assert_int_equal(r.end_offset, 1005);
}

/* Datagrams of @len bytes from @from to @to, but for the @skip-th. */
static void feed_short(uint64_t from, uint64_t to, size_t len, uint64_t skip)
{
	for (uint64_t i = 0; from + (i + 1) * len <= to; i++) {
		if (i != skip)
			feed(from + i * len, len);
	}
}

/* A few that follow on each other tell together where they belong, whatever their length. */
static void short_ones_are_placed_again(void **state)
{
	(void)state;
	for (size_t len = 1; len < 23; len++) {
		struct zcdma_check_result r;

		teardown(NULL);
		setup(NULL);
		feed(0, 24); /* so that the byte that is lost is not a zero */
		feed_short(24, 24 + 400 * len, len, 8);
		r = result();
		assert_int_equal(r.faults, 0);
		assert_int_equal(r.unplaced, 0);
		assert_int_equal(r.end_offset, 24 + 400 * len);
		assert_int_equal(r.lost_bytes, len);
	}
}

static void short_ones_are_checked_after_a_loss(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed_short(0, 1200, 12, 5);
	zcdma_pattern_fill(buf, 12, 1200, SEED);
	buf[3] ^= 1;
	zcdma_check_feed(check, buf, 12);
	feed_short(1212, 2400, 12, UINT64_MAX);
	r = result();
	assert_int_equal(r.unplaced, 1);
	assert_int_equal(r.lost_bytes, 12 + 12); /* what was in the wrong one has not come */
	assert_int_equal(r.end_offset, 2400);
}

static void short_ones_may_be_late_or_come_twice(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed_short(0, 1200, 12, 50);
	feed(24, 12);	   /* twice */
	feed(50 * 12, 12); /* late */
	feed(1212, 12);	   /* swapped with ... */
	feed(1200, 12);	   /* ... the last but one */
	r = result();
	assert_int_equal(r.unplaced + r.faults, 0);
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.lost_bytes, 0);
	assert_int_equal(r.end_offset, 1224);
}

/* One right datagram makes no stream of what comes after it. */
static void short_garbage_is_not_placed(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	srand(2);
	feed(0, 16);
	for (unsigned i = 0; i < 12500; i++) {
		for (unsigned k = 0; k < 16; k++)
			buf[k] = (uint8_t)rand();
		zcdma_check_feed(check, buf, 16);
	}
	r = result();
	assert_int_equal(r.unplaced, 12500);
	assert_int_equal(r.end_offset, 16);
}

static void any_length_at_any_place_is_found(void **state)
{
	struct zcdma_check_result r;
	uint64_t n = 0;

	(void)state;
	feed(0, 1);
	for (uint64_t at = 2000; at > 1000; at--, n++)
		feed(at, 23 + at % 7);
	/* 255 in the lowest byte before a word, and words that differ in their high bytes. */
	for (uint64_t at = 8 * 0xfff0; at < 8 * 0x10010; at += 3, n++)
		feed(at, 64);
	r = result();
	assert_int_equal(r.datagrams, n + 1);
	assert_int_equal(r.faults + r.unplaced, 0);
	assert_int_equal(r.end_offset, 8 * 0x10010 - 1 + 64);
}

static void offsets_that_cannot_be(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	feed(0, 100);
	feed((UINT64_C(1) << 60) - 4096, 100); /* may be */
	feed(100, 100);
	memset(buf, 0xff, 100);
	zcdma_check_feed(check, buf, 100);
	feed(UINT64_MAX - 4095, 100);
	r = result();
	assert_int_equal(r.lost_bytes, (UINT64_C(1) << 60) - 4096 - 200);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.kind[ZCDMA_FAULT_GARBAGE].bytes, 200);
}

static void another_seed_is_recognized(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	zcdma_pattern_fill(buf, 1000, 0, 7777);
	zcdma_check_feed(check, buf, 1000);
	r = result();
	assert_true(r.faults && r.other_seed);
	assert_int_equal(r.seed, 7777);
}

/* Whatever comes, the check ends, and its sums add up. */
static void anything_may_come(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)rand() % 300, cut = len ? (size_t)rand() % len : 0;

		zcdma_pattern_fill(buf, len, (uint64_t)rand() % 100000, SEED);
		zcdma_pattern_fill(buf + cut, len - cut, (uint64_t)rand() % 100000, SEED);
		if (len)
			buf[(size_t)rand() % len] = (uint8_t)rand();
		assert_int_equal(zcdma_check_feed(check, buf, len), 0);
	}
	r = result();
	assert_true(r.bad_bytes < r.bytes);
	assert_true(r.lost_bytes < r.end_offset);
	assert_true(r.duplicates + r.late + r.unplaced <= r.datagrams);
}

/*
 * Paths
 */

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

/* 0, or what lab_path() says. */
static int open_path(const char *spec, const struct zcdma_path_type *type)
{
	assert_int_equal(lab_open(ctx, spec, ZC_USE_REPLACE | ZC_USE_FD, &src), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	path = NULL;
	return lab_path(ctx, type, src, out, ZCDMA_FALLBACK_KEEP, &path);
}

/* Take the datagrams of one block of @len bytes from @offset on: their sizes and their data. */
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

/* False: this kernel would cut the datagrams up, which shows when the first is to go. */
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
		assert_int_equal(zc_path_end(path, true), 0);
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

/* Each path that sends to UDP keeps the borders of datagrams, of whatever size. */
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
	assert_int_equal(zc_path_end(path, true), -ECONNREFUSED);
	in = dup(out);
	close_path();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_ones_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(late_ones_are_not_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(twice_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(holes_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_is_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_byte_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(mixed_ones_are_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(short_ones_cannot_be_placed, setup, teardown),
		cmocka_unit_test_setup_teardown(short_ones_are_placed_again, setup, teardown),
		cmocka_unit_test_setup_teardown(short_ones_are_checked_after_a_loss, setup,
						teardown),
		cmocka_unit_test_setup_teardown(short_ones_may_be_late_or_come_twice, setup,
						teardown),
		cmocka_unit_test_setup_teardown(short_garbage_is_not_placed, setup, teardown),
		cmocka_unit_test_setup_teardown(any_length_at_any_place_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(offsets_that_cannot_be, setup, teardown),
		cmocka_unit_test_setup_teardown(another_seed_is_recognized, setup, teardown),
		cmocka_unit_test_setup_teardown(anything_may_come, setup, teardown),
		cmocka_unit_test_setup_teardown(datagrams_are_whole_v4, setup, teardown),
		cmocka_unit_test_setup_teardown(datagrams_are_whole_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes_have_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(streams_have_no_datagrams, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_there_is_an_error, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
