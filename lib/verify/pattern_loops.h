/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loops over the pattern in which a check spends its time, compiled for several instruction sets. All do the
 * same; the plain one is compiled for the architecture's baseline.
 */
#ifndef ZCDMA_VERIFY_PATTERN_LOOPS_H
#define ZCDMA_VERIFY_PATTERN_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word of the stream, at any address. */
typedef uint64_t zc_word __attribute__((aligned(1), may_alias));

/*
 * Lengths are constants: at -O2 a compiler vectorises only what needs no code for a remainder, loops over a
 * constant length without a way out in between.
 */
#define ZC_PATTERN_SHORT 16  /* words */
#define ZC_PATTERN_LONG	 512 /* words */
#define ZC_PATTERN_SEEK	 128 /* positions */

struct zc_pattern_loops {
	const char *name;
	/* Returns whether this processor has the instructions. */
	bool (*usable)(void);
	/* Write ZC_PATTERN_LONG words, the first of which is number @first of the stream. */
	void (*fill)(zc_word *w, uint64_t first, uint64_t seed);
	/* Returns 0 if ZC_PATTERN_LONG words follow the pattern from number @first on. */
	uint64_t (*differs)(const zc_word *w, uint64_t first, uint64_t seed);
	/*
	 * Returns whether two consecutive words of the stream can begin at any of the ZC_PATTERN_SEEK positions from
	 * @p on; it reads 15 bytes after them. The bytes it looks at make a false alarm rare in random data.
	 */
	bool (*may_begin)(const uint8_t *p, uint64_t seed);
};

/* The widest come first; the last is the plain one. Ends with a name of NULL. */
extern const struct zc_pattern_loops zc_pattern_loops[];

/* Returns the widest loops that this processor has. Any thread may call it. */
const struct zc_pattern_loops *zc_pattern_loops_best(void);

#endif
