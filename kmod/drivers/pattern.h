/* SPDX-License-Identifier: GPL-2.0-only */
/* The pattern, which sources write that have no data of their own: see <linux/zcdma.h>. */
#ifndef ZCDMA_PATTERN_H
#define ZCDMA_PATTERN_H

#include <linux/types.h>

/* @bytes of it, in whole words, from @offset of the stream on. */
static inline void zcdma_pattern_fill(__le64 *word, size_t bytes, u64 offset, u64 seed)
{
	size_t i;

	for (i = 0; i < bytes / sizeof(*word); i++)
		word[i] = cpu_to_le64((offset / sizeof(*word) + i) ^ seed);
}

#endif /* ZCDMA_PATTERN_H */
