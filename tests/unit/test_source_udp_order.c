// SPDX-License-Identifier: GPL-2.0-only
/* udp: with numbered datagrams: puts them in order, and finds what is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>

#include "udp_source.h"

static void numbers_put_datagrams_in_order(void **state)
{
	static const uint32_t order[] = { 7, 9, 8, 10, 10, 12, 14, 13, 11, 15, 9 };

	(void)state;
	open_pair("udp:127.0.0.1:0,seq=0:4be,skip=4", 0);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const char text[] = { (char)('a' + order[i]), '\0' };

		send_number(order[i], text);
	}
	end_stream();
	take_all();
	assert_got("hijklmnop");
	assert_int_equal(stats().packets.lost, 0);
	assert_int_equal(stats().packets.duplicates, 2);
	assert_true(stats().packets.reordered >= 4);
}

/* The number may be in the part that stays, in that which goes, or in both. */
static void numbers_are_found_where_they_are(void **state)
{
	static const char *const specs[] = { "udp:127.0.0.1:0,seq=2:2be",
					     "udp:127.0.0.1:0,seq=2:2be,skip=3",
					     "udp:127.0.0.1:0,seq=2:2be,skip=4",
					     "udp:127.0.0.1:0,seq=3:1le,skip=1,size=4" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		open_pair(specs[i], 0);
		send_number(1, "a");
		send_number(3, "c");
		send_number(4, "d");
		end_stream();
		take_all();
		assert_int_equal(stats().packets.lost, 1);
		/* Where each has the same size it is known how much was lost. */
		assert_int_equal(stats().lost_bytes, strstr(specs[i], "size=") ? 4 : ZCDMA_UNKNOWN);
		assert_int_equal(stats().packets.unnumbered, 0);
		got_len = 0;
		begin_anew();
	}
}

static void losses_are_before_a_block(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("udp:127.0.0.1:0,seq=0:4be,skip=4,size=3", 0);
	send_number(UINT32_MAX - 1, "abc");
	send_number(UINT32_MAX, "def");
	/* 0 and 1 are lost, over the wrap. */
	send_number(2, "ghi");
	send_number(3, "jkl");
	send_number(500, "mno");
	end_stream();
	assert_int_equal(take_bytes(&b), 1);
	assert_int_equal(b.len, 6);
	assert_int_equal(b.flags, 0);
	assert_int_equal(take_bytes(&b), 1);
	assert_int_equal(b.len, 6);
	assert_int_equal(b.flags, ZCDMA_BLOCK_LOST);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 2);
	assert_int_equal(b.offset, 6 + 2 * 3);
	assert_int_equal(take_bytes(&b), 1);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 496);
	assert_int_equal(b.offset, 18 + 496 * 3);
	assert_int_equal(take(0, &b), 0);
	assert_got("abcdefghijklmno");
	assert_int_equal(stats().packets.lost, 498);
	assert_int_equal(stats().lost_bytes, 498 * 3);
	assert_null(stats().loss_reason);
}

/* A sender that was started anew begins to count anew, which is not a loss. */
static void numbers_that_begin_anew(void **state)
{
	(void)state;
	open_pair("udp:127.0.0.1:0,seq=0:4be,skip=4", 0);
	send_number(100000, "a");
	send_number(100001, "b");
	send_number(0, "c");
	send_number(1, "d");
	end_stream();
	take_all();
	assert_got("abcd");
	assert_int_equal(stats().packets.lost, 0);
	assert_int_equal(stats().packets.restarts, 1);
}

/*
 * Numbered datagrams of any size, some of them lost, twice, or late by up to 20: what comes is in order, and what is
 * missing is noted in the block that follows it.
 */
#define MANY  3000
#define GROUP 60u

static size_t length_of(uint32_t number)
{
	return 8 + number * 2654435761u % (number % 50 ? 90 : 3000);
}

static void send_numbered(uint32_t number)
{
	uint8_t data[4096];
	const uint32_t le = number; /* little endian, as the test machine is */

	memset(data, (int)(number % 251), sizeof(data));
	memcpy(data + 4, &le, 4);
	send_to(out, data, length_of(number));
}

struct checker {
	uint32_t next;
	uint64_t lost;
	const bool *sent;
};

/* Check the datagrams in a block, which have to be whole and in order. */
static void check_block(struct checker *c, const struct zcdma_block *b)
{
	const uint8_t *p = b->data, *end = p + b->len;

	assert_int_equal(!!b->lost[ZCDMA_LOST_NETWORK].count, b->flags & ZCDMA_BLOCK_LOST);
	for (uint64_t i = 0; i < b->lost[ZCDMA_LOST_NETWORK].count; i++)
		assert_false(c->sent[c->next++]);
	c->lost += b->lost[ZCDMA_LOST_NETWORK].count;
	while (p < end) {
		uint32_t number;

		memcpy(&number, p + 4, 4);
		assert_int_equal(number, c->next);
		assert_true(c->sent[number]);
		for (size_t i = 8; i < length_of(number); i++)
			assert_int_equal(p[i], number % 251);
		p += length_of(number);
		c->next++;
	}
	assert_ptr_equal(p, end);
}

/* When a number is sent: later than its place in the order by at most 20. */
struct sending {
	uint32_t when, number;
};

static int by_time(const void *a, const void *b)
{
	const struct sending *x = a, *y = b;

	return (x->when > y->when) - (x->when < y->when);
}

static void check_disorder(unsigned seed)
{
	static bool sent[MANY + 1];
	static struct sending order[2 * MANY];
	struct checker c = { .sent = sent };
	struct zcdma_block b;
	unsigned n = 0, lost = 0;
	int rc;

	srand(seed);
	for (uint32_t i = 0; i < MANY; i++) {
		sent[i] = !i || rand() % 20 || i == MANY - 1;
		lost += !sent[i];
		for (int copies = !sent[i] ? 0 : rand() % 15 ? 1 : 2; copies; copies--) {
			uint32_t when = i ? i + (uint32_t)rand() % 20 : 0;

			order[n++] =
				(struct sending){ zc_min(when, i / GROUP * GROUP + GROUP - 1), i };
		}
	}
	qsort(order, n, sizeof(*order), by_time);
	assert_int_equal(order[0].number, 0);
	open_pair("udp:127.0.0.1:0,seq=4:4le", 0);
	for (unsigned i = 0; i < n; i++) {
		send_numbered(order[i].number);
		/* What is late comes before its group ends, so that nothing is waited for now, however slow this is. */
		if (i + 1 < n && order[i].when / GROUP == order[i + 1].when / GROUP)
			continue;
		while ((rc = zc_source_take(src, 0, &b)) == 1) {
			check_block(&c, &b);
			put(&b);
		}
		assert_int_equal(rc, -EAGAIN);
	}
	end_stream();
	while ((rc = take(0, &b)) == 1) {
		check_block(&c, &b);
		put(&b);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(stats().packets.dropped, 0);
	assert_int_equal(stats().packets.overflows, 0);
	assert_int_equal(c.next, MANY);
	assert_int_equal(c.lost, lost);
	assert_int_equal(stats().packets.lost, lost);
}

static void disorder_of_any_kind(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 9; seed++) {
		check_disorder(seed);
		got_len = 0;
		begin_anew();
	}
}

static void a_missing_number_is_not_waited_for_without_end(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("udp:127.0.0.1:0,seq=0:4be,skip=4", 0);
	send_number(1, "a");
	send_number(3, "c");
	assert_int_equal(take_bytes(&b), 1);
	assert_int_equal(take_bytes(&b), 1);
	assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 1);
	assert_got("ac");
}

static void stop_takes_what_is_there(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("udp:127.0.0.1:0,seq=0:4be,skip=4", 0);
	send_number(1, "a");
	send_number(3, "c");
	zcdma_source_stop(src);
	assert_int_equal(take_bytes(&b), 1);
	assert_int_equal(take_bytes(&b), 1);
	assert_int_equal(take(0, &b), 0);
	assert_got("ac");
}

/* What was lost after the last block has no block to be noted in, and is reported all the same. */
static void losses_after_the_last_block(void **state)
{
	static const char *const specs[] = { "udp:127.0.0.1:0,seq=0:4be,skip=4,size=3",
					     "udp:127.0.0.1:0,seq=0:4be,skip=4" };
	struct zcdma_block b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		open_pair(specs[i], 0);
		send_number(1, "abc");
		send_number(2, "def");
		send_number(5, "ghi");
		zcdma_source_stop(src);
		assert_int_equal(take_bytes(&b), 1);
		assert_int_equal(stats().packets.lost, 2);
		assert_int_equal(stats().lost_bytes, i ? ZCDMA_UNKNOWN : 6);
		take_all();
		assert_int_equal(stats().lost_bytes, i ? ZCDMA_UNKNOWN : 6);
		begin_anew();
	}
}

/* Numbers do not show what was dropped after the last of them. */
static void drops_that_no_number_shows(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("udp:127.0.0.1:0,seq=0:4be,skip=4,size=3,buffer=4K", 0);
	for (uint32_t i = 0; i < 2000; i++)
		send_number(i, "abc");
	zcdma_source_stop(src);
	while (take_bytes(&b) == 1)
		;
	assert_true(stats().packets.dropped > 0);
	assert_int_equal(stats().packets.lost, 0);
	assert_int_equal(stats().lost_bytes, ZCDMA_UNKNOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)
	const struct CMUnitTest tests[] = {
		TEST(numbers_put_datagrams_in_order),
		TEST(numbers_are_found_where_they_are),
		TEST(losses_are_before_a_block),
		TEST(numbers_that_begin_anew),
		TEST(disorder_of_any_kind),
		TEST(a_missing_number_is_not_waited_for_without_end),
		TEST(stop_takes_what_is_there),
		TEST(losses_after_the_last_block),
		TEST(drops_that_no_number_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
