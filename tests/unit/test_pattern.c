/* SPDX-License-Identifier: GPL-2.0-only */
/* The pattern, against its definition, byte by byte, at every alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <zcdma.h>
#include <zcdma/verify.h>

#include "random.h"
#include "verify/pattern_loops.h"
#include "verify/pattern_words.h"

static const uint64_t seeds[] = { 0, 7, UINT64_C(0xfedcba9876543210) };
static const size_t lengths[] = { 0, 1, 7, 8, 9, 4095, 4096, 4097, 8200, 12345 };

#define LONGEST 12345
#define SEEDS	(sizeof(seeds) / sizeof(seeds[0]))
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static uint8_t expected(uint64_t offset, uint64_t seed)
{
	return (uint8_t)((offset / 8 ^ seed) >> (8 * (offset % 8)));
}

static void check_fill(size_t len, uint64_t offset, uint64_t seed)
{
	/* Exactly as long, so that a sanitizer sees what is out of bounds; at any alignment. */
	uint8_t *memory = malloc(len + offset % 16);
	uint8_t *buf = memory + offset % 16;

	assert_non_null(memory);
	zcdma_pattern_fill(buf, len, offset, seed);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf[i], expected(offset + i, seed));
	assert_int_equal(zcdma_pattern_match(buf, len, offset, seed), len);
	free(memory);
}

static void it_is_as_defined(void **state)
{
	(void)state;
	for (size_t s = 0; s < SEEDS; s++) {
		for (size_t l = 0; l < LENGTHS; l++) {
			for (uint64_t offset = 1; offset < 32; offset++) {
				check_fill(lengths[l] + 1, offset, seeds[s]);
				check_fill(lengths[l] + 1, offset << 32, seeds[s]);
			}
		}
	}
}

static void filling_stays_in_bounds(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (size_t from = 0; from < 16; from++) {
		for (size_t len = 0; len < 32; len++) {
			memset(buf, 0xa5, sizeof(buf));
			zcdma_pattern_fill(buf + from, len, from, UINT64_C(0x1122334455667788));
			for (size_t i = 0; i < sizeof(buf); i++) {
				if (i < from || i >= from + len)
					assert_int_equal(buf[i], 0xa5);
			}
		}
	}
}

/* Wherever one bit differs, matching stops right there. */
static void a_wrong_byte_is_found(void **state)
{
	uint8_t *buf = malloc(LONGEST);

	(void)state;
	assert_non_null(buf);
	for (uint64_t offset = 0; offset < 9; offset++) {
		zcdma_pattern_fill(buf, LONGEST, offset, 7);
		for (size_t wrong = 0; wrong < LONGEST; wrong += 1 + wrong % 3) {
			buf[wrong] ^= (uint8_t)(1 << wrong % 8);
			assert_int_equal(zcdma_pattern_match(buf, LONGEST, offset, 7), wrong);
			assert_int_equal(zcdma_pattern_match(buf, wrong, offset, 7), wrong);
			buf[wrong] ^= (uint8_t)(1 << wrong % 8);
		}
		assert_int_equal(zcdma_pattern_match(buf, LONGEST, offset, 7), LONGEST);
		assert_true(zcdma_pattern_match(buf, LONGEST, offset, 6) < 8);
	}
	free(buf);
}

#define LONG_BYTES (ZC_PATTERN_LONG * sizeof(zc_word))

/* Fill, and find the one bit that differs, wherever it is. */
static void assert_loops_compare(const struct zc_pattern_loops *loops, uint64_t first,
				 uint64_t seed)
{
	uint8_t *memory = malloc(LONG_BYTES + 1), *buf = memory + 1;

	assert_non_null(memory);
	loops->fill((zc_word *)buf, first, seed);
	for (size_t i = 0; i < LONG_BYTES; i++)
		assert_int_equal(buf[i], expected(first * 8 + i, seed));
	assert_true(loops->differs((const zc_word *)buf, first, seed) == 0);
	for (size_t bit = 0; bit < LONG_BYTES * 8; bit += 7) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(loops->differs((const zc_word *)buf, first, seed) != 0);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(memory);
}

/* Two words that agree, at each position and among zeros, which do not agree themselves. */
static void assert_loops_search(const struct zc_pattern_loops *loops, uint64_t first, uint64_t seed)
{
	uint8_t *buf = calloc(1, ZC_PATTERN_SEEK + 15);

	assert_non_null(buf);
	assert_false(loops->may_begin(buf, seed));
	for (size_t at = 0; at < ZC_PATTERN_SEEK; at++) {
		zcdma_pattern_fill(buf + at, 16, first * 8, seed);
		assert_true(loops->may_begin(buf, seed));
		memset(buf + at, 0, 16);
	}
	free(buf);
}

/* Whichever instructions the processor has, and at carries into each byte of a word. */
static void loops_do_the_same(void **state)
{
	const struct zc_pattern_loops *loops;
	unsigned usable = 0;

	(void)state;
	for (loops = zc_pattern_loops; loops->name; loops++) {
		if (!loops->usable()) {
			print_message("# not on this processor: %s\n", loops->name);
			continue;
		}
		usable++;
		for (size_t s = 0; s < SEEDS; s++) {
			for (unsigned shift = 0; shift <= 56; shift += 8) {
				assert_loops_compare(loops, (UINT64_C(1) << shift) - 1, seeds[s]);
				assert_loops_search(loops, (UINT64_C(1) << shift) - 1, seeds[s]);
				assert_loops_search(loops, UINT64_C(1) << shift, seeds[s]);
			}
		}
	}
	assert_true(usable > 0);
	assert_true(zc_pattern_loops_best()->usable());
}

/* Check each place in the stream, also those whose word looks like the end of another one. */
static void it_is_found_anywhere(void **state)
{
	unsigned char some[64];

	(void)state;
	for (uint64_t offset = 0; offset < 5000; offset++) {
		size_t at = 0;

		zcdma_pattern_fill(some, sizeof(some), offset, 7);
		assert_true(zc_pattern_find(some, sizeof(some), 7, &at));
		assert_true(at < 8);
		assert_int_equal((offset + at) % 8, 0);
	}
}

static uint64_t word_at(const uint8_t *p, uint64_t seed)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < 8; i++)
		word |= (uint64_t)p[i] << 8 * i;
	return word ^ seed;
}

static bool agree(const uint8_t *p, uint64_t seed)
{
	return word_at(p + 8, seed) - word_at(p, seed) == 1 && word_at(p, seed) < UINT64_C(1) << 57;
}

/* The plain search: zc_pattern_find() as check.h has it, a position at a time. */
static bool find_plainly(const uint8_t *p, size_t len, uint64_t seed, size_t *at)
{
	for (; *at + 16 <= len; ++*at) {
		if (!agree(p + *at, seed))
			continue;
		if (word_at(p + *at, seed) % 256 != 255)
			return true;
		if (*at + 17 > len)
			return false;
		if (!agree(p + *at + 1, seed))
			return true;
	}
	return false;
}

/* Fill with pieces of the stream, and with bytes that look like it: those of the seed, or a bit off. */
static void fill_alike(uint8_t *buf, size_t len, uint64_t seed)
{
	for (size_t at = 0, n; at < len; at += n) {
		uint64_t offset = random_number() >> random_number() % 64;
		bool sent = one_in(3);

		n = 1 + random_number() % 40;
		if (n > len - at)
			n = len - at;
		if (sent)
			zcdma_pattern_fill(buf + at, n, one_in(2) ? offset | 0x7f8 : offset, seed);
		for (size_t i = at; !sent && i < at + n; i++)
			buf[i] = (uint8_t)((seed >> 8 * (i % 8)) ^
					   (one_in(4) ? random_number() : i / 8));
	}
}

/* The search by many positions at once finds what the plain one does, and stops where it does. */
static void the_search_is_as_the_plain_one(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned round = 0; round < 30000; round++) {
		uint64_t seed = seeds[round % SEEDS];
		size_t len = random_number() % (one_in(4) ? 500 : 40);
		size_t plain = random_number() % (len + 1), at = plain;
		uint8_t *buf = malloc(len + !len);
		bool same;

		assert_non_null(buf);
		fill_alike(buf, len, seed);
		same = find_plainly(buf, len, seed, &plain);
		assert_int_equal(zc_pattern_find(buf, len, seed, &at), same);
		assert_int_equal(at, plain);
		found += same;
		free(buf);
	}
	assert_true(found > 3000 && found < 27000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_as_defined),
		cmocka_unit_test(it_is_found_anywhere),
		cmocka_unit_test(filling_stays_in_bounds),
		cmocka_unit_test(a_wrong_byte_is_found),
		cmocka_unit_test(loops_do_the_same),
		cmocka_unit_test(the_search_is_as_the_plain_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
