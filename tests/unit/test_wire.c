// SPDX-License-Identifier: GPL-2.0-only
/* Captures that are made here: what zcdma_wire makes of them, from the file to the verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "internal.h"

#define SEED 3
#define ISN  0xfffff000u /* so that every stream wraps around */
#define PORT 9000
#define MSS  1000

/* A capture that is being written, and the one connection that most tests need. */
static struct {
	char path[64];
	FILE *file;
	uint16_t port; /* of the sender */
	uint32_t second, microsecond;
	uint16_t ip_id;
	uint8_t link[20]; /* header of the link layer, and its length */
	uint32_t link_len;
	uint64_t total;
} cap;

static struct zcdma_ctx *ctx;

static void begin_file(int linktype)
{
	const struct pcap_file_header head = { 0xa1b2c3d4, 2, 4, 0, 0, 262144, (uint32_t)linktype };

	rewind(cap.file);
	assert_int_equal(fwrite(&head, sizeof(head), 1, cap.file), 1);
}

static int setup(void **state)
{
	(void)state;
	snprintf(cap.path, sizeof(cap.path), "/tmp/zcdma-wire-%d.pcap", (int)getpid());
	cap.file = fopen(cap.path, "w");
	if (!cap.file)
		return -1;
	begin_file(DLT_RAW);
	cap.port = 40000;
	cap.second = 1;
	cap.microsecond = 0;
	cap.ip_id = 0;
	cap.link_len = 0;
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	if (cap.file)
		fclose(cap.file);
	cap.file = NULL;
	zcdma_free(ctx);
	unlink(cap.path);
	return 0;
}

/* Another capture in the same test. */
static void start_over(void **state)
{
	teardown(state);
	assert_int_equal(setup(state), 0);
}

/* Ethernet frames, with a tag of VLAN @vlan unless that is 0. */
static void use_ethernet(uint16_t vlan)
{
	const uint8_t untagged[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00 };
	const uint8_t tagged[6] = { 0x81, 0x00, (uint8_t)(vlan >> 8), (uint8_t)vlan, 0x08, 0x00 };

	if (!cap.link_len)
		begin_file(DLT_EN10MB);
	memcpy(cap.link, untagged, sizeof(untagged));
	cap.link_len = sizeof(untagged);
	if (!vlan)
		return;
	memcpy(cap.link + 12, tagged, sizeof(tagged));
	cap.link_len = 18;
}

/* Frames as on the interface "any": captured on that with index @interface. */
static void use_any(uint8_t interface)
{
	const uint8_t cooked[20] = {
		0x08, 0, 0, 0, 0, 0, 0, interface, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1
	};

	if (!cap.link_len)
		begin_file(DLT_LINUX_SLL2);
	memcpy(cap.link, cooked, sizeof(cooked));
	cap.link_len = sizeof(cooked);
}

static uint32_t add16(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* An IPv4 packet with @l4, whose checksum is at @check: made here. @back: by the receiver. */
static void write_packet(bool back, uint8_t protocol, uint8_t *l4, size_t len, uint16_t *check,
			 bool spoil)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = protocol };
	const uint32_t size = (uint32_t)(sizeof(ip) + len);
	const uint32_t frame = cap.link_len + size;
	const uint32_t record[4] = { cap.second, cap.microsecond, frame, frame };
	uint32_t sum;

	ip.tot_len = htons((uint16_t)size);
	ip.id = htons(cap.ip_id);
	ip.saddr = htonl(back ? 0x0a000002 : 0x0a000001);
	ip.daddr = htonl(back ? 0x0a000001 : 0x0a000002);
	*check = 0;
	sum = add16(add16(protocol + (uint32_t)len, &ip.saddr, 8), l4, len);
	*check = fold(sum) ^ (spoil ? 0x1111 : 0);
	assert_int_equal(fwrite(record, sizeof(record), 1, cap.file), 1);
	assert_int_equal(fwrite(cap.link, 1, cap.link_len, cap.file), cap.link_len);
	assert_int_equal(fwrite(&ip, sizeof(ip), 1, cap.file), 1);
	assert_int_equal(fwrite(l4, len, 1, cap.file), 1);
}

static void write_segment(bool back, uint8_t flags, uint32_t seq, uint32_t ack, const void *data,
			  size_t len, bool spoil)
{
	uint8_t packet[sizeof(struct tcphdr) + 2 * MSS];
	struct tcphdr *tcp = (struct tcphdr *)packet;

	*tcp = (struct tcphdr){ .th_sport = htons(back ? PORT : cap.port),
				.th_dport = htons(back ? cap.port : PORT),
				.th_seq = htonl(seq),
				.th_ack = htonl(ack),
				.th_flags = flags,
				.th_off = 5 };
	memcpy(tcp + 1, data, len);
	write_packet(back, IPPROTO_TCP, packet, sizeof(*tcp) + len, &tcp->th_sum, spoil);
}

static void syn(void)
{
	write_segment(false, TH_SYN, ISN - 1, 0, "", 0, false);
	write_segment(true, TH_SYN | TH_ACK, 500, ISN, "", 0, false);
}

/* The stream's bytes from @offset on, with a byte at @spoiled that is another; UINT64_MAX: none. */
static void send_spoiled(uint64_t offset, size_t len, uint64_t spoiled)
{
	uint8_t data[2 * MSS];

	zcdma_pattern_fill(data, len, offset, SEED);
	if (spoiled != UINT64_MAX)
		data[spoiled - offset] ^= 0xff;
	write_segment(false, TH_ACK, ISN + (uint32_t)offset, 501, data, len, false);
}

static void send_range(uint64_t from, uint64_t to)
{
	for (; from < to; from += MSS)
		send_spoiled(from, (size_t)zc_min(to - from, (uint64_t)MSS), UINT64_MAX);
}

static void ack(uint64_t offset)
{
	write_segment(true, TH_ACK, 501, ISN + (uint32_t)offset, "", 0, false);
}

static void fin(uint64_t offset)
{
	write_segment(false, TH_FIN | TH_ACK, ISN + (uint32_t)offset, 501, "", 0, false);
	write_segment(true, TH_FIN | TH_ACK, 501, ISN + (uint32_t)offset + 1, "", 0, false);
	write_segment(false, TH_ACK, ISN + (uint32_t)offset + 1, 502, "", 0, false);
}

/* What was written is read, and followed to its end. */
static struct zcdma_wire *follow(const struct zcdma_wire_options *options)
{
	struct zcdma_wire_options o = *options;
	struct zcdma_wire *wire;
	int rc;

	if (cap.file)
		fclose(cap.file);
	cap.file = NULL;
	o.file = cap.path;
	o.seed = SEED;
	o.block_bytes = 4096;
	assert_int_equal(zcdma_wire_open(ctx, &o, &wire), 0);
	do
		rc = zcdma_wire_run(wire, -1);
	while (rc > 0);
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_wire_end(wire), 0);
	return wire;
}

/* The only stream. */
static struct zcdma_wire_stream only(struct zcdma_wire *wire)
{
	struct zcdma_wire_stream s, none;

	assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
	assert_int_equal(zcdma_wire_next_stream(wire, &none), 0);
	return s;
}

static const struct zcdma_wire_options plain;

static void test_correct(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 10000);
	ack(10000);
	fin(10000);
	wire = follow(&plain);
	s = only(wire);
	assert_string_equal(s.from, "10.0.0.1:40000");
	assert_string_equal(s.to, "10.0.0.2:9000");
	assert_true(s.from_start && s.checked && !s.udp);
	assert_int_equal(s.end, ZCDMA_WIRE_FIN);
	assert_int_equal(s.bytes, 10000);
	assert_int_equal(s.result.bytes, 10000);
	assert_int_equal(s.result.faults, 0);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.connections, 1);
	assert_int_equal(stats.ended, 1);
	assert_int_equal(stats.checksums_right, stats.packets);
	zcdma_wire_close(wire);
}

static void test_overwritten(void **state)
{
	struct zcdma_wire_difference d;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	uint8_t right[1];

	(void)state;
	syn();
	send_range(0, 20000);
	send_spoiled(9000, MSS, 9555);
	ack(20000);
	fin(20000);
	wire = follow(&plain);
	s = only(wire);
	/* What was sent first is right. */
	assert_int_equal(s.result.faults, 0);
	assert_int_equal(s.counters.retransmitted, 1);
	assert_int_equal(s.counters.differing, 1);
	assert_int_equal(zcdma_wire_get_difference(wire, 0, &d), 1);
	assert_int_equal(zcdma_wire_get_difference(wire, 1, &d), 0);
	zcdma_pattern_fill(right, 1, 9555, SEED);
	assert_int_equal(d.offset, 9555);
	assert_int_equal(d.seq, ISN + 9555);
	assert_int_equal(d.block, 2);
	assert_int_equal(d.bytes, 1);
	assert_int_equal(d.was, right[0]);
	assert_int_equal(d.is, right[0] ^ 0xff);
	zcdma_wire_close(wire);
}

/* A receiver drops it, so it was never sent as far as anybody knows. */
static void test_wrong_checksum(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	write_segment(false, TH_ACK, ISN, 501, "damaged on its way", 18, true);
	send_range(0, 5000);
	fin(5000);
	wire = follow(&plain);
	s = only(wire);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.checksums_wrong, 1);
	assert_int_equal(s.counters.retransmitted, 0);
	assert_int_equal(s.counters.differing, 0);
	assert_int_equal(s.result.faults, 0);
	zcdma_wire_close(wire);
}

/* Nothing but wrong checksums: that is how they are captured there, and what is sent again proves nothing. */
static void test_wrong_checksums_as_a_rule(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	uint8_t data[MSS];

	(void)state;
	write_segment(false, TH_SYN, ISN - 1, 0, "", 0, true);
	write_segment(true, TH_SYN | TH_ACK, 500, ISN, "", 0, false);
	for (uint32_t at = 0; at < 5000; at += MSS) {
		zcdma_pattern_fill(data, MSS, at, SEED);
		write_segment(false, TH_ACK, ISN + at, 501, data, MSS, true);
	}
	write_segment(false, TH_ACK, ISN + 4000, 501, "other data", 10, true);
	fin(5000);
	wire = follow(&plain);
	s = only(wire);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.checksums_wrong, 7);
	assert_int_equal(stats.damaged, 0);
	assert_int_equal(s.bytes, 5000);
	assert_int_equal(s.counters.uncaptured_bytes, 0);
	assert_int_equal(s.result.faults, 0);
	assert_int_equal(s.counters.retransmitted, 1);
	assert_int_equal(s.counters.differing, 0);
	assert_int_equal(s.counters.uncompared_bytes, 10);
	zcdma_wire_close(wire);
}

static void test_any_checksum(void **state)
{
	const struct zcdma_wire_options any = { .any_checksum = true };
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;
	uint8_t data[MSS];

	(void)state;
	syn();
	zcdma_pattern_fill(data, MSS, 0, SEED);
	write_segment(false, TH_ACK, ISN, 501, data, MSS, true);
	wire = follow(&plain);
	assert_int_equal(zcdma_wire_next_stream(wire, &(struct zcdma_wire_stream){ 0 }), 0);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.damaged, 1);
	zcdma_wire_close(wire);
	wire = follow(&any);
	assert_int_equal(only(wire).bytes, MSS);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.damaged, 0);
	zcdma_wire_close(wire);
}

static void test_missing_is_no_fault(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 5003);
	send_range(8001, 12000);
	ack(12000);
	fin(12000);
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.counters.uncaptured_bytes, 8001 - 5003);
	assert_int_equal(s.bytes, 12000);
	assert_int_equal(s.result.uncaptured_bytes, 8001 - 5003);
	assert_int_equal(s.result.bytes, 12000 - s.counters.uncaptured_bytes);
	assert_int_equal(s.result.faults, 0);
	zcdma_wire_close(wire);
}

/* Wrong data behind what is missing is at its place all the same. */
static void test_fault_behind_what_is_missing(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 5000);
	send_range(8000, 9000);
	send_spoiled(9000, MSS, 9004);
	send_range(10000, 12000);
	ack(12000);
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.result.faults, 1);
	assert_int_equal(s.result.first.kind, ZCDMA_FAULT_GARBAGE);
	assert_in_range(s.result.first.position, 9000, 9004);
	zcdma_wire_close(wire);
}

static void test_from_the_middle(void **state)
{
	struct zcdma_wire_difference d;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	send_spoiled(50003, 7, UINT64_MAX); /* too little to tell where it is */
	send_range(50010, 60000);
	send_spoiled(55000, MSS, 55001);
	wire = follow(&plain);
	s = only(wire);
	assert_false(s.from_start);
	assert_int_equal(s.end, ZCDMA_WIRE_OPEN);
	assert_int_equal(s.bytes, 60000 - 50003);
	assert_int_equal(s.result.faults, 0);
	assert_int_equal(s.result.bytes, 60000 - 50003);
	assert_int_equal(zcdma_wire_get_difference(wire, 0, &d), 1);
	assert_int_equal(d.offset, 55001);
	zcdma_wire_close(wire);
}

static void test_port_reused(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 3000);
	fin(3000);
	/* Another connection, that has another ISN. */
	write_segment(false, TH_SYN, ISN + 70000, 0, "", 0, false);
	write_segment(false, TH_ACK, ISN + 70001, 501, "", 0, false);
	for (uint64_t at = 0; at < 2000; at += MSS) {
		uint8_t data[MSS];

		zcdma_pattern_fill(data, MSS, at, SEED);
		write_segment(false, TH_ACK, ISN + 70001 + (uint32_t)at, 501, data, MSS, false);
	}
	wire = follow(&plain);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.connections, 2);
	assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
	assert_int_equal(s.bytes, 3000);
	assert_int_equal(s.result.faults, 0);
	assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
	assert_int_equal(s.bytes, 2000);
	assert_int_equal(s.counters.retransmitted, 0);
	assert_int_equal(s.result.faults, 0);
	zcdma_wire_close(wire);
}

/* The first @bytes of a stream that begins with @first, without a SYN. */
static void send_from(uint32_t first, uint64_t from, uint64_t bytes)
{
	uint8_t data[MSS];

	for (uint64_t at = from; at < from + bytes; at += MSS) {
		zcdma_pattern_fill(data, MSS, at, SEED);
		write_segment(false, TH_ACK, first + (uint32_t)at, 501, data, MSS, false);
	}
}

/* The SYN of the next connection was not captured; the first one ended, or that was not captured either. */
static void test_port_reused_without_syn(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	for (int ended = 0; ended < 2; ended++) {
		start_over(state);
		syn();
		send_range(0, 3000);
		if (ended)
			fin(3000);
		send_from(ISN - (1u << 30), 50000, 3000);
		wire = follow(&plain);
		zcdma_wire_get_stats(wire, &stats);
		assert_int_equal(stats.connections, 2);
		assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
		assert_int_equal(s.bytes, 3000);
		assert_int_equal(s.counters.retransmitted, 0);
		/* Only two in a row are believed where nothing has ended: the first one is counted. */
		assert_int_equal(s.counters.strayed, !ended);
		assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
		assert_int_equal(s.bytes, ended ? 3000 : 2000);
		assert_int_equal(s.result.faults, 0);
		assert_false(s.from_start);
		zcdma_wire_close(wire);
	}
}

/* A receiver only answers a SYN within a connection (RFC 5961, 4), and so it is not the end of it. */
static void test_stray_syn(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 3000);
	write_segment(false, TH_SYN, ISN + 700000, 0, "", 0, false);
	ack(3000); /* as the answer to it does */
	send_range(3000, 6000);
	write_segment(true, TH_SYN | TH_ACK, 777, ISN, "", 0, false);
	send_range(6000, 9000);
	fin(9000);
	wire = follow(&plain);
	s = only(wire);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.connections, 1);
	assert_int_equal(stats.ignored_syns, 2);
	assert_int_equal(s.bytes, 9000);
	assert_int_equal(s.end, ZCDMA_WIRE_FIN);
	assert_int_equal(s.result.faults, 0);
	zcdma_wire_close(wire);
}

/* One that is answered as a SYN, or followed by its data, begins a connection all the same. */
static void test_syn_that_is_proven(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	for (int answered = 0; answered < 2; answered++) {
		start_over(state);
		syn();
		send_range(0, 3000);
		write_segment(false, TH_SYN, ISN + 700000, 0, "", 0, false);
		if (answered)
			write_segment(true, TH_SYN | TH_ACK, 777, ISN + 700001, "", 0, false);
		send_from(ISN + 700001, 0, 2000);
		wire = follow(&plain);
		zcdma_wire_get_stats(wire, &stats);
		assert_int_equal(stats.connections, 2);
		assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
		assert_int_equal(s.bytes, 3000);
		assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
		assert_int_equal(s.bytes, 2000);
		assert_true(s.from_start);
		assert_int_equal(s.result.faults, 0);
		zcdma_wire_close(wire);
	}
}

static void test_ports(void **state)
{
	const struct zcdma_wire_options other = { .port = 9001 }, sender = { .port = 40000 };
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 1000);
	wire = follow(&other);
	assert_int_equal(zcdma_wire_next_stream(wire, &s), 0);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.others, stats.packets);
	zcdma_wire_close(wire);
	wire = follow(&sender);
	assert_int_equal(only(wire).bytes, 1000);
	zcdma_wire_close(wire);
}

static void test_unchecked(void **state)
{
	const struct zcdma_wire_options unchecked = { .unchecked = true };
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	write_segment(false, TH_ACK, ISN, 501, "GET / HTTP/1.0", 14, false);
	write_segment(false, TH_ACK, ISN, 501, "GET / HTTP/1.1", 14, false);
	wire = follow(&unchecked);
	s = only(wire);
	assert_false(s.checked);
	assert_int_equal(s.counters.differing_bytes, 1);
	zcdma_wire_close(wire);
}

/* Blocks of 4000 bytes, and where bytes of one are missing it cannot be checked, but the others. */
static void test_manifest(void **state)
{
	char path[80];
	const struct zcdma_wire_options options = { .manifest = path };
	struct zcdma_manifest *m;
	struct zcdma_wire_difference d;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	uint8_t data[4000];

	(void)state;
	snprintf(path, sizeof(path), "%s.xxh", cap.path);
	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	for (uint64_t at = 0; at < 40000; at += sizeof(data)) {
		const struct zcdma_block b = { .data = data, .len = sizeof(data), .offset = at };

		zcdma_pattern_fill(data, sizeof(data), at, SEED);
		assert_int_equal(zcdma_manifest_add(m, &b), 0);
	}
	assert_int_equal(zcdma_manifest_close(m), 0);
	syn();
	send_range(0, 13000);
	send_range(17000, 30000); /* half of block 3, and a part of block 4, are missing */
	ack(30000);
	send_spoiled(25000, MSS, 25000);
	wire = follow(&options);
	s = only(wire);
	assert_int_equal(s.result.faults, 0);
	assert_int_equal(s.result.blocks_good, 5); /* 0 1 2, 5 6 */
	assert_int_equal(s.result.blocks_uncaptured,
			 5); /* 3 4, 7 and what the capture has no more */
	assert_int_equal(zcdma_wire_get_difference(wire, 0, &d), 1);
	assert_int_equal(d.block, 6);
	zcdma_wire_close(wire);
	unlink(path);
}

static void test_reset(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 1000);
	write_segment(true, TH_RST, 501, 0, "", 0, false);
	wire = follow(&plain);
	assert_int_equal(only(wire).end, ZCDMA_WIRE_RESET);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.ended, 1);
	zcdma_wire_close(wire);
}

/* The connection goes on after a reset that does not fit, and even after one that does. */
static void test_reset_that_is_ignored(void **state)
{
	static const uint32_t ahead[] = { 0, 700 };
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
		start_over(state);
		syn();
		send_range(0, 3000);
		ack(3000);
		write_segment(false, TH_RST, ISN + 3000 + ahead[i], 0, "", 0, false);
		write_segment(true, TH_RST, 501 - 5000, 0, "", 0, false);
		send_range(3000, 6000);
		send_spoiled(5000, MSS, 5555);
		ack(6000);
		fin(6000);
		wire = follow(&plain);
		s = only(wire);
		zcdma_wire_get_stats(wire, &stats);
		assert_int_equal(s.bytes, 6000);
		assert_int_equal(s.end, ZCDMA_WIRE_FIN);
		assert_int_equal(s.counters.differing, 1);
		assert_int_equal(s.counters.ignored_resets, 1);
		assert_int_equal(stats.ended, 1);
		zcdma_wire_close(wire);
	}
}

/* Each segment is captured after its acknowledgement: it is checked, and nothing was sent twice. */
static void test_acknowledged_first(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	for (uint64_t at = 0; at < 20000; at += MSS) {
		ack(at + MSS);
		send_spoiled(at, MSS, at == 7000 ? 7777 : UINT64_MAX);
	}
	fin(20000);
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.counters.uncaptured_bytes, 0);
	assert_int_equal(s.counters.retransmitted + s.counters.differing, 0);
	assert_int_equal(s.result.faults, 1);
	assert_int_equal(s.result.first.kind, ZCDMA_FAULT_GARBAGE);
	zcdma_wire_close(wire);
}

/* What comes when it has been given up is checked by itself: random bytes are not correct. */
static void test_late_is_checked(void **state)
{
	const uint64_t total = 6u << 20;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 3000);
	for (uint64_t at = 6000; at < total; at += MSS) {
		send_range(at, at + MSS);
		ack(at + MSS);
	}
	send_spoiled(4000, MSS, 4567);
	send_spoiled(3000, MSS, UINT64_MAX);
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.counters.late_bytes, 2000);
	assert_int_equal(s.counters.uncaptured_bytes, 1000);
	assert_int_equal(s.result.uncaptured_bytes, 1000);
	assert_int_equal(s.counters.differing, 0);
	assert_int_equal(s.counters.retransmitted, 0);
	assert_int_equal(s.result.faults, 1);
	assert_int_equal(s.result.first.kind, ZCDMA_FAULT_GARBAGE);
	assert_in_range(s.result.first.position, 4560, 4567);
	zcdma_wire_close(wire);
}

/* The end was captured before the last data, so that the connection waits for that. */
static void test_data_after_the_end(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 3000);
	fin(5000);
	send_range(3000, 5000);
	/* Sent again after all was over: nothing is left to compare it with. */
	send_range(1000, 2000);
	wire = follow(&plain);
	s = only(wire);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.ended, 1);
	assert_int_equal(s.bytes, 5000);
	assert_int_equal(s.counters.uncaptured_bytes, 0);
	assert_int_equal(s.result.faults, 0);
	assert_int_equal(s.counters.retransmitted, 1);
	assert_int_equal(s.counters.uncompared_bytes, MSS);
	zcdma_wire_close(wire);
}

/* What is left of an earlier connection is no stream that has ended. */
static void test_last_words(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	(void)state;
	write_segment(true, TH_RST, 501, 0, "", 0, false);
	cap.port++;
	fin(1000);
	wire = follow(&plain);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.connections, 2);
	assert_int_equal(stats.ended, 0);
	zcdma_wire_close(wire);
}

static void write_datagram(uint64_t offset, size_t len)
{
	uint8_t packet[sizeof(struct udphdr) + MSS];
	struct udphdr *udp = (struct udphdr *)packet;

	*udp = (struct udphdr){ .uh_sport = htons(cap.port),
				.uh_dport = htons(PORT),
				.uh_ulen = htons((uint16_t)(sizeof(*udp) + len)) };
	zcdma_pattern_fill(udp + 1, len, offset, SEED);
	write_packet(false, IPPROTO_UDP, packet, sizeof(*udp) + len, &udp->uh_sum, false);
}

static void test_datagrams(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	write_datagram(0, 800);
	write_datagram(1600, 800);
	write_datagram(2400, 800);
	write_datagram(0, 0);
	wire = follow(&plain);
	s = only(wire);
	assert_true(s.udp);
	assert_int_equal(s.end, ZCDMA_WIRE_FIN);
	assert_int_equal(s.bytes, 2400);
	assert_int_equal(s.result.lost_bytes, 800);
	assert_int_equal(s.result.faults, 0);
	zcdma_wire_close(wire);
}

static void count_dropped(void *arg, const struct zcdma_wire_stream *s)
{
	unsigned *count = arg;

	count[s->end == ZCDMA_WIRE_RESET]++;
	assert_int_equal(s->bytes, 100);
}

/* Where each has something to report, the oldest are dropped, and the caller is told of each. */
static void test_many_resets(void **state)
{
	unsigned dropped[2] = { 0 };
	const struct zcdma_wire_options options = { .dropped = count_dropped, .arg = dropped };
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	(void)state;
	for (cap.port = 10000; cap.port < 30000; cap.port++) {
		syn();
		send_range(0, 100);
		write_segment(false, TH_RST, ISN + 100, 0, "", 0, false);
	}
	wire = follow(&options);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.connections, 20000);
	assert_int_equal(stats.unfollowed, 0);
	assert_int_equal(stats.unlisted, 20000 - 16384);
	assert_int_equal(dropped[0], 0);
	assert_int_equal(dropped[1], stats.unlisted);
	zcdma_wire_close(wire);
}

/* The same addresses and ports in two VLANs, and in none, at the same time. */
static void test_vlans(void **state)
{
	static const uint16_t vlans[] = { 0, 5, 6 };
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	unsigned streams = 0;

	(void)state;
	for (uint64_t at = 0; at < 5000; at += MSS) {
		for (size_t i = 0; i < ARRAY_SIZE(vlans); i++) {
			use_ethernet(vlans[i]);
			if (!at)
				syn();
			send_spoiled(at, MSS, vlans[i] == 6 && at == 3000 ? 3333 : UINT64_MAX);
		}
	}
	wire = follow(&plain);
	while (zcdma_wire_next_stream(wire, &s)) {
		assert_int_equal(s.bytes, 5000);
		assert_int_equal(s.counters.retransmitted, 0);
		assert_int_equal(s.result.faults, ++streams == 3);
	}
	assert_int_equal(streams, 3);
	zcdma_wire_close(wire);
}

/* A bridge and its port have the same packet; a second transmission has another identification. */
static void test_copies(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	use_any(2);
	syn();
	for (uint64_t at = 0; at < 10000; at += MSS) {
		cap.ip_id++;
		for (uint8_t interface = 2; interface < 4; interface++, cap.microsecond += 3) {
			use_any(interface);
			send_range(at, at + MSS);
		}
	}
	cap.ip_id++;
	send_range(4000, 5000);
	send_spoiled(4000, MSS, 4444);
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.bytes, 10000);
	assert_int_equal(s.counters.capture_duplicates, 10);
	assert_int_equal(s.counters.retransmitted, 2);
	assert_int_equal(s.counters.differing, 1);
	zcdma_wire_close(wire);
}

/* Datagrams of @count flows, a port for each from @port on. */
static void write_flows(uint16_t port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		cap.port = (uint16_t)(port + i);
		write_datagram(0, 32);
	}
}

/* Flows of datagrams have no end: one that is silent for minutes makes room, and keeps its verdict. */
static void test_silent_flows_make_room(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	unsigned streams = 0;

	(void)state;
	write_flows(1000, 16384);
	cap.second += 100;
	write_flows(1000, 1); /* it goes on ... */
	write_flows(20000, 1);
	cap.second += 30;
	write_flows(20001, 2); /* ... so the second and the third are those that are silent for longest */
	wire = follow(&plain);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.unfollowed, 1);
	assert_int_equal(stats.unlisted, 2);
	assert_int_equal(stats.connections, 16386);
	while (zcdma_wire_next_stream(wire, &s)) {
		assert_string_not_equal(s.from, "10.0.0.1:1001");
		streams++;
	}
	assert_int_equal(streams, 16384);
	zcdma_wire_close(wire);
}

static void test_copies_of_datagrams(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	for (uint64_t at = 0; at < 4000; at += 800) {
		for (uint8_t interface = 2; interface < 4; interface++, cap.microsecond += 3) {
			use_any(interface);
			write_datagram(at, 800);
		}
	}
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.counters.packets, 5);
	assert_int_equal(s.counters.capture_duplicates, 5);
	assert_int_equal(s.result.duplicates, 0);
	zcdma_wire_close(wire);
}

/* The first bytes of a capture from the middle are too few to tell where they belong: that is no fault. */
static void test_few_bytes_from_the_middle(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	for (int goes_on = 0; goes_on < 2; goes_on++) {
		start_over(state);
		send_spoiled(50003, 9, UINT64_MAX);
		if (goes_on)
			send_range(60000, 62000);
		wire = follow(&plain);
		s = only(wire);
		assert_int_equal(s.result.faults, 0);
		assert_int_equal(s.result.bytes, goes_on ? 2000 : 0);
		assert_int_equal(s.bytes - s.counters.uncaptured_bytes, s.result.bytes);
		zcdma_wire_close(wire);
	}
}

/* A stream of which all packets were too far away is told of. */
static void test_only_strays(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_from(ISN - (1u << 30), 0, MSS);
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.counters.strayed, 1);
	assert_int_equal(s.bytes, 0);
	zcdma_wire_close(wire);
}

/* Data of another connection that does not go on from a SYN which was ignored: it began elsewhere. */
static void test_stray_syn_is_no_beginning(void **state)
{
	const uint32_t first = ISN - (1u << 30);
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 3000);
	write_segment(false, TH_SYN, first + 40000, 0, "", 0, false);
	fin(3000);
	send_from(first, 50000, 3000);
	wire = follow(&plain);
	assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
	assert_int_equal(s.bytes, 3000);
	assert_int_equal(zcdma_wire_next_stream(wire, &s), 1);
	assert_false(s.from_start);
	assert_int_equal(s.bytes, 3000);
	assert_int_equal(s.counters.uncaptured_bytes, 0);
	assert_int_equal(s.result.faults, 0);
	zcdma_wire_close(wire);
}

/* A reset that fits is not believed, and then a SYN is answered as within a connection. */
static void test_stray_syn_after_reset(void **state)
{
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;

	(void)state;
	syn();
	send_range(0, 3000);
	write_segment(true, TH_RST, 501, 0, "", 0, false);
	write_segment(false, TH_SYN, ISN + 700000, 0, "", 0, false);
	send_range(3000, 6000);
	fin(6000);
	wire = follow(&plain);
	s = only(wire);
	assert_int_equal(s.bytes, 6000);
	assert_int_equal(s.end, ZCDMA_WIRE_FIN);
	zcdma_wire_close(wire);
}

/* More connections than are remembered: those with nothing wrong make room, and one that is wrong stays. */
static void test_many_connections(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	unsigned streams = 0, wrong = 0;

	(void)state;
	for (cap.port = 10000; cap.port < 30000; cap.port++) {
		syn();
		send_spoiled(0, 100, cap.port == 10007 ? 50 : UINT64_MAX);
		fin(100);
	}
	wire = follow(&plain);
	while (zcdma_wire_next_stream(wire, &s)) {
		streams++;
		wrong += s.result.faults > 0;
	}
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.connections, 20000);
	assert_int_equal(stats.unfollowed, 0);
	assert_int_equal(streams + stats.unlisted, 20000);
	assert_int_equal(wrong, 1);
	zcdma_wire_close(wire);
}

/* Of a clock that was set back, or of captures that were put together. */
static void test_times_go_back(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	(void)state;
	cap.second = 7;
	syn();
	cap.second = 3;
	send_range(0, 1000);
	cap.second = 5;
	fin(1000);
	wire = follow(&plain);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.first_ns, 3000000000);
	assert_int_equal(stats.last_ns, 7000000000);
	zcdma_wire_close(wire);
}

/* Seconds since 1970 that take 32 bits. */
static void test_times_after_2038(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire *wire;

	(void)state;
	cap.second = 0x7fffffff;
	syn();
	cap.second = 0x80000001;
	fin(0);
	wire = follow(&plain);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.first_ns, 0x7fffffff * UINT64_C(1000000000));
	assert_int_equal(stats.last_ns - stats.first_ns, 2000000000);
	zcdma_wire_close(wire);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_correct),
		TEST(test_overwritten),
		TEST(test_wrong_checksum),
		TEST(test_wrong_checksums_as_a_rule),
		TEST(test_any_checksum),
		TEST(test_missing_is_no_fault),
		TEST(test_fault_behind_what_is_missing),
		TEST(test_from_the_middle),
		TEST(test_port_reused),
		TEST(test_port_reused_without_syn),
		TEST(test_stray_syn),
		TEST(test_syn_that_is_proven),
		TEST(test_ports),
		TEST(test_unchecked),
		TEST(test_manifest),
		TEST(test_reset),
		TEST(test_reset_that_is_ignored),
		TEST(test_acknowledged_first),
		TEST(test_late_is_checked),
		TEST(test_data_after_the_end),
		TEST(test_last_words),
		TEST(test_datagrams),
		TEST(test_silent_flows_make_room),
		TEST(test_vlans),
		TEST(test_copies),
		TEST(test_copies_of_datagrams),
		TEST(test_few_bytes_from_the_middle),
		TEST(test_only_strays),
		TEST(test_stray_syn_is_no_beginning),
		TEST(test_stray_syn_after_reset),
		TEST(test_many_resets),
		TEST(test_many_connections),
		TEST(test_times_go_back),
		TEST(test_times_after_2038),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
