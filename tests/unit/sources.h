/* SPDX-License-Identifier: GPL-2.0-only */
/* A source under test, and its blocks taken and put by hand. Include it after cmocka.h. */
#ifndef TEST_SOURCES_H
#define TEST_SOURCES_H

#include <zcdma/verify.h>

#include "source/source.h"
#include "context.h"
#include "lab.h"
#include "pattern_file.h"

#define LIMIT_MS 20000 /* for what happens at once on an idle machine */

static inline struct zcdma_source *open_source(const char *spec, unsigned flags)
{
	struct zcdma_source *src;

	assert_int_equal(lab_open(ctx, spec, flags, &src), 0);
	return src;
}

static inline struct zcdma_source *start(const char *spec, unsigned flags)
{
	struct zcdma_source *src = open_source(spec, flags);

	assert_int_equal(zcdma_source_start(src), 0);
	return src;
}

/* Wait for a block. Returns 1 with the block in @b, 0 at the end, or a negative errno. */
static inline int next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	int rc;

	while ((rc = zc_source_take(src, max, b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	return rc;
}

static inline struct zcdma_block take(struct zcdma_source *src)
{
	struct zcdma_block b;

	assert_int_equal(next(src, 0, &b), 1);
	return b;
}

static inline void put(struct zcdma_source *src, const struct zcdma_block *b)
{
	zc_source_put(src, b, ZC_PUT_REUSE);
}

static inline void assert_pattern(const struct zcdma_block *b, uint64_t seed)
{
	assert_int_equal(zcdma_pattern_match(b->data, b->len, b->offset, seed), b->len);
}

static inline struct zcdma_source_stats stats_of(struct zcdma_source *src)
{
	struct zcdma_source_stats stats;

	zcdma_source_get_stats(src, &stats, sizeof(stats));
	return stats;
}

/* Take and put blocks until the end. Returns how many came. */
static inline unsigned drain(struct zcdma_source *src)
{
	struct zcdma_block b;
	unsigned n;
	int rc;

	for (n = 0; (rc = next(src, 0, &b)) == 1; n++)
		put(src, &b);
	assert_int_equal(rc, 0);
	return n;
}

#endif
