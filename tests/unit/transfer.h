/* SPDX-License-Identifier: GPL-2.0-only */
/* What a test of a transfer has, from a source by a path to a socket. Include it after cmocka.h. */
#ifndef TEST_TRANSFER_H
#define TEST_TRANSFER_H

#include <unistd.h>

#include "internal.h"

static struct zcdma_ctx *ctx;
static struct zcdma_source *src;
static struct zcdma_path *path;
static int out = -1, in = -1;

static inline int open_transfer(void **state)
{
	(void)state;
	src = NULL;
	path = NULL;
	out = in = -1;
	return zcdma_new(&ctx);
}

static inline int close_transfer(void **state)
{
	(void)state;
	zcdma_path_close(path);
	zcdma_source_close(src);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	zcdma_free(ctx);
	return 0;
}

#endif
