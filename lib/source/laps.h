/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream that begins anew where it ends. If all of it fits into the ring, its blocks are kept there, filled once, and
 * delivered again and again; if not, it has to be read again.
 */
#ifndef ZCDMA_SOURCE_LAPS_H
#define ZCDMA_SOURCE_LAPS_H

#include "memory/block_pool.h"

enum zc_laps_state {
	ZC_LAPS_OFF,	/* the stream ends, or is read again */
	ZC_LAPS_KEEP,	/* the first lap: each block that is filled is kept */
	ZC_LAPS_REPEAT, /* the blocks that were kept are the stream */
};

struct zc_kept {
	uint32_t index; /* in the ring */
	size_t len;
	bool out;     /* delivered, and not back */
	bool replace; /* something may still read it: it came back without a proof */
};

struct zc_laps {
	enum zc_laps_state state;
	struct zc_kept *kept; /* as many as the ring has blocks */
	unsigned count;	      /* that are kept */
	unsigned next;	      /* to be delivered */
};

/* Begin to keep blocks of a ring that has @blocks. Returns 0 or -ENOMEM. */
int zc_laps_open(struct zc_laps *laps, unsigned blocks);
void zc_laps_close(struct zc_laps *laps);

/* Keep a block that is delivered for the first time. */
void zc_laps_keep(struct zc_laps *laps, uint32_t index, size_t len);

/* Returns whether the block that came back is kept as it is, so that it is not for the pool. */
bool zc_laps_put(struct zc_laps *laps, uint32_t index, enum zc_put how);

/* Returns the block that comes next, which is out now, or NULL if it is still out. */
const struct zc_kept *zc_laps_next(struct zc_laps *laps);

/*
 * Keep nothing any more: blocks go to @pool, those that are out once they come back. Returns how many of them need fresh
 * pages, as something may still read the old ones.
 */
unsigned zc_laps_give_up(struct zc_laps *laps, struct zc_pool *pool);

#endif
