/* SPDX-License-Identifier: GPL-2.0-only */
/* A source and a path to the fake device, for a test. Include it after cmocka.h. */
#ifndef TEST_PLAYER_H
#define TEST_PLAYER_H

#include <zcdma.h>

#include "fake_device.h"

static struct zcdma_ctx *ctx;
static struct zcdma_source *src;
static struct zcdma_path *path;

static inline int begin_player(void **state)
{
	(void)state;
	src = NULL;
	path = NULL;
	return zcdma_new(&ctx);
}

static inline int end_player(void **state)
{
	(void)state;
	zcdma_path_close(path);
	zcdma_source_close(src);
	zcdma_free(ctx);
	fake_end();
	return 0;
}

#endif
