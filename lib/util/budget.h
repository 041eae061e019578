/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A limit on memory that several users share. */
#ifndef ZCDMA_UTIL_BUDGET_H
#define ZCDMA_UTIL_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct zc_budget {
	uint64_t used, most; /* bytes */
};

/* Take @bytes. Returns false if they would exceed the budget. */
static inline bool zc_budget_take(struct zc_budget *b, uint64_t bytes)
{
	if (bytes > b->most || b->used > b->most - bytes)
		return false;
	b->used += bytes;
	return true;
}

static inline void zc_budget_return(struct zc_budget *b, uint64_t bytes)
{
	b->used -= bytes;
}

#endif
