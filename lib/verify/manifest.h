/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest in memory. */
#ifndef ZCDMA_VERIFY_MANIFEST_H
#define ZCDMA_VERIFY_MANIFEST_H

#include "internal.h"

/* The longest block: a larger number is not a length. */
#define ZC_MANIFEST_BLOCK_MAX (1u << 30)

struct zc_manifest_entry {
	uint64_t offset; /* in the output; the sum of all lengths before */
	uint64_t hash;	 /* XXH3, 64 bits */
	uint32_t len;
};

struct zc_manifest {
	struct zc_manifest_entry *entry;
	size_t count;
	uint64_t bytes; /* in all blocks */
	bool ended;	/* it has its last line: the recording came to its end */
	/* Blocks that were lost while it was recorded, by the sequence numbers, and of the first ... */
	uint64_t lost_blocks, lost_seq, lost_offset; /* ... its number and its offset */
};

/* Returns the context that a manifest was created in. */
struct zcdma_ctx *zc_manifest_ctx(const struct zcdma_manifest *m);

/* Write what was added, so that no later data takes its room on the disk. Sets errors in @ctx. Returns 0 or a negative errno. */
int zc_manifest_flush(struct zcdma_manifest *m, struct zcdma_ctx *ctx);

/*
 * Read the manifest @path into @list, whose .entry the caller frees after success. A manifest that was cut short is
 * read as far as it goes. Returns 0, -EINVAL if it is not a manifest, or another negative errno.
 */
int zc_manifest_load(struct zcdma_ctx *ctx, const char *path, struct zc_manifest *list);

#endif
