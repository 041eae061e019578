/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest in memory. */
#ifndef ZCDMA_MANIFEST_H
#define ZCDMA_MANIFEST_H

#include "internal.h"

/* No block is longer: a number beyond this is no length. */
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
};

/*
 * Read the manifest @path into @list, whose .entry the caller frees, in case of success. -EINVAL:
 * not a manifest, or not a whole one.
 */
int zc_manifest_load(struct zcdma_ctx *ctx, const char *path, struct zc_manifest *list);

#endif
