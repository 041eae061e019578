/* SPDX-License-Identifier: GPL-2.0-only */
/* A consumer of the pipe's ring: what the program does that reads standard input. Include it after cmocka.h. */
#ifndef TEST_CONSUMER_H
#define TEST_CONSUMER_H

#include <zcdma/verify.h>

#include "source/source.h"
#include "handover.h"
#include "lab.h"
#include "source_figures.h"

static struct zcdma_ctx *ctx;
static struct zcdma_source *in;

static inline int open_consumer(void **state)
{
	return make_pipe(state) || zcdma_new(&ctx) ||
	       lab_open(ctx, "-", LAB_HANDOVER | ZC_USE_REPLACE, &in);
}

static inline int close_consumer(void **state)
{
	zcdma_source_close(in);
	zcdma_free(ctx);
	return close_pipe(state);
}

static inline int next(struct zcdma_block *b)
{
	int rc;

	while ((rc = zc_source_take(in, 0, b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	return rc;
}

static inline struct zcdma_source_stats stats(void)
{
	return source_stats(in);
}

static inline void assert_pattern(const struct zcdma_block *b)
{
	assert_int_equal(zcdma_pattern_match(b->data, b->len, b->offset, 0), b->len);
}

#define WITH_CONSUMER(test) cmocka_unit_test_setup_teardown(test, open_consumer, close_consumer)

#endif
