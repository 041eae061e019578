/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hashes of a manifest. */
#ifndef ZCDMA_VERIFY_DIGEST_H
#define ZCDMA_VERIFY_DIGEST_H

#include <xxhash.h>

#include "verify/sha256_compat.h"

#define ZC_DIGEST_MOST 32

enum zc_hash {
	ZC_HASH_XXH3, /* 64 bits, of which 8 bytes are written the highest first */
	ZC_HASH_SHA256,
	ZC_HASHES
};

/* The names of the hashes, then NULL. */
extern const char *const zc_hash_names[ZC_HASHES + 1];

/* The value of a hash; what it does not fill is 0. */
struct zc_digest_value {
	uint8_t byte[ZC_DIGEST_MOST];
};

/* A hash of data that comes in pieces. */
struct zc_digest {
	enum zc_hash hash;
	XXH3_state_t *xxh3;
	struct sha256_ctx sha256;
};

/* Returns the bytes that a value has. */
size_t zc_hash_bytes(enum zc_hash hash);

/* Open a digest of no data. Returns 0, -ENOMEM, or -EOPNOTSUPP if this build does not have the hash. */
int zc_digest_open(struct zc_digest *d, enum zc_hash hash);
void zc_digest_close(struct zc_digest *d);

/* Begin anew. */
void zc_digest_reset(struct zc_digest *d);
void zc_digest_update(struct zc_digest *d, const void *data, size_t len);

/* Get the value of the data until now, which may go on. */
void zc_digest_get(const struct zc_digest *d, struct zc_digest_value *value);

#endif
