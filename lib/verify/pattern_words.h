/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pattern by bytes and by words: what a check does wherever a stream is wrong, which may be everywhere. */
#ifndef ZCDMA_VERIFY_PATTERN_WORDS_H
#define ZCDMA_VERIFY_PATTERN_WORDS_H

#include <endian.h>

#include "internal.h"
#include "verify/pattern_loops.h"

#define ZC_OFFSET_MAX (UINT64_C(1) << 60) /* a word that claims more is garbage */

/* Returns the byte at @offset of the stream. */
static inline uint8_t zc_pattern_byte(uint64_t offset, uint64_t seed)
{
	return (uint8_t)((offset / 8 ^ seed) >> offset % 8 * 8);
}

static inline size_t zc_match_bytes(const uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != zc_pattern_byte(offset + i, seed))
			return i;
	}
	return len;
}

/* Returns how many of the first bytes, at most @len, follow the stream from @offset on, which begins a word. */
static inline size_t zc_match_words(const uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	size_t done = 0;

	while (len - done >= sizeof(zc_word) &&
	       le64toh(*(const zc_word *)(p + done)) == ((offset + done) / 8 ^ seed))
		done += sizeof(zc_word);
	return done + zc_match_bytes(p + done, len - done, offset + done, seed);
}

static inline bool zc_words_agree(const uint8_t *p, uint64_t seed)
{
	const zc_word *w = (const zc_word *)p;
	uint64_t first = le64toh(w[0]) ^ seed;

	return (le64toh(w[1]) ^ seed) - first == 1 && first < ZC_OFFSET_MAX / sizeof(zc_word);
}

/* A word of eight times the byte. */
static inline uint64_t zc_eight(uint8_t byte)
{
	return byte * UINT64_C(0x0101010101010101);
}

/*
 * Returns a mark, the top bit of a byte, for each of the eight positions from @p on where two words can begin that
 * agree, and seldom for others: as may_begin() of the loops, but by eight bytes at once. Reads 16 bytes.
 */
static inline uint64_t zc_may_agree(const uint8_t *p, uint64_t seed)
{
	uint64_t low = le64toh(*(const zc_word *)p) ^ zc_eight((uint8_t)seed);
	uint64_t next = le64toh(*(const zc_word *)(p + 8)) ^ zc_eight((uint8_t)seed);
	uint64_t top = le64toh(*(const zc_word *)(p + 7)) ^ zc_eight((uint8_t)(seed >> 56));
	/* Each byte plus 1, without a carry into the one above. */
	uint64_t after = ((low & zc_eight(0x7f)) + zc_eight(1)) ^ (low & zc_eight(0x80));
	uint64_t wrong = (next ^ after) | (top & zc_eight(0xfe));

	/* A borrow marks too much, never too little. */
	return (wrong - zc_eight(1)) & ~wrong & zc_eight(0x80);
}

/* Find two words that agree among the positions [*@at, @to). Returns whether there are any; *@at is @to if not. */
static inline bool zc_find_in(const uint8_t *p, size_t to, uint64_t seed, size_t *at)
{
	for (; to - *at >= 8; *at += 8) {
		for (uint64_t marks = zc_may_agree(p + *at, seed); marks; marks &= marks - 1) {
			size_t marked = *at + (size_t)__builtin_ctzll(marks) / 8;

			if (zc_words_agree(p + marked, seed)) {
				*at = marked;
				return true;
			}
		}
	}
	for (; *at < to; ++*at) {
		if (zc_words_agree(p + *at, seed))
			return true;
	}
	return false;
}

/* Find two words that agree among the positions [@at, @end). Returns the first, or @end. */
size_t zc_pattern_find_far(const uint8_t *p, size_t at, size_t end, uint64_t seed);

/*
 * Find two consecutive words of the pattern in @buf from *@at on. Sets *@at to where they begin, or to where the
 * search can go on with more bytes. If a byte of 0xff stands right before two words of the stream, the words one
 * byte earlier agree too, by a carry; the later ones are found. (The reverse is impossible, as the top byte of the
 * second word would differ.)
 */
static inline bool zc_pattern_find(const void *buf, size_t len, uint64_t seed, size_t *at)
{
	const uint8_t *p = buf;
	size_t end = len - zc_min(len, 2 * sizeof(zc_word) - 1), i = *at;

	if (i >= end)
		return false;
	/* They often begin at one of the first positions. */
	if (!zc_find_in(p, zc_min(end, i + 8), seed, &i))
		i = zc_pattern_find_far(p, i, end, seed);
	/* After a byte of 0xff, those one byte later are right, if they agree too. */
	while (i + 1 < end && p[i] == (uint8_t)~seed && zc_words_agree(p + i + 1, seed))
		i++;
	*at = i;
	return i + 1 < end || (i < end && p[i] != (uint8_t)~seed);
}

#endif
