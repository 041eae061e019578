/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks that a source has delivered and not got back: the caller's, or a path's. A block is known by its
 * ticket, which no other delivery of any source has, so that a copy of a block that was sent or released
 * cannot be taken for the one that is in its place now.
 */
#ifndef ZCDMA_SOURCE_LENT_H
#define ZCDMA_SOURCE_LENT_H

#include "internal.h"

#define ZC_LENT_NONE UINT32_MAX

enum zc_lent_state {
	ZC_LENT_FREE,	/* the place is not taken */
	ZC_LENT_CALLER, /* delivered */
	ZC_LENT_PATH,	/* passed to a path */
	ZC_LENT_LOST,	/* a path was closed while its pages were in flight */
};

struct zc_lent_block {
	struct zcdma_block b; /* as it was delivered */
	enum zc_lent_state state;
	uint32_t next; /* free place, or block of a path's queue */
	struct zcdma_path *path;
	uint64_t sent_ns; /* when it was passed to the path */
};

struct zc_lent {
	struct zc_lent_block *block; /* places, which move when more are needed */
	uint32_t size, free;
	uint32_t with_caller, with_paths; /* blocks */
};

void zc_lent_free(struct zc_lent *l);

/* Make sure that zc_lent_add() cannot fail. Returns 0 or -ENOMEM. */
int zc_lent_reserve(struct zc_lent *l);

/* Note a block that is delivered now, and give it its ticket. */
void zc_lent_add(struct zc_lent *l, struct zcdma_block *b);

/* Returns the block of that ticket, or NULL if it is neither the caller's nor a path's. */
struct zc_lent_block *zc_lent_find(const struct zc_lent *l, uint64_t ticket);

/* Pass a block of the caller's to @path. */
void zc_lent_pass(struct zc_lent *l, struct zc_lent_block *e, struct zcdma_path *path);

/* Forget a block that goes back to its source. */
void zc_lent_remove(struct zc_lent *l, struct zc_lent_block *e);

/* Give up a block of a path whose pages are in flight for an unknown time. */
void zc_lent_lose(struct zc_lent *l, struct zc_lent_block *e);

#endif
