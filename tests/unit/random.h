/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers, the same on every run, and bytes that are spoiled with them. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* xorshift64 */
static uint64_t random_state = 88172645463325252u;

static inline uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static inline bool one_in(unsigned n)
{
	return random_number() % n == 0;
}

static const uint64_t nasty[] = { 0,
				  1,
				  2,
				  63,
				  64,
				  65,
				  0x7fffffff,
				  0x80000000,
				  0xffffffff,
				  INT64_MAX,
				  (uint64_t)INT64_MAX + 1,
				  UINT64_MAX,
				  65536 };

/* Change a few places of @bytes: a bit, a byte, a word that programs stumble over. */
static inline void mutate(unsigned char *bytes, size_t len)
{
	for (uint64_t n = random_number() % 4; len && n-- > 0;) {
		size_t at = random_number() % len;
		uint64_t word = nasty[random_number() % (sizeof(nasty) / sizeof(nasty[0]))];
		size_t width = (size_t)4 << random_number() % 2;

		switch (random_number() % 3) {
		case 0:
			bytes[at] ^= (unsigned char)(1u << random_number() % 8);
			break;
		case 1:
			bytes[at] = (unsigned char)random_number();
			break;
		default:
			at -= at % width;
			memcpy(bytes + at, &word, width < len - at ? width : len - at);
		}
	}
}

#endif
