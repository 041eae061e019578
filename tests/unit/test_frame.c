// SPDX-License-Identifier: GPL-2.0-only
/* Frames taken apart: every link layer, what can stand between it and the payload, and what is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pcap/dlt.h>

#include "frames.h"

static struct zc_frame parse(int linktype, const struct bytes *b)
{
	return parse_frame(linktype, b->at, b->len, b->len);
}

static void assert_udp(const struct zc_frame *f, int version, const char *payload)
{
	assert_int_equal(f->kind, ZC_FRAME_UDP);
	assert_int_equal(f->version, version);
	assert_int_equal(f->sport, 1000);
	assert_int_equal(f->dport, 2000);
	assert_int_equal(f->len, strlen(payload));
	assert_int_equal(f->captured, strlen(payload));
	assert_memory_equal(f->payload, payload, f->len);
	assert_int_equal(f->src[version == 4 ? 3 : 15], 1);
	assert_int_equal(f->dst[version == 4 ? 3 : 15], 2);
}

static void link_layers(void **state)
{
	static const struct {
		int linktype;
		const char *header;
		uint32_t len;
		bool v6;
	} cases[] = {
		{ DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\x00", 14, false },
		{ DLT_EN10MB, "\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd", 14, true },
		{ DLT_LINUX_SLL, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\x00", 16, false },
		{ DLT_LINUX_SLL, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\5\x86\xdd", 20, true },
		{ DLT_LINUX_SLL2, "\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20, false },
		{ DLT_LINUX_SLL2, "\x86\xdd\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20, true },
		{ DLT_RAW, "", 0, false },
		{ DLT_RAW, "", 0, true },
		{ DLT_IPV4, "", 0, false },
		{ DLT_IPV6, "", 0, true },
		{ DLT_NULL, "\2\0\0\0", 4, false },
		{ DLT_NULL, "\0\0\0\2", 4, false },
		{ DLT_NULL, "\x1e\0\0\0", 4, true },
		{ DLT_NULL, "\0\0\0\x18", 4, true },
		{ DLT_LOOP, "\0\0\0\x1c", 4, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = { .len = 0 };
		struct zc_frame f;

		assert_true(zc_frame_knows(cases[i].linktype));
		put(&b, cases[i].header, cases[i].len);
		if (cases[i].v6)
			put_ipv6(&b, IPPROTO_UDP, 8 + 5);
		else
			put_ipv4(&b, IPPROTO_UDP, 8 + 5, 0);
		put_udp(&b, "hello", 5);
		f = parse(cases[i].linktype, &b);
		assert_udp(&f, cases[i].v6 ? 6 : 4, "hello");
	}
	assert_false(zc_frame_knows(DLT_USER0));
}

static void vlan_tags(void **state)
{
	static const uint16_t tags[] = { 0x8100, 0x88a8, 0x9100, 0x8100 };

	(void)state;
	for (size_t n = 1; n <= 4; n++) {
		struct bytes b = { .len = 0 };
		struct zc_frame f;

		put_ethernet(&b, tags[0]);
		for (size_t i = 1; i <= n; i++) {
			put16(&b, 100);
			put16(&b, i < n ? tags[i] : 0x0800);
		}
		put_ipv4(&b, IPPROTO_UDP, 8 + 2, 0);
		put_udp(&b, "ab", 2);
		f = parse(DLT_EN10MB, &b);
		assert_udp(&f, 4, "ab");
	}
}

/* Check the length 0 of a packet that is longer than its field can say, before a card cuts it up. */
static void ipv6_of_any_length(void **state)
{
	struct bytes b = { .len = 0 };
	struct zc_frame f;

	(void)state;
	put_ethernet(&b, 0x86dd);
	set16(put_ipv6(&b, IPPROTO_UDP, 8 + 2) + 4, 0);
	put_udp(&b, "ab", 2);
	f = parse(DLT_EN10MB, &b);
	assert_udp(&f, 6, "ab");
}

static void tcp_with_options(void **state)
{
	struct bytes b = { .len = 0 };
	struct zc_frame f;

	(void)state;
	put_ipv4(&b, IPPROTO_TCP, 20 + 12 + 4, 10);
	put_tcp(&b, 3, "data", 4);
	f = parse(DLT_RAW, &b);
	assert_int_equal(f.kind, ZC_FRAME_TCP);
	assert_int_equal(f.seq, 0x01020304);
	assert_int_equal(f.ack, 0x05060708);
	assert_int_equal(f.flags, TH_PUSH | TH_ACK);
	assert_int_equal(f.sport, 1000);
	assert_int_equal(f.len, 4);
	assert_memory_equal(f.payload, "data", 4);
	assert_int_equal(f.dst[3], 2);
	for (int i = 4; i < 16; i++)
		assert_int_equal(f.src[i] | f.dst[i], 0);
}

/* Ethernet fills a frame up to 60 bytes, and some interfaces leave its checksum there. */
static void padding_is_no_payload(void **state)
{
	struct bytes b = { .len = 0 };
	struct zc_frame f;

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, IPPROTO_UDP, 8 + 1, 0);
	put_udp(&b, "x", 1);
	put(&b, "paddingpaddingpadding", 21);
	f = parse(DLT_EN10MB, &b);
	assert_udp(&f, 4, "x");

	b.len = 0;
	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, IPPROTO_TCP, 20);
	put_tcp(&b, 0, "", 0);
	put(&b, "fcs!", 4);
	f = parse(DLT_EN10MB, &b);
	assert_int_equal(f.kind, ZC_FRAME_TCP);
	assert_int_equal(f.len, 0);
	assert_int_equal(f.captured, 0);
}

/* Check that the UDP length ends the payload, and that one beyond the IP packet or below 8 is malformed. */
static void udp_length_rules(void **state)
{
	struct bytes b = { .len = 0 };
	struct zc_frame f;
	uint8_t *udp;

	(void)state;
	put_ipv4(&b, IPPROTO_UDP, 8 + 6, 0);
	udp = put_udp(&b, "abcdef", 6);
	set16(udp + 4, 8 + 3);
	f = parse(DLT_RAW, &b);
	assert_udp(&f, 4, "abc");
	set16(udp + 4, 8 + 7);
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
	set16(udp + 4, 7);
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
}

static void ipv4_fragments(void **state)
{
	static const uint16_t fields[] = { 0x2000, 0x0001, 0x1fff, 0x2005 };
	struct bytes b = { .len = 0 };
	struct zc_frame f;
	uint8_t *ip;

	(void)state;
	ip = put_ipv4(&b, IPPROTO_UDP, 8 + 1, 0);
	put_udp(&b, "x", 1);
	for (size_t i = 0; i < 4; i++) {
		set16(ip + 6, fields[i]);
		f = parse(DLT_RAW, &b);
		assert_int_equal(f.kind, ZC_FRAME_FRAGMENT);
		assert_int_equal(f.version, 4);
	}
	set16(ip + 6, 0x4000); /* DF is set: not a fragment */
	f = parse(DLT_RAW, &b);
	assert_udp(&f, 4, "x");
}

static struct zc_frame with_extension(uint8_t kind, const void *header, uint32_t len)
{
	static struct bytes b;

	b.len = 0;
	put_ipv6(&b, kind, len + 8 + 1);
	put(&b, header, len);
	put_udp(&b, "x", 1);
	return parse(DLT_RAW, &b);
}

static void ipv6_extensions(void **state)
{
	struct zc_frame f;

	(void)state;
	f = with_extension(IPPROTO_HOPOPTS, "\x11\0\1\4\0\0\0\0", 8);
	assert_udp(&f, 6, "x");
	f = with_extension(IPPROTO_DSTOPTS, "\x11\1\1\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_udp(&f, 6, "x");
	f = with_extension(IPPROTO_HOPOPTS, "\x3c\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", 16);
	assert_udp(&f, 6, "x");
	/* AH counts words of four bytes, and two of them less. */
	f = with_extension(IPPROTO_AH, "\x11\4\0\0\0\0\0\1\0\0\0\1abcdefghijkl", 24);
	assert_udp(&f, 6, "x");
	/* An atomic fragment is whole; one with more to come, or not the first, is not. */
	f = with_extension(IPPROTO_FRAGMENT, "\x11\0\0\0\0\0\0\7", 8);
	assert_udp(&f, 6, "x");
	f = with_extension(IPPROTO_FRAGMENT, "\x11\0\0\1\0\0\0\7", 8);
	assert_int_equal(f.kind, ZC_FRAME_FRAGMENT);
	f = with_extension(IPPROTO_FRAGMENT, "\x11\0\0\x08\0\0\0\7", 8);
	assert_int_equal(f.kind, ZC_FRAME_FRAGMENT);
	/* Longer than the packet. */
	f = with_extension(IPPROTO_HOPOPTS, "\x11\xff\1\4\0\0\0\0", 8);
	assert_int_equal(f.kind, ZC_FRAME_MALFORMED);
}

/* Check packets of more than 64 KiB, whose length fields are 0. */
static void big_packets(void **state)
{
	static struct bytes b;
	static const uint8_t data[65536];
	struct zc_frame f;

	(void)state;
	put_ipv4(&b, IPPROTO_TCP, 20 + sizeof(data), 0);
	set16(b.at + 2, 0);
	put_tcp(&b, 0, data, sizeof(data));
	f = parse(DLT_RAW, &b);
	assert_int_equal(f.kind, ZC_FRAME_TCP);
	assert_int_equal(f.len, 65536);

	b.len = 0;
	put_ipv6(&b, IPPROTO_HOPOPTS, 0);
	put(&b, "\x06\0\xc2\x04\0\1\0\x1c", 8); /* the jumbo payload option */
	put_tcp(&b, 0, data, sizeof(data));
	f = parse(DLT_RAW, &b);
	assert_int_equal(f.kind, ZC_FRAME_TCP);
	assert_int_equal(f.len, 65536);
	assert_int_equal(f.captured, 65536);
}

/* Check every snap length: the result holds what the captured headers say, and nothing else. */
static void cut_frames(void **state)
{
	struct bytes b = { .len = 0 };

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, IPPROTO_TCP, 20 + 4 + 10, 1);
	put_tcp(&b, 1, "0123456789", 10);
	for (uint32_t captured = 0; captured <= b.len; captured++) {
		const uint32_t headers = 14 + 24 + 20, payload = headers + 4;
		struct zc_frame f = parse_frame(DLT_EN10MB, b.at, captured, b.len);

		assert_int_equal(f.kind, captured < headers ? ZC_FRAME_CUT : ZC_FRAME_TCP);
		if (captured < headers)
			continue;
		assert_int_equal(f.len, 10);
		assert_int_equal(f.captured, captured < payload ? 0 : captured - payload);
		assert_true(f.payload + f.captured == b.at + captured);
		assert_int_equal(zc_frame_checksum(&f) == ZC_CHECKSUM_UNKNOWN, captured < b.len);
	}
}

static void contradictions(void **state)
{
	struct bytes b = { .len = 0 };
	uint8_t *ip, *tcp;

	(void)state;
	ip = put_ipv4(&b, IPPROTO_TCP, 20 + 4, 0);
	tcp = put_tcp(&b, 0, "data", 4);
	tcp[12] = 4 << 4;
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
	tcp[12] = 7 << 4;
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
	tcp[12] = 6 << 4;
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_TCP);
	set16(ip + 2, 45);
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
	set16(ip + 2, 19);
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
	set16(ip + 2, 44);
	ip[0] = 0x44;
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
	ip[0] = 0x55;
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_MALFORMED);
}

static void others(void **state)
{
	struct bytes b = { .len = 0 };

	(void)state;
	put_ethernet(&b, 0x0806);
	put(&b, "\0\1\x08\0", 4);
	assert_int_equal(parse(DLT_EN10MB, &b).kind, ZC_FRAME_OTHER);
	assert_int_equal(parse(DLT_EN10MB, &b).version, 0);
	b.len = 0;
	put_ipv4(&b, IPPROTO_ICMP, 4, 0);
	put(&b, "\x08\0\0\0", 4);
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_OTHER);
	assert_int_equal(parse(DLT_RAW, &b).version, 4);
	b.len = 0;
	put_ipv6(&b, IPPROTO_NONE, 0);
	assert_int_equal(parse(DLT_RAW, &b).kind, ZC_FRAME_OTHER);
}

/* Sum as the RFC words it, one byte at a time, unlike the code under test. */
static uint16_t slow_sum(const uint8_t *data, uint32_t len, uint32_t total)
{
	for (uint32_t i = 0; i < len; i++)
		total += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (total > 0xffff)
		total = total % 0x10000 + total / 0x10000;
	return (uint16_t)total;
}

static void checksums_of(int version, bool udp, uint32_t len)
{
	struct bytes b = { .len = 0 };
	uint32_t segment_len = (udp ? 8 : 20) + len, addresses;
	uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP, data[64], *segment, *field;
	uint16_t pseudo;
	struct zc_frame f;

	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)random_number();
	if (version == 4)
		put_ipv4(&b, protocol, segment_len, 0);
	else
		put_ipv6(&b, protocol, segment_len);
	segment = udp ? put_udp(&b, data, len) : put_tcp(&b, 0, data, len);
	field = segment + (udp ? 6 : 16);
	addresses = slow_sum(version == 4 ? b.at + 12 : b.at + 8, version == 4 ? 8 : 32, protocol);
	pseudo = slow_sum(NULL, 0, addresses + segment_len);

	set16(field, (uint16_t)~slow_sum(segment, segment_len, pseudo));
	f = parse(DLT_RAW, &b);
	assert_int_equal(zc_frame_checksum(&f), ZC_CHECKSUM_RIGHT);
	field[0] ^= 0x10;
	assert_int_equal(zc_frame_checksum(&f), ZC_CHECKSUM_WRONG);
	set16(field, pseudo);
	assert_int_equal(zc_frame_checksum(&f), ZC_CHECKSUM_OFFLOADED);
	set16(field, addresses);
	assert_int_equal(zc_frame_checksum(&f), ZC_CHECKSUM_OFFLOADED);
	set16(field, 0);
	assert_int_equal(zc_frame_checksum(&f), udp ? ZC_CHECKSUM_UNKNOWN : ZC_CHECKSUM_ZERO);
}

static void checksums(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= 64; len++) {
		checksums_of(4, false, len);
		checksums_of(6, false, len);
		checksums_of(4, true, len);
		checksums_of(6, true, len);
	}
}

/* The sum is made with the last destination, which stands elsewhere. */
static void routed_sum_is_unknown(void **state)
{
	static const char routing[24] = "\x11\2\0\1\0\0\0\0\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3";
	struct zc_frame f;

	(void)state;
	f = with_extension(IPPROTO_ROUTING, routing, sizeof(routing));
	assert_udp(&f, 6, "x");
	((uint8_t *)f.segment)[6] = 1;
	assert_int_equal(zc_frame_checksum(&f), ZC_CHECKSUM_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_layers),
		cmocka_unit_test(vlan_tags),
		cmocka_unit_test(ipv6_of_any_length),
		cmocka_unit_test(tcp_with_options),
		cmocka_unit_test(padding_is_no_payload),
		cmocka_unit_test(udp_length_rules),
		cmocka_unit_test(ipv4_fragments),
		cmocka_unit_test(ipv6_extensions),
		cmocka_unit_test(big_packets),
		cmocka_unit_test(cut_frames),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(others),
		cmocka_unit_test(checksums),
		cmocka_unit_test(routed_sum_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
