// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pattern: each aligned 64-bit little-endian word is its stream offset / 8, xored with a seed.
 */
#include <endian.h>

#include "verify/check.h"
#include "verify/pattern_loops.h"

/* Words that are compared one by one before the wide loops are worth their start. */
#define SHORT_WORDS 16

#define LONG_BYTES (ZC_PATTERN_LONG * sizeof(zc_word))

#define OFFSET_MAX (UINT64_C(1) << 60) /* a word that claims more is garbage */

static void fill_bytes(uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = zc_pattern_byte(offset + i, seed);
}

static size_t match_bytes(const uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != zc_pattern_byte(offset + i, seed))
			return i;
	}
	return len;
}

/* Returns how many of @len bytes come before the first word of the stream. */
static size_t head_bytes(size_t len, uint64_t offset)
{
	return zc_min(len, (size_t)(-offset % 8));
}

ZC_PUBLIC void zcdma_pattern_fill(void *buf, size_t len, uint64_t offset, uint64_t seed)
{
	const struct zc_pattern_loops *loops = zc_pattern_loops_best();
	uint8_t *p = buf;
	size_t done = head_bytes(len, offset);

	fill_bytes(p, done, offset, seed);
	for (; len - done >= LONG_BYTES; done += LONG_BYTES)
		loops->fill((zc_word *)(p + done), (offset + done) / 8, seed);
	for (; len - done >= sizeof(zc_word); done += sizeof(zc_word))
		*(zc_word *)(p + done) = htole64((offset + done) / 8 ^ seed);
	fill_bytes(p + done, len - done, offset + done, seed);
}

/* Returns how many of the first bytes, at most @len, follow the stream from @offset on, which begins a word. */
static inline size_t match_words(const uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	size_t done = 0;

	while (len - done >= sizeof(zc_word) &&
	       le64toh(*(const zc_word *)(p + done)) == ((offset + done) / 8 ^ seed))
		done += sizeof(zc_word);
	return done + match_bytes(p + done, len - done, offset + done, seed);
}

/* The same, for many bytes. */
static __attribute__((noinline)) size_t match_long(const uint8_t *p, size_t len, uint64_t offset,
						   uint64_t seed)
{
	const struct zc_pattern_loops *loops = zc_pattern_loops_best();
	size_t done = 0;

	while (len - done >= LONG_BYTES &&
	       !loops->differs((const zc_word *)(p + done), (offset + done) / 8, seed))
		done += LONG_BYTES;
	return done + match_words(p + done, len - done, offset + done, seed);
}

ZC_PUBLIC size_t zcdma_pattern_match(const void *buf, size_t len, uint64_t offset, uint64_t seed)
{
	const uint8_t *p = buf;
	size_t head = head_bytes(len, offset);
	size_t done = match_bytes(p, head, offset, seed);
	size_t begin = head + zc_min(len - head, SHORT_WORDS * sizeof(zc_word));

	if (done == head)
		done += match_words(p + done, begin - done, offset + done, seed);
	if (done < begin)
		return done;
	return done + match_long(p + done, len - done, offset + done, seed);
}

static bool words_agree(const uint8_t *p, uint64_t seed)
{
	const zc_word *w = (const zc_word *)p;
	uint64_t first = le64toh(w[0]) ^ seed;

	return (le64toh(w[1]) ^ seed) - first == 1 && first < OFFSET_MAX / sizeof(zc_word);
}

/* A word of eight times the byte. */
static uint64_t eight(uint8_t byte)
{
	return byte * UINT64_C(0x0101010101010101);
}

/*
 * Returns a mark, the top bit of a byte, for each of the eight positions from @p on where two words can begin that
 * agree, and seldom for others: as may_begin() of the loops, but by eight bytes at once. Reads 16 bytes.
 */
static inline uint64_t may_agree(const uint8_t *p, uint64_t seed)
{
	uint64_t low = le64toh(*(const zc_word *)p) ^ eight((uint8_t)seed);
	uint64_t next = le64toh(*(const zc_word *)(p + 8)) ^ eight((uint8_t)seed);
	uint64_t top = le64toh(*(const zc_word *)(p + 7)) ^ eight((uint8_t)(seed >> 56));
	/* Each byte plus 1, without a carry into the one above. */
	uint64_t after = ((low & eight(0x7f)) + eight(1)) ^ (low & eight(0x80));
	uint64_t wrong = (next ^ after) | (top & eight(0xfe));

	/* A borrow marks too much, never too little. */
	return (wrong - eight(1)) & ~wrong & eight(0x80);
}

/* Find two words that agree among the positions [*@at, @to). Returns whether there are any; *@at is @to if not. */
static inline bool find_in(const uint8_t *p, size_t to, uint64_t seed, size_t *at)
{
	for (; to - *at >= 8; *at += 8) {
		for (uint64_t marks = may_agree(p + *at, seed); marks; marks &= marks - 1) {
			size_t marked = *at + (size_t)__builtin_ctzll(marks) / 8;

			if (words_agree(p + marked, seed)) {
				*at = marked;
				return true;
			}
		}
	}
	for (; *at < to; ++*at) {
		if (words_agree(p + *at, seed))
			return true;
	}
	return false;
}

/* Find two words that agree among the positions [*@at, @end). Returns the first, or @end. */
static __attribute__((noinline)) size_t find_far(const uint8_t *p, size_t at, size_t end,
						 uint64_t seed)
{
	const struct zc_pattern_loops *loops = zc_pattern_loops_best();

	while (at < end) {
		size_t to = zc_min(end, at + ZC_PATTERN_SEEK);

		if (to - at == ZC_PATTERN_SEEK && !loops->may_begin(p + at, seed))
			at = to;
		else if (find_in(p, to, seed, &at))
			break;
	}
	return at;
}

bool zc_pattern_find(const void *buf, size_t len, uint64_t seed, size_t *at)
{
	const uint8_t *p = buf;
	size_t end = len - zc_min(len, 2 * sizeof(zc_word) - 1), i = *at;

	if (i >= end)
		return false;
	/* They often begin at one of the first positions. */
	if (!find_in(p, zc_min(end, i + 8), seed, &i))
		i = find_far(p, i, end, seed);
	/* After a byte of 0xff, those one byte later are right, if they agree too. */
	while (i + 1 < end && p[i] == (uint8_t)~seed && words_agree(p + i + 1, seed))
		i++;
	*at = i;
	return i + 1 < end || (i < end && p[i] != (uint8_t)~seed);
}
