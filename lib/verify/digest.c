// SPDX-License-Identifier: LGPL-2.1-or-later
/* The hashes of a manifest. */
#include <string.h>

#include "verify/digest.h"

const char *const zc_hash_names[ZC_HASHES + 1] = {
	[ZC_HASH_XXH3] = "xxh3",
	[ZC_HASH_SHA256] = "sha256",
};

size_t zc_hash_bytes(enum zc_hash hash)
{
	return hash == ZC_HASH_XXH3 ? sizeof(XXH64_canonical_t) : SHA256_DIGEST_SIZE;
}

int zc_digest_open(struct zc_digest *d, enum zc_hash hash)
{
	*d = (struct zc_digest){ .hash = hash };
	if (hash == ZC_HASH_SHA256 && !ZC_HAVE_SHA256)
		return -EOPNOTSUPP;
	if (hash == ZC_HASH_XXH3) {
		d->xxh3 = XXH3_createState();
		if (!d->xxh3)
			return -ENOMEM;
	}
	zc_digest_reset(d);
	return 0;
}

void zc_digest_close(struct zc_digest *d)
{
	XXH3_freeState(d->xxh3);
	d->xxh3 = NULL;
}

void zc_digest_reset(struct zc_digest *d)
{
	if (d->hash == ZC_HASH_XXH3)
		XXH3_64bits_reset(d->xxh3);
	else
		sha256_init(&d->sha256);
}

void zc_digest_update(struct zc_digest *d, const void *data, size_t len)
{
	if (d->hash == ZC_HASH_XXH3)
		XXH3_64bits_update(d->xxh3, data, len);
	else
		sha256_update(&d->sha256, len, data);
}

void zc_digest_get(const struct zc_digest *d, struct zc_digest_value *value)
{
	struct sha256_ctx copy = d->sha256;
	XXH64_canonical_t canonical;

	memset(value, 0, sizeof(*value));
	if (d->hash == ZC_HASH_XXH3) {
		XXH64_canonicalFromHash(&canonical, XXH3_64bits_digest(d->xxh3));
		memcpy(value->byte, &canonical, sizeof(canonical));
	} else {
		sha256_digest(&copy, SHA256_DIGEST_SIZE, value->byte);
	}
}
