// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pattern: each aligned 64-bit little-endian word is its stream offset / 8, xored with a seed.
 */
#include <endian.h>

#include <zcdma/verify.h>

#include "verify/pattern_words.h"

/* Words that are compared one by one before the wide loops are worth their start. */
#define SHORT_WORDS 16

#define LONG_BYTES (ZC_PATTERN_LONG * sizeof(zc_word))

static void fill_bytes(uint8_t *p, size_t len, uint64_t offset, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = zc_pattern_byte(offset + i, seed);
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

/* The same, for many bytes. */
static __attribute__((noinline)) size_t match_long(const uint8_t *p, size_t len, uint64_t offset,
						   uint64_t seed)
{
	const struct zc_pattern_loops *loops = zc_pattern_loops_best();
	size_t done = 0;

	while (len - done >= LONG_BYTES &&
	       !loops->differs((const zc_word *)(p + done), (offset + done) / 8, seed))
		done += LONG_BYTES;
	return done + zc_match_words(p + done, len - done, offset + done, seed);
}

ZC_PUBLIC size_t zcdma_pattern_match(const void *buf, size_t len, uint64_t offset, uint64_t seed)
{
	const uint8_t *p = buf;
	size_t head = head_bytes(len, offset);
	size_t done = zc_match_bytes(p, head, offset, seed);
	size_t begin = head + zc_min(len - head, SHORT_WORDS * sizeof(zc_word));

	if (done == head)
		done += zc_match_words(p + done, begin - done, offset + done, seed);
	if (done < begin)
		return done;
	return done + match_long(p + done, len - done, offset + done, seed);
}

size_t zc_pattern_find_far(const uint8_t *p, size_t at, size_t end, uint64_t seed)
{
	const struct zc_pattern_loops *loops = zc_pattern_loops_best();

	while (at < end) {
		size_t to = zc_min(end, at + ZC_PATTERN_SEEK);

		if (to - at == ZC_PATTERN_SEEK && !loops->may_begin(p + at, seed))
			at = to;
		else if (zc_find_in(p, to, seed, &at))
			break;
	}
	return at;
}
