/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest in memory. */
#ifndef ZCDMA_VERIFY_MANIFEST_H
#define ZCDMA_VERIFY_MANIFEST_H

#include <zcdma/verify.h>

#include "internal.h"
#include "verify/digest.h"

/* The longest block: a larger number is not a length. */
#define ZC_MANIFEST_BLOCK_MAX (1u << 30)

/* The most zeros in a line: their hash is computed as the manifest is read. */
#define ZC_MANIFEST_ZEROS_MAX (1u << 24)

/* How a manifest begins, and how its last line does. */
#define ZC_MANIFEST_MAGIC_1 "# zcdma manifest 1"
#define ZC_MANIFEST_MAGIC   "# zcdma manifest 2"
#define ZC_MANIFEST_HASH    "# hash "
#define ZC_MANIFEST_CLOCK   "# clock "
#define ZC_MANIFEST_END	    "# end "

struct zc_manifest_entry {
	uint64_t offset; /* in the output; the sum of all lengths before */
	struct zc_digest_value digest;
	uint32_t len;
};

struct zc_manifest {
	enum zc_hash hash;
	struct zc_manifest_entry *entry;
	size_t count;
	uint64_t bytes;			  /* in all blocks */
	bool ended;			  /* it has its last line: the recording came to its end */
	struct zcdma_recorded_loss *loss; /* places where data was lost while it was recorded */
	size_t losses;
};

/* Returns the context that a manifest was created in. */
struct zcdma_ctx *zc_manifest_ctx(const struct zcdma_manifest *m);

/* Write what was added, so that no later data takes its room on the disk. Sets errors in @ctx. Returns 0 or a negative errno. */
int zc_manifest_flush(struct zcdma_manifest *m, struct zcdma_ctx *ctx);

/* Begin the manifest, and get the hash of @b's data, unless it has none or is too long. */
void zc_manifest_hash(struct zcdma_manifest *m, const struct zcdma_block *b,
		      struct zc_digest_value *value);

/* As zcdma_manifest_add(), with that hash: the data may be gone. */
int zc_manifest_add_hashed(struct zcdma_manifest *m, const struct zcdma_block *b,
			   const struct zc_digest_value *value);

/* Add @bytes of zeros that were written in the place of what was lost before @b. Returns 0 or a negative errno. */
int zc_manifest_add_zeros(struct zcdma_manifest *m, const struct zcdma_block *b, uint64_t bytes);

/*
 * Read the manifest @path into @list, which the caller frees after success. A manifest that was cut short is read as far
 * as it goes. Returns 0, -EINVAL if it is not a manifest, or another negative errno.
 */
int zc_manifest_load(struct zcdma_ctx *ctx, const char *path, struct zc_manifest *list);
void zc_manifest_free(struct zc_manifest *list);

#endif
