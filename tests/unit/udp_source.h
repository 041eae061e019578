/* SPDX-License-Identifier: GPL-2.0-only */
/* udp: under test, and a sender of datagrams, with and without numbers. Include it after cmocka.h. */
#ifndef TEST_UDP_SOURCE_H
#define TEST_UDP_SOURCE_H

#include <arpa/inet.h>

#include "listening_source.h"

/* What came. */
static uint8_t got[1 << 20];
static size_t got_len;

static inline int begin(void **state)
{
	got_len = 0;
	return setup(state);
}

static inline void send_to(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, 0), len);
}

/* Send a datagram with a @number of 4 bytes, big endian, and text after it. */
static inline void send_number(uint32_t number, const char *text)
{
	uint8_t data[64];
	const uint32_t be = htonl(number);

	memcpy(data, &be, 4);
	memcpy(data + 4, text, strlen(text));
	send_to(out, data, 4 + strlen(text));
}

static inline void end_stream(void)
{
	send_to(out, "", 0);
}

/* Take a block, and append its bytes to .got. Returns 1, 0 at the end, or a negative errno. */
static inline int take_bytes(struct zcdma_block *b)
{
	int rc = take(0, b);

	if (rc != 1)
		return rc;
	assert_true(got_len + b->len <= sizeof(got));
	memcpy(got + got_len, b->data, b->len);
	got_len += b->len;
	put(b);
	return 1;
}

/* Take all to the end of the stream. */
static inline void take_all(void)
{
	struct zcdma_block b;
	int rc;

	while ((rc = take_bytes(&b)) == 1)
		;
	assert_int_equal(rc, 0);
}

static inline void assert_got(const char *text)
{
	assert_int_equal(got_len, strlen(text));
	assert_memory_equal(got, text, got_len);
}

#endif
