// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pattern: each aligned 64-bit little-endian word is its stream offset / 8, xored with a seed.
 */
#include <endian.h>

#include "verify/check.h"

/* A word of the stream, at any address. */
typedef uint64_t word __attribute__((aligned(1), may_alias));

/*
 * The compiler vectorises at -O2 only what needs no code for a remainder: loops over a constant
 * length, without a way out in between.
 */
#define CHUNK_WORDS 512
#define CHUNK_BYTES (CHUNK_WORDS * sizeof(word))

#define OFFSET_MAX (UINT64_C(1) << 60) /* a word that claims more is garbage */

static uint8_t pattern_byte(uint64_t offset, uint64_t seed)
{
	return (uint8_t)((offset / 8 ^ seed) >> offset % 8 * 8);
}

static void fill_bytes(uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = pattern_byte(offset + i, seed);
}

static size_t match_bytes(const uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != pattern_byte(offset + i, seed))
			return i;
	}
	return len;
}

/* Returns how many of @len bytes come before the first word of the stream. */
static size_t head_bytes(size_t len, uint64_t offset)
{
	return zc_min(len, (size_t)(-offset % 8));
}

static void fill_chunk(word *w, uint64_t first, uint64_t seed)
{
	for (unsigned i = 0; i < CHUNK_WORDS; i++)
		w[i] = htole64((first + i) ^ seed);
}

static uint64_t chunk_differs(const word *w, uint64_t first, uint64_t seed)
{
	uint64_t differs = 0;

	for (unsigned i = 0; i < CHUNK_WORDS; i++)
		differs |= le64toh(w[i]) ^ seed ^ (first + i);
	return differs;
}

ZC_PUBLIC void zcdma_pattern_fill(void *buf, size_t len, uint64_t offset, uint64_t seed)
{
	uint8_t *p = buf;
	size_t done = head_bytes(len, offset);

	fill_bytes(p, done, offset, seed);
	for (; len - done >= CHUNK_BYTES; done += CHUNK_BYTES)
		fill_chunk((word *)(p + done), (offset + done) / 8, seed);
	for (; len - done >= sizeof(word); done += sizeof(word))
		*(word *)(p + done) = htole64((offset + done) / 8 ^ seed);
	fill_bytes(p + done, len - done, offset + done, seed);
}

ZC_PUBLIC size_t zcdma_pattern_match(const void *buf, size_t len, uint64_t offset, uint64_t seed)
{
	const uint8_t *p = buf;
	size_t head = head_bytes(len, offset);
	size_t done = match_bytes(p, head, offset, seed);

	if (done < head)
		return done;
	while (len - done >= CHUNK_BYTES &&
	       !chunk_differs((const word *)(p + done), (offset + done) / 8, seed))
		done += CHUNK_BYTES;
	while (len - done >= sizeof(word) &&
	       le64toh(*(const word *)(p + done)) == ((offset + done) / 8 ^ seed))
		done += sizeof(word);
	return done + match_bytes(p + done, len - done, offset + done, seed);
}

static bool words_agree(const uint8_t *p, uint64_t seed)
{
	const word *w = (const word *)p;
	uint64_t first = le64toh(w[0]) ^ seed;

	return (le64toh(w[1]) ^ seed) - first == 1 && first < OFFSET_MAX / sizeof(word);
}

bool zc_pattern_find(const void *buf, size_t len, uint64_t seed, size_t *at)
{
	const uint8_t *p = buf;

	for (; *at + 2 * sizeof(word) <= len; ++*at) {
		if (!words_agree(p + *at, seed))
			continue;
		if ((le64toh(*(const word *)(p + *at)) ^ seed) % 256 != 255)
			return true;
		if (*at + 2 * sizeof(word) == len)
			return false;
		if (!words_agree(p + *at + 1, seed))
			return true;
	}
	return false;
}
