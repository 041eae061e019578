/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 of nettle, or where zcdma is built without it, a stand-in that is never called, as zc_digest_open() refuses.
 * Nettle is small, takes the processor's instructions for SHA, and its license goes with the command's, which those of
 * OpenSSL 3 does not.
 */
#ifndef ZCDMA_VERIFY_SHA256_COMPAT_H
#define ZCDMA_VERIFY_SHA256_COMPAT_H

#include "internal.h"

#ifdef HAVE_NETTLE

#include <nettle/sha2.h>

#define ZC_HAVE_SHA256 true

#else

#define ZC_HAVE_SHA256	   false
#define SHA256_DIGEST_SIZE 32

struct sha256_ctx {
	int unused;
};

static inline void sha256_init(struct sha256_ctx *ctx)
{
	(void)ctx;
}

static inline void sha256_update(struct sha256_ctx *ctx, size_t len, const uint8_t *data)
{
	(void)ctx;
	(void)len;
	(void)data;
}

static inline void sha256_digest(struct sha256_ctx *ctx, size_t len, uint8_t *digest)
{
	(void)ctx;
	(void)len;
	(void)digest;
}

#endif

#endif
