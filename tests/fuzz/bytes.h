/* SPDX-License-Identifier: GPL-2.0-only */
/* An input as a program: bytes that are taken one after the other, zeros after the last. */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *at;
	size_t left;
};

static inline unsigned take_byte(struct bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->at++;
}

static inline unsigned take_short(struct bytes *b)
{
	unsigned low = take_byte(b);

	return low | take_byte(b) << 8;
}

/* Take up to @want bytes as they are: sets *@data, and returns how many there are. */
static inline size_t take_data(struct bytes *b, size_t want, const uint8_t **data)
{
	size_t len = want < b->left ? want : b->left;

	*data = b->at;
	b->at += len;
	b->left -= len;
	return len;
}

#endif
