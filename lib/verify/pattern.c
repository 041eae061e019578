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

/* Returns how many of the first bytes, at most @len, are whole words of the stream from @offset on, which begins one. */
static size_t match_words(const uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	size_t done = 0;

	while (len - done >= sizeof(zc_word) &&
	       le64toh(*(const zc_word *)(p + done)) == ((offset + done) / 8 ^ seed))
		done += sizeof(zc_word);
	return done;
}

ZC_PUBLIC size_t zcdma_pattern_match(const void *buf, size_t len, uint64_t offset, uint64_t seed)
{
	const struct zc_pattern_loops *loops = zc_pattern_loops_best();
	const uint8_t *p = buf;
	size_t head = head_bytes(len, offset);
	size_t done = match_bytes(p, head, offset, seed);
	size_t begin;

	if (done < head)
		return done;
	begin = zc_min(len - done, SHORT_WORDS * sizeof(zc_word));
	done += match_words(p + done, begin, offset + done, seed);
	if (done == head + begin) {
		while (len - done >= LONG_BYTES &&
		       !loops->differs((const zc_word *)(p + done), (offset + done) / 8, seed))
			done += LONG_BYTES;
	}
	done += match_words(p + done, len - done, offset + done, seed);
	return done + match_bytes(p + done, len - done, offset + done, seed);
}

static bool words_agree(const uint8_t *p, uint64_t seed)
{
	const zc_word *w = (const zc_word *)p;
	uint64_t first = le64toh(w[0]) ^ seed;

	return (le64toh(w[1]) ^ seed) - first == 1 && first < OFFSET_MAX / sizeof(zc_word);
}

/* Find two words that agree among the positions [*@at, @to). Returns whether there are any; *@at is @to if not. */
static bool find_in(const uint8_t *p, size_t to, uint64_t seed, size_t *at)
{
	for (; *at < to; ++*at) {
		if (words_agree(p + *at, seed))
			return true;
	}
	return false;
}

bool zc_pattern_find(const void *buf, size_t len, uint64_t seed, size_t *at)
{
	const struct zc_pattern_loops *loops = zc_pattern_loops_best();
	const uint8_t *p = buf;
	size_t end = len - zc_min(len, 2 * sizeof(zc_word) - 1), to;

	while (*at < end) {
		to = zc_min(end, *at + ZC_PATTERN_SEEK);
		if (to - *at == ZC_PATTERN_SEEK && !loops->may_begin(p + *at, seed))
			*at = to;
		if (!find_in(p, to, seed, at))
			continue;
		if ((le64toh(*(const zc_word *)(p + *at)) ^ seed) % 256 != 255)
			return true;
		if (*at + 1 == end)
			return false;
		if (!words_agree(p + *at + 1, seed))
			return true;
		++*at;
	}
	return false;
}
