/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pattern, which sources write that have no data of their own, and by which devices that play
 * check what comes: see <linux/zcdma.h>.
 */
#ifndef ZCDMA_PATTERN_H
#define ZCDMA_PATTERN_H

#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/types.h>

/* What a device found in all that it played of a ring. Files in sysfs read it meanwhile. */
struct zcdma_pattern_found {
	u64 checked_bytes;
	u64 wrong_bytes;
	u64 first_wrong;		/* offset, if there are wrong bytes */
};

/* @bytes of it, in whole words, from @offset of the stream on. */
static inline void zcdma_pattern_fill(__le64 *word, size_t bytes, u64 offset, u64 seed)
{
	size_t i;

	for (i = 0; i < bytes / sizeof(*word); i++)
		word[i] = cpu_to_le64((offset / sizeof(*word) + i) ^ seed);
}

static inline void zcdma_pattern_note_wrong(struct zcdma_pattern_found *found, u64 offset,
					    const u8 *data, const u8 *wanted, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++) {
		if (data[i] == wanted[i])
			continue;
		if (!found->wrong_bytes)
			WRITE_ONCE(found->first_wrong, offset + i);
		/* A reader that sees the count sees the place: zcdma_pattern_show_first_wrong(). */
		smp_wmb();
		WRITE_ONCE(found->wrong_bytes, found->wrong_bytes + 1);
	}
}

/* Lengths are of any number of bytes, so data may begin in the middle of a word. */
static inline void zcdma_pattern_check(struct zcdma_pattern_found *found, const u8 *data,
				       size_t bytes, u64 offset, u64 seed)
{
	size_t i, n, skip;
	__le64 word;

	for (i = 0; i < bytes; i += n) {
		word = cpu_to_le64((offset + i) / sizeof(word) ^ seed);
		skip = (offset + i) % sizeof(word);
		n = min(sizeof(word) - skip, bytes - i);
		if (memcmp(data + i, (u8 *)&word + skip, n))
			zcdma_pattern_note_wrong(found, offset + i, data + i, (u8 *)&word + skip,
						 n);
	}
	WRITE_ONCE(found->checked_bytes, found->checked_bytes + bytes);
}

/* Begin with a new ring. .first_wrong says nothing then. */
static inline void zcdma_pattern_forget(struct zcdma_pattern_found *found)
{
	WRITE_ONCE(found->wrong_bytes, 0);
	WRITE_ONCE(found->checked_bytes, 0);
}

static inline ssize_t zcdma_pattern_show_first_wrong(const struct zcdma_pattern_found *found,
						     char *buf)
{
	if (!READ_ONCE(found->wrong_bytes))
		return sysfs_emit(buf, "none\n");
	/* Pairs with zcdma_pattern_note_wrong(). */
	smp_rmb();
	return sysfs_emit(buf, "%llu\n", READ_ONCE(found->first_wrong));
}

#endif /* ZCDMA_PATTERN_H */
