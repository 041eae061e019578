// SPDX-License-Identifier: LGPL-2.1-or-later
#include <endian.h>

#include "verify/pattern_loops.h"

#define always_inline inline __attribute__((always_inline))

static always_inline void fill(zc_word *w, uint64_t first, uint64_t seed)
{
	for (unsigned i = 0; i < ZC_PATTERN_LONG; i++)
		w[i] = htole64((first + i) ^ seed);
}

static always_inline uint64_t differs(const zc_word *w, uint64_t first, uint64_t seed)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < ZC_PATTERN_LONG; i++)
		bits |= le64toh(w[i]) ^ seed ^ (first + i);
	return bits;
}

/*
 * The lowest bytes of two consecutive words differ by 1, and the top byte of the first is 0 or 1, as no offset is
 * beyond ZC_OFFSET_MAX (pattern_words.h).
 */
static always_inline bool may_begin(const uint8_t *p, uint64_t seed)
{
	const uint8_t low = (uint8_t)seed, top = (uint8_t)(seed >> 56);
	uint8_t any = 0;

	for (unsigned i = 0; i < ZC_PATTERN_SEEK; i++) {
		uint8_t step = (uint8_t)((p[i + 8] ^ low) - (p[i] ^ low));
		uint8_t high = p[i + 7] ^ top;

		any |= (uint8_t)((step == 1) & (high <= 1));
	}
	return any;
}

#define LOOPS(set, attribute)                                                                    \
	attribute static void fill_##set(zc_word *w, uint64_t first, uint64_t seed)              \
	{                                                                                        \
		fill(w, first, seed);                                                            \
	}                                                                                        \
	attribute static uint64_t differs_##set(const zc_word *w, uint64_t first, uint64_t seed) \
	{                                                                                        \
		return differs(w, first, seed);                                                  \
	}                                                                                        \
	attribute static bool may_begin_##set(const uint8_t *p, uint64_t seed)                   \
	{                                                                                        \
		return may_begin(p, seed);                                                       \
	}

#define LOOPS_OF(set) #set, set##_usable, fill_##set, differs_##set, may_begin_##set

/* AVX-512 is not among them: with 512 bits the comparison gained a tenth, and the search lost. */
#if defined(__x86_64__)
LOOPS(avx2, __attribute__((target("avx2"))))

static bool avx2_usable(void)
{
	return __builtin_cpu_supports("avx2");
}
#endif

/* On arm64 this is NEON, which its baseline has. */
LOOPS(plain, )

static bool plain_usable(void)
{
	return true;
}

const struct zc_pattern_loops zc_pattern_loops[] = {
#if defined(__x86_64__)
	{ LOOPS_OF(avx2) },
#endif
	{ LOOPS_OF(plain) },
	{ NULL },
};

const struct zc_pattern_loops *zc_pattern_loops_best(void)
{
	/* Threads that race store the same. */
	static const struct zc_pattern_loops *_Atomic best;
	const struct zc_pattern_loops *loops = best;

	if (loops)
		return loops;
	for (loops = zc_pattern_loops; !loops->usable();)
		loops++;
	best = loops;
	return loops;
}
