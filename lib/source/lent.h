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
	uint32_t
		next; /* free place, block of a path's queue, or one that is in flight by the same send */
	uint32_t
		share; /* the next share of the same block, in a circle; the place itself where it is not shared */
	bool replace; /* another share went back without a proof */
	bool stuck; /* a part of it is in flight for an unknown time: it is lost when it is sent */
	struct zcdma_path *path;
	uint64_t sent_ns; /* when the path first tried to send it; 0: not yet */
	uint64_t number;  /* among those that the path sent whole; 0: it is not */
};

struct zc_lent {
	struct zc_lent_block *block; /* places, which move when more are needed */
	uint32_t size, free;
	/* Blocks of which the caller or a path has a share. */
	uint32_t with_caller, with_paths;
	uint32_t lost; /* shares that do not come back */
};

void zc_lent_free(struct zc_lent *l);

/* Make sure that zc_lent_add() cannot fail. Returns 0 or -ENOMEM. */
int zc_lent_reserve(struct zc_lent *l);

/* Note a block that is delivered now, and give it its ticket. */
void zc_lent_add(struct zc_lent *l, struct zcdma_block *b);

/*
 * Note that the caller has one more share of the block at @place, after zc_lent_reserve(). Returns it, with a ticket of
 * its own.
 */
struct zc_lent_block *zc_lent_share(struct zc_lent *l, uint32_t place);

/* Returns the block of that ticket, or NULL if it is neither the caller's nor a path's. */
struct zc_lent_block *zc_lent_find(const struct zc_lent *l, uint64_t ticket);

/* Pass a block of the caller's to @path. */
void zc_lent_pass(struct zc_lent *l, struct zc_lent_block *e, struct zcdma_path *path);

/*
 * Forget a share, which may need fresh pages (@replace). Returns whether it was the block's last one: then the block
 * goes back to its source, with fresh pages if *@replace says so of any share.
 */
bool zc_lent_remove(struct zc_lent *l, struct zc_lent_block *e, bool *replace);

/* Give up a share of a path whose pages are in flight for an unknown time. */
void zc_lent_lose(struct zc_lent *l, struct zc_lent_block *e);

/* Returns how many blocks do not come back unless the caller gives them back, or not at all as a share was lost. */
uint32_t zc_lent_stuck(const struct zc_lent *l);

#endif
