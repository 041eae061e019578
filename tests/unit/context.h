/* SPDX-License-Identifier: GPL-2.0-only */
/* A context for a test, or for all of a program. Include it after cmocka.h. */
#ifndef TEST_CONTEXT_H
#define TEST_CONTEXT_H

#include <zcdma.h>

static struct zcdma_ctx *ctx;

static inline int make_ctx(void **state)
{
	(void)state;
	return zcdma_new(&ctx);
}

static inline int free_ctx(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return 0;
}

#endif
