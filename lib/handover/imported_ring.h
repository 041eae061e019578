/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring that another process handed over. */
#ifndef ZCDMA_HANDOVER_IMPORTED_RING_H
#define ZCDMA_HANDOVER_IMPORTED_RING_H

#include "handover/listener.h"
#include "handover/shared_page.h"
#include "source/source.h"

struct zc_imported_slot;

struct zc_imported_ring {
	struct zcdma_source *src; /* whose blocks they become */
	unsigned flags;		  /* enum zc_use */
	int sock;		  /* to the writer; -1: no ring is imported */
	int fd;
	struct zc_ho_offer offer;
	unsigned char *map; /* NULL for a file, and where descriptors are taken */
	size_t size;
	struct zc_imported_slot *slots;
	struct zc_shared_page page; /* or none: blocks and releases go by messages */
	unsigned held;		    /* slots of which a piece is not put yet */
	bool told_end, ended;	    /* its message came, .end; all before it came too */
	struct zc_ho_end end;
	bool hung_up;
	uint64_t next, bytes; /* blocks and bytes that the writer announced */
	struct zc_ho_msg in;  /* announced blocks ... */
	uint32_t at, count;   /* ... the next one, and their number ... */
	struct zc_imported_slot
		*open;	      /* ... and the slot of the next one, if a part of it was taken: ... */
	uint64_t taken;	      /* ... this many bytes */
	uint32_t *again;      /* slots whose release is not sent yet: at most .offer.blocks */
	unsigned again_count; /* with a page: of releases that the writer was not woken for */
};

/* Import the ring of @offer for @src, whose blocks are used as @flags say. Returns 0 or a negative errno. */
int zc_imported_ring_open(struct zc_imported_ring *r, struct zcdma_source *src, unsigned flags,
			  const struct zc_ring_offer *offer);

/*
 * Take the next block, as zc_source_ops.next() does. .index counts from 0, .offset and .seq are the ring's own.
 * Returns 0 if all blocks were taken and put.
 */
int zc_imported_ring_next(struct zc_imported_ring *r, size_t max, struct zcdma_block *b);

/* Put the block, or the piece of one, with that .index. */
void zc_imported_ring_put(struct zc_imported_ring *r, uint32_t index, enum zc_put how);

/*
 * Send the writer the place from which to go on for another reader of the pipe. Nothing is sent while blocks are
 * still out, as after an error: then it is unknown what became of them.
 */
void zc_imported_ring_leave(struct zc_imported_ring *r);

/* Close the ring, if one is imported. */
void zc_imported_ring_close(struct zc_imported_ring *r);

#endif
