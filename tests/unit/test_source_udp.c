// SPDX-License-Identifier: GPL-2.0-only
/* udp: puts the datagrams of one sender one after the other, and finds what is lost by their numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma/util.h>
#include <zcdma/verify.h>

#include "source/source.h"
#include "lab.h"

#define BLOCKS	 16
#define LIMIT_MS 20000 /* for what happens at once on an idle machine */

static struct zcdma_ctx *ctx;
static struct zcdma_source *src;
static int out; /* the sender */
static uint8_t got[1 << 20];
static size_t got_len;

static int setup(void **state)
{
	(void)state;
	src = NULL;
	out = -1;
	got_len = 0;
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	if (out >= 0)
		close(out);
	zcdma_source_close(src);
	zcdma_free(ctx);
	return 0;
}

static struct zcdma_source_info info(void)
{
	struct zcdma_source_info i;

	zcdma_source_get_info(src, &i, sizeof(i));
	return i;
}

static struct zcdma_source_stats stats(void)
{
	struct zcdma_source_stats s;

	zcdma_source_get_stats(src, &s, sizeof(s));
	return s;
}

static int connect_sender(void)
{
	struct zcdma_addr to;
	int fd;

	assert_int_equal(zcdma_addr_parse(ctx, info().listens, &to), 0);
	assert_true(to.udp);
	fd = zcdma_connect(ctx, &to);
	assert_true(fd >= 0);
	return fd;
}

static void open_pair(const char *spec, unsigned uses)
{
	assert_int_equal(lab_open(ctx, spec, uses, &src), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	out = connect_sender();
}

static void send_to(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, 0), len);
}

/* Send @len bytes of the pattern from @offset on. */
static void send_pattern(uint64_t offset, size_t len)
{
	uint8_t data[65507];

	zcdma_pattern_fill(data, len, offset, 0);
	send_to(out, data, len);
}

/* Send a datagram with a @number of 4 bytes, big endian, and text after it. */
static void send_number(uint32_t number, const char *text)
{
	uint8_t data[64];
	const uint32_t be = htonl(number);

	memcpy(data, &be, 4);
	memcpy(data + 4, text, strlen(text));
	send_to(out, data, 4 + strlen(text));
}

static void end_stream(void)
{
	send_to(out, "", 0);
}

static int take(struct zcdma_block *b)
{
	int rc;

	while ((rc = zc_source_take(src, 0, b)) == -EAGAIN && !src->starved)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	return rc;
}

static void put(const struct zcdma_block *b)
{
	zc_source_put(src, b, ZC_PUT_REUSE);
}

/* Take a block into .got. Returns 1, 0 at the end, or a negative errno. */
static int take_bytes(struct zcdma_block *b)
{
	int rc = take(b);

	if (rc != 1)
		return rc;
	assert_true(got_len + b->len <= sizeof(got));
	memcpy(got + got_len, b->data, b->len);
	got_len += b->len;
	put(b);
	return 1;
}

/* Take all to the end of the stream. */
static void take_all(void)
{
	struct zcdma_block b;
	int rc;

	while ((rc = take_bytes(&b)) == 1)
		;
	assert_int_equal(rc, 0);
}

static void assert_got(const char *text)
{
	assert_int_equal(got_len, strlen(text));
	assert_memory_equal(got, text, got_len);
}

static void datagrams_lie_behind_each_other(void **state)
{
	static const size_t sizes[] = { 1400, 1400, 1400,  1400, 1400, 1400, 7,	   1400, 9000,
					1400, 1,    65507, 3,	 1400, 1400, 1400, 1400, 100 };
	char name[64];
	uint64_t at = 0;

	(void)state;
	open_pair("udp:127.0.0.1:0", 0);
	assert_null(info().peer);
	assert_string_equal(info().type, "udp");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		send_pattern(at, sizes[i]);
		at += sizes[i];
	}
	end_stream();
	take_all();
	assert_int_equal(got_len, at);
	assert_int_equal(zcdma_pattern_match(got, got_len, 0, 0), at);
	assert_int_equal(stats().packets.packets, ARRAY_SIZE(sizes));
	assert_int_equal(stats().kernel_copied_bytes, at);
	assert_int_equal(stats().packets.lost, 0);
	assert_true(stats().packets.socket_buffer > 0);
	assert_string_equal(info().peer, zcdma_sockname(out, false, name, sizeof(name)) + 4);
}

static size_t check_merged(uint64_t done, int rc, const struct zcdma_block *b)
{
	if (rc == -EAGAIN)
		return 0;
	assert_int_equal(rc, 1);
	assert_int_equal(b->offset, done);
	assert_int_equal(zcdma_pattern_match(b->data, b->len, done, 0), b->len);
	put(b);
	return b->len;
}

/* What the kernel merged, or did not split, is in its place as it is. */
static void merged_datagrams_are_not_copied(void **state)
{
	const int segment = 1000;
	struct zcdma_block b;
	uint64_t at = 0, done = 0;

	(void)state;
	open_pair("udp:127.0.0.1:0", 0);
	if (setsockopt(out, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		skip();
	for (int i = 0; i < 60; i++, at += 30500) {
		send_pattern(at, 30500);
		done += check_merged(done, zc_source_take(src, 0, &b), &b);
	}
	while (done < at)
		done += check_merged(done, take(&b), &b);
	assert_int_equal(stats().packets.packets, 60 * 31);
	assert_int_equal(stats().copied_bytes, 0);
}

static void heads_go_apart(void **state)
{
	(void)state;
	open_pair("udp:127.0.0.1:0,skip=4", 0);
	for (uint32_t i = 0; i < 40; i++)
		send_number(i, i % 2 ? "odd" : "even");
	end_stream();
	take_all();
	assert_int_equal(got_len, 20 * 7);
	assert_memory_equal(got, "evenodd", 7);
	assert_memory_equal(got + 19 * 7, "evenodd", 7);
}

static void payload_of_one_size_is_in_its_place(void **state)
{
	(void)state;
	open_pair("udp:127.0.0.1:0,skip=4,size=3", 0);
	for (uint32_t i = 0; i < 100; i++)
		send_number(i, "abcTRAILER");
	end_stream();
	take_all();
	assert_int_equal(got_len, 300);
	for (unsigned i = 0; i < 100; i++)
		assert_memory_equal(got + 3 * i, "abc", 3);
	assert_int_equal(stats().copied_bytes, 0);
}

static void what_is_too_short_is_skipped_and_counted(void **state)
{
	(void)state;
	open_pair("udp:127.0.0.1:0,skip=4,size=3", 0);
	send_number(0, "abc");
	send_number(1, "ab");
	send_to(out, "123", 3);
	send_number(2, "def");
	end_stream();
	take_all();
	assert_got("abcdef");
	assert_int_equal(stats().packets.undersized, 2);
	assert_int_equal(stats().packets.packets, 2);
}

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
		assert_int_equal(stats().packets.unnumbered, 0);
		teardown(NULL);
		setup(NULL);
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
	assert_int_equal(take(&b), 0);
	assert_got("abcdefghijklmno");
	assert_int_equal(stats().packets.lost, 498);
}

/* A sender that was started anew begins to count anew, which is no loss. */
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
 * missing is told before the block that follows it.
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
	while ((rc = take(&b)) == 1) {
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
		teardown(NULL);
		setup(NULL);
	}
}

static void another_sender_is_skipped_and_counted(void **state)
{
	int other;

	(void)state;
	open_pair("udp:127.0.0.1:0", 0);
	other = connect_sender();
	/* The mark of a stream that ended before begins nothing. */
	send_to(other, "", 0);
	send_to(out, "one", 3);
	send_to(other, "spam", 4);
	send_to(other, "", 0);
	send_to(out, "two", 3);
	end_stream();
	take_all();
	assert_got("onetwo");
	assert_int_equal(stats().packets.ignored, 1);
	close(other);
}

static void the_sender_may_be_named(void **state)
{
	(void)state;
	open_pair("udp:127.0.0.1:0,source=127.0.0.2", 0);
	send_to(out, "spam", 4);
	close(out);
	out = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(out,
			      (struct sockaddr *)&(struct sockaddr_in){
				      .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) },
			      sizeof(struct sockaddr_in)),
			 0);
	assert_int_equal(connect(out,
				 (struct sockaddr *)&(struct sockaddr_in){
					 .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					 .sin_port = htons((uint16_t)atoi(
						 strrchr(info().listens, ':') + 1)) },
				 sizeof(struct sockaddr_in)),
			 0);
	send_to(out, "good", 4);
	end_stream();
	take_all();
	assert_got("good");
	assert_int_equal(stats().packets.ignored, 0);
	assert_int_equal(stats().packets.others, 1);
}

static void ipv6(void **state)
{
	int rc = lab_open(ctx, "udp:[::1]:0", 0, &src);

	(void)state;
	if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT) {
		src = NULL;
		skip();
	}
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_source_start(src), 0);
	out = connect_sender();
	send_to(out, "six", 3);
	end_stream();
	take_all();
	assert_got("six");
	assert_int_equal(strncmp(info().peer, "[::1]:", 6), 0);
}

/* A slow sender's datagrams go on in time, and a silent one wakes nobody. */
static void slow_data_goes_on(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("udp:127.0.0.1:0", 0);
	for (unsigned i = 0; i < 3; i++) {
		send_to(out, "abc", 3);
		assert_int_equal(take_bytes(&b), 1);
		assert_int_equal(b.len, 3);
	}
	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	while (!zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 200))
		assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
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

static void held_blocks_stay_as_they_are(void **state)
{
	struct zcdma_block held[BLOCKS], b;

	(void)state;
	open_pair("udp:127.0.0.1:0", 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		send_pattern(i * 1000, 1000);
		assert_int_equal(take(&held[i]), 1);
	}
	send_pattern(BLOCKS * 1000, 1000);
	assert_int_equal(take(&b), -EAGAIN);
	assert_true(src->starved);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(zcdma_pattern_match(held[i].data, 1000, held[i].offset, 0), 1000);
	put(&held[3]);
	assert_int_equal(take(&b), 1);
	assert_int_equal(b.index, held[3].index);
	assert_int_equal(zcdma_pattern_match(b.data, b.len, BLOCKS * 1000, 0), 1000);
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
	assert_int_equal(take(&b), 0);
	assert_got("ac");
}

static void refuses(const char *spec, int err, const char *message, const char *hint)
{
	int rc = lab_open(ctx, spec, 0, &src);

	src = rc ? NULL : src;
	assert_int_equal(rc, -err);
	assert_non_null(strstr(zcdma_error(ctx), message));
	if (hint)
		assert_non_null(strstr(zcdma_hint(ctx), hint));
}

static void bad_specs(void **state)
{
	char spec[160];

	(void)state;
	refuses("udp:9000", EINVAL, "it has no port", "udp::9000");
	refuses("udp::0,seq=4", EINVAL, "seq=4 is not valid", "0:4be");
	refuses("udp::0,skip=0", ERANGE, "skip=0 is not valid", "1 to 1024");
	refuses("udp::0,size=70000", ERANGE, "size=70000 is not valid", "65507");
	refuses("udp::0,source=host", EINVAL, "source=host is not valid", "10.0.0.5");
	refuses("udp::0,iface=nosuch0", ENODEV, "no interface nosuch0", "ip -brief link");
	refuses("udp::0,iface=a-name-that-is-too-long", EINVAL, "iface=", NULL);
	refuses("udp::0,buffer=4G", ERANGE, "buffer=4G is not valid", NULL);
	refuses("udp:192.0.2.1:0", EADDRNOTAVAIL, "listen on 192.0.2.1", "this machine");
	refuses("udp::0,port=1", EINVAL, "unknown option port", "skip=");
	out = zcdma_listen(ctx,
			   &(struct zcdma_addr){ .host = "127.0.0.1", .port = "0", .udp = true });
	zcdma_sockname(out, false, spec, sizeof(spec));
	refuses(spec, EADDRINUSE, "in use", "ss -lunp");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(datagrams_lie_behind_each_other),
		TEST(merged_datagrams_are_not_copied),
		TEST(heads_go_apart),
		TEST(payload_of_one_size_is_in_its_place),
		TEST(what_is_too_short_is_skipped_and_counted),
		TEST(numbers_put_datagrams_in_order),
		TEST(numbers_are_found_where_they_are),
		TEST(losses_are_before_a_block),
		TEST(numbers_that_begin_anew),
		TEST(disorder_of_any_kind),
		TEST(another_sender_is_skipped_and_counted),
		TEST(the_sender_may_be_named),
		TEST(ipv6),
		TEST(slow_data_goes_on),
		TEST(a_missing_number_is_not_waited_for_without_end),
		TEST(held_blocks_stay_as_they_are),
		TEST(stop_takes_what_is_there),
		TEST(bad_specs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
