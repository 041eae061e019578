/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The blocks that the reader at the other end of a hand-over has, and those that it released. */
#ifndef ZCDMA_HANDOVER_OUTSTANDING_H
#define ZCDMA_HANDOVER_OUTSTANDING_H

#include "path/path.h"

enum zc_outstanding_state {
	ZC_OUTSTANDING_UNUSED,
	ZC_OUTSTANDING_OUT,  /* announced to the reader, or about to be */
	ZC_OUTSTANDING_DONE, /* released, and not reaped yet */
};

struct zc_outstanding_block {
	struct zcdma_block b;
	uint64_t id;
	enum zc_outstanding_state state;
};

struct zc_outstanding {
	struct zc_outstanding_block *table; /* of .size; with .by_index, by the block's index */
	struct zc_outstanding_block **done; /* those to reap, first in, first out */
	uint32_t size;
	bool by_index;
	unsigned done_head, done_count;
	unsigned out; /* blocks in that state */
};

/* Make room for @size blocks. Returns 0 or -ENOMEM. */
int zc_outstanding_init(struct zc_outstanding *o, uint32_t size, bool by_index);
void zc_outstanding_free(struct zc_outstanding *o);

/* Returns the free place for a block, or NULL if the reader has as many blocks as it may have. */
struct zc_outstanding_block *zc_outstanding_place(const struct zc_outstanding *o,
						  const struct zcdma_block *b);

/* Put a block, which goes to the reader as @id, into its place. */
void zc_outstanding_add(struct zc_outstanding *o, struct zc_outstanding_block *place,
			const struct zcdma_block *b, uint64_t id);

/* Find the block that is out as @id, in the place @slot, which may be any number. Returns NULL without one. */
struct zc_outstanding_block *zc_outstanding_at(const struct zc_outstanding *o, uint32_t slot,
					       uint64_t id);

/* Find the block that is out as @id, in any place. Returns NULL without one. */
struct zc_outstanding_block *zc_outstanding_find(const struct zc_outstanding *o, uint64_t id);

/* Returns the lowest id of the blocks that are out, or @none without one. */
uint64_t zc_outstanding_first(const struct zc_outstanding *o, uint64_t none);

/* Returns how many bytes are out. */
uint64_t zc_outstanding_bytes(const struct zc_outstanding *o);

/* Note that a block is back, and how its pages are. */
void zc_outstanding_release(struct zc_outstanding *o, struct zc_outstanding_block *e,
			    enum zc_put how);

/* Take the block that was released first. Returns false without one. */
bool zc_outstanding_reap(struct zc_outstanding *o, struct zcdma_block *b);

#endif
