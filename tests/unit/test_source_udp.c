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

#include "udp_source.h"

/* Send @len bytes of the pattern from @offset on. */
static void send_pattern(uint64_t offset, size_t len)
{
	uint8_t data[65507];

	zcdma_pattern_fill(data, len, offset, 0);
	send_to(out, data, len);
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
	/* Nothing numbers them. */
	assert_true(stats().packets.lost == ZCDMA_UNKNOWN);
	assert_true(stats().lost_bytes == ZCDMA_UNKNOWN);
	assert_non_null(strstr(stats().loss_reason, "without numbers"));
	assert_true(stats().packets.missing_bytes == ZCDMA_UNKNOWN);
	assert_true(stats().packets.socket_buffer > 0);
	assert_string_equal(info().peer, zcdma_sockname(out, false, name, sizeof(name)) + 4);
	/* Each has another size than the one before. */
	assert_true(stats().copied_bytes > 0);
	assert_non_null(strstr(stats().copies_reason, "in another size than was expected"));
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
		done += check_merged(done, take(0, &b), &b);
	assert_int_equal(stats().packets.packets, 60 * 31);
	assert_int_equal(stats().copied_bytes, 0);
	assert_null(stats().copies_reason);
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
	assert_int_equal(stats().packets.shortened, 100);
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
	assert_int_equal(stats().packets.shortened, 0);
}

static void another_sender_is_skipped_and_counted(void **state)
{
	int other;

	(void)state;
	open_pair("udp:127.0.0.1:0", 0);
	other = connect_to(info().listens);
	assert_true(other >= 0);
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
	assert_int_equal(stats().packets.unwanted, 1);
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
	out = connect_to(info().listens);
	assert_true(out >= 0);
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
	assert_asleep();
}

static void held_blocks_stay_as_they_are(void **state)
{
	struct zcdma_block held[BLOCKS], b;

	(void)state;
	open_pair("udp:127.0.0.1:0", 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		send_pattern(i * 1000, 1000);
		assert_int_equal(take(0, &held[i]), 1);
	}
	send_pattern(BLOCKS * 1000, 1000);
	assert_int_equal(take(0, &b), -EAGAIN);
	assert_true(src->starved);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(zcdma_pattern_match(held[i].data, 1000, held[i].offset, 0), 1000);
	put(&held[3]);
	assert_int_equal(take(0, &b), 1);
	assert_int_equal(b.index, held[3].index);
	assert_int_equal(zcdma_pattern_match(b.data, b.len, BLOCKS * 1000, 0), 1000);
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
	refuses("udp::0,other=1", EINVAL, "unknown option other", "skip=");
	refuses("udp::0,port=1", EINVAL, "port= is not for a receiver over UDP", "HOST:PORT");
	out = zcdma_listen(ctx,
			   &(struct zcdma_addr){ .host = "127.0.0.1", .port = "0", .udp = true });
	zcdma_sockname(out, false, spec, sizeof(spec));
	refuses(spec, EADDRINUSE, "in use", "ss -lunp");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)
	const struct CMUnitTest tests[] = {
		TEST(datagrams_lie_behind_each_other),
		TEST(merged_datagrams_are_not_copied),
		TEST(heads_go_apart),
		TEST(payload_of_one_size_is_in_its_place),
		TEST(what_is_too_short_is_skipped_and_counted),
		TEST(another_sender_is_skipped_and_counted),
		TEST(the_sender_may_be_named),
		TEST(ipv6),
		TEST(slow_data_goes_on),
		TEST(held_blocks_stay_as_they_are),
		TEST(bad_specs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
