/* SPDX-License-Identifier: GPL-2.0-only */
/* What a source says of itself. */
#ifndef TEST_SOURCE_FIGURES_H
#define TEST_SOURCE_FIGURES_H

#include <zcdma/source.h>

static inline struct zcdma_source_info source_info(struct zcdma_source *src)
{
	struct zcdma_source_info i;

	zcdma_source_get_info(src, &i, sizeof(i));
	return i;
}

static inline struct zcdma_source_stats source_stats(struct zcdma_source *src)
{
	struct zcdma_source_stats s;

	zcdma_source_get_stats(src, &s, sizeof(s));
	return s;
}

#endif
