/* SPDX-License-Identifier: GPL-2.0-only */
/* Build a frame header by header, for the tests of frames. */
#ifndef TEST_FRAMES_H
#define TEST_FRAMES_H

#include <string.h>

#include "packet/frame_parse.h"
#include "random.h"

struct bytes {
	uint8_t at[65536 + 512];
	uint32_t len;
};

static inline uint8_t *put(struct bytes *b, const void *data, uint32_t len)
{
	uint8_t *at = b->at + b->len;

	assert_true(b->len + len <= sizeof(b->at));
	memcpy(at, data, len);
	b->len += len;
	return at;
}

static inline void set16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put16(struct bytes *b, uint32_t value)
{
	uint8_t at[2];

	set16(at, value);
	put(b, at, 2);
}

/* Append an Ethernet header: addresses, and the @type of the next header. */
static inline void put_ethernet(struct bytes *b, uint16_t type)
{
	put(b, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	put16(b, type);
}

/* Append a header from 10.0.0.1 to 10.0.0.2, with @options words of options and @len bytes of payload. */
static inline uint8_t *put_ipv4(struct bytes *b, uint8_t protocol, uint32_t len, unsigned options)
{
	uint8_t *h = put(b, "\x45\0\0\0\0\0\0\0\x40\0\0\0\x0a\0\0\x01\x0a\0\0\x02", 20);

	h[0] = (uint8_t)(0x45 + options);
	h[9] = protocol;
	set16(h + 2, 20 + options * 4 + len);
	while (options--)
		put(b, "\1\1\1\1", 4);
	return h;
}

/* Append a header from fd00::1 to fd00::2. */
static inline uint8_t *put_ipv6(struct bytes *b, uint8_t next, uint32_t len)
{
	uint8_t *h = put(b, "\x60\0\0\0\0\0\0\x40", 8);

	put(b, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	put(b, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
	h[6] = next;
	set16(h + 4, len);
	return h;
}

/* Append a datagram from port 1000 to 2000, with a checksum of 0. */
static inline uint8_t *put_udp(struct bytes *b, const void *data, uint32_t len)
{
	uint8_t *h = put(b, "\x03\xe8\x07\xd0\0\0\0\0", 8);

	set16(h + 4, 8 + len);
	put(b, data, len);
	return h;
}

/* Append a segment from port 1000 to 2000: PSH and ACK, sequence 0x01020304, acknowledging 0x05060708. */
static inline uint8_t *put_tcp(struct bytes *b, unsigned options, const void *data, uint32_t len)
{
	uint8_t *h = put(b, "\x03\xe8\x07\xd0\1\2\3\4\5\6\7\x08\x50\x18\0\0\0\0\0\0", 20);

	h[12] = (uint8_t)((5 + options) << 4);
	while (options--)
		put(b, "\1\1\1\1", 4);
	put(b, data, len);
	return h;
}

static inline struct zc_frame parse_frame(int linktype, const uint8_t *frame, uint32_t captured,
					  uint32_t len)
{
	const struct zc_packet p = {
		.data = frame,
		.captured = captured,
		.len = len,
		.linktype = linktype,
		.packet_type = -1,
	};
	struct zc_frame f;

	zc_frame_parse(&p, &f);
	return f;
}

#endif
