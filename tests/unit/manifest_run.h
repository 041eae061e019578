/* SPDX-License-Identifier: GPL-2.0-only */
/* A run of blocks, and its manifest. Include it after cmocka.h. */
#ifndef TEST_MANIFEST_RUN_H
#define TEST_MANIFEST_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "verify/manifest.h"

#define BLOCK	 1000
#define BLOCKS	 12
#define LAST	 300 /* bytes in the last block */
#define TOTAL	 ((BLOCKS - 1) * BLOCK + LAST)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Its first line. */
#define HEAD "# zcdma manifest 1\n"

static struct zcdma_ctx *ctx;
static char path[] = "/tmp/zcdma-test-manifest-XXXXXX";

static inline void make_block(int seed, unsigned i, uint8_t *data)
{
	/* Some bytes that differ from block to block, and from run to run. */
	for (unsigned k = 0; k < BLOCK; k++)
		data[k] = (uint8_t)(((unsigned)seed * 31 + i * 7 + 1) * (k + 3) >> 2);
}

static inline size_t block_len(unsigned i)
{
	return i == BLOCKS - 1 ? LAST : BLOCK;
}

static inline void write_manifest(int seed)
{
	struct zcdma_manifest *m;
	uint8_t data[BLOCK];

	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct zcdma_block b = { .data = data, .len = block_len(i), .seq = i };

		make_block(seed, i, data);
		assert_int_equal(zcdma_manifest_add(m, &b), 0);
	}
	assert_int_equal(zcdma_manifest_close(m), 0);
}

static inline int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return zcdma_new(&ctx);
}

static inline int teardown(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return unlink(path);
}

/* Write a manifest of the caller's own. */
static inline void write_text(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

#endif
