/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory: - memory of the program's own. */
#ifndef ZCDMA_SOURCE_MEMORY_H
#define ZCDMA_SOURCE_MEMORY_H

#include "source/source.h"

/* Take a submission whose pages are free. Returns 1 and its *@cookie, or 0. */
int zc_memory_reclaim(struct zcdma_source *src, uint64_t *cookie);

#endif
