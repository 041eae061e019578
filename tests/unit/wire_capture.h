/* SPDX-License-Identifier: GPL-2.0-only */
/* A capture that a test writes, packet by packet, and what zcdma_wire makes of it. */
#ifndef WIRE_CAPTURE_H
#define WIRE_CAPTURE_H

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
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

static inline void begin_file(int linktype)
{
	const struct pcap_file_header head = { 0xa1b2c3d4, 2, 4, 0, 0, 262144, (uint32_t)linktype };

	rewind(cap.file);
	assert_int_equal(fwrite(&head, sizeof(head), 1, cap.file), 1);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
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
static inline void start_over(void **state)
{
	teardown(state);
	assert_int_equal(setup(state), 0);
}

/* Ethernet frames, with a tag of VLAN @vlan unless that is 0. */
static inline void use_ethernet(uint16_t vlan)
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
static inline void use_any(uint8_t interface)
{
	const uint8_t cooked[20] = {
		0x08, 0, 0, 0, 0, 0, 0, interface, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1
	};

	if (!cap.link_len)
		begin_file(DLT_LINUX_SLL2);
	memcpy(cap.link, cooked, sizeof(cooked));
	cap.link_len = sizeof(cooked);
}

static inline uint32_t add16(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static inline uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* An IPv4 packet with @l4, whose checksum is at @check: made here. @back: by the receiver. */
static inline void write_packet(bool back, uint8_t protocol, uint8_t *l4, size_t len,
				uint16_t *check, bool spoil)
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

static inline void write_segment(bool back, uint8_t flags, uint32_t seq, uint32_t ack,
				 const void *data, size_t len, bool spoil)
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

static inline void syn(void)
{
	write_segment(false, TH_SYN, ISN - 1, 0, "", 0, false);
	write_segment(true, TH_SYN | TH_ACK, 500, ISN, "", 0, false);
}

/* The stream's bytes from @offset on, with a byte at @spoiled that is another; UINT64_MAX: none. */
static inline void send_spoiled(uint64_t offset, size_t len, uint64_t spoiled)
{
	uint8_t data[2 * MSS];

	zcdma_pattern_fill(data, len, offset, SEED);
	if (spoiled != UINT64_MAX)
		data[spoiled - offset] ^= 0xff;
	write_segment(false, TH_ACK, ISN + (uint32_t)offset, 501, data, len, false);
}

static inline void send_range(uint64_t from, uint64_t to)
{
	for (; from < to; from += MSS)
		send_spoiled(from, (size_t)zc_min(to - from, (uint64_t)MSS), UINT64_MAX);
}

static inline void ack(uint64_t offset)
{
	write_segment(true, TH_ACK, 501, ISN + (uint32_t)offset, "", 0, false);
}

static inline void fin(uint64_t offset)
{
	write_segment(false, TH_FIN | TH_ACK, ISN + (uint32_t)offset, 501, "", 0, false);
	write_segment(true, TH_FIN | TH_ACK, 501, ISN + (uint32_t)offset + 1, "", 0, false);
	write_segment(false, TH_ACK, ISN + (uint32_t)offset + 1, 502, "", 0, false);
}

/* What was written is read, and followed to its end. */
static inline struct zcdma_wire *follow(const struct zcdma_wire_options *options)
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

static const struct zcdma_wire_options plain;

/* What zcdma_wire makes of a capture; of its streams and differences, the first ones. */
struct outcome {
	struct zcdma_wire_stats stats;
	unsigned streams, differences;
	struct zcdma_wire_stream s[3];
	struct zcdma_wire_difference d;
};

/* Follow what was written to its end. */
static inline struct outcome outcome(const struct zcdma_wire_options *options)
{
	struct zcdma_wire *wire = follow(options);
	struct zcdma_wire_difference d;
	struct zcdma_wire_stream s;
	struct outcome o = { 0 };

	zcdma_wire_get_stats(wire, &o.stats);
	while (zcdma_wire_next_stream(wire, &s)) {
		if (o.streams < ARRAY_SIZE(o.s))
			o.s[o.streams] = s;
		o.streams++;
	}
	while (zcdma_wire_get_difference(wire, o.differences, &d)) {
		if (!o.differences++)
			o.d = d;
	}
	zcdma_wire_close(wire);
	return o;
}

/* Follow a capture that has one stream. */
static inline struct outcome only(const struct zcdma_wire_options *options)
{
	struct outcome o = outcome(options);

	assert_int_equal(o.streams, 1);
	return o;
}

/* The first @bytes of a stream that begins with @first, without a SYN. */
static inline void send_from(uint32_t first, uint64_t from, uint64_t bytes)
{
	uint8_t data[MSS];

	for (uint64_t at = from; at < from + bytes; at += MSS) {
		zcdma_pattern_fill(data, MSS, at, SEED);
		write_segment(false, TH_ACK, first + (uint32_t)at, 501, data, MSS, false);
	}
}

#endif
