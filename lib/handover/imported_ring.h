/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring that another process handed over: its blocks, and their way back. */
#ifndef ZCDMA_HANDOVER_IMPORTED_RING_H
#define ZCDMA_HANDOVER_IMPORTED_RING_H

#include "handover/listener.h"
#include "source/source.h"

struct zc_handed_slot;

struct zc_handed {
	struct zcdma_source *src; /* whose blocks they become */
	unsigned flags;		  /* enum zc_use */
	int sock;		  /* -1: there is no ring */
	int fd;
	struct zc_ho_offer offer;
	unsigned char *map; /* NULL for a file, and where descriptors are taken */
	size_t size;
	struct zc_handed_slot *slots;
	unsigned held; /* slots of which something is not put yet */
	bool ended;
	uint64_t next, bytes; /* blocks and bytes that the writer announced */
	struct zc_ho_msg in;  /* blocks told of ... */
	uint32_t at, count;   /* ... the next one, and how many there are ... */
	struct zc_handed_slot
		*open;	 /* ... and the next one's place, where a part of it is out ... */
	uint64_t taken;	 /* ... of so many bytes */
	uint32_t *again; /* slots whose release is not sent yet: at most .offer.blocks */
	unsigned again_count;
};

/* Take the ring of @call for @src, which was opened with @flags. 0, or a negative errno: unusable. */
int zc_handed_open(struct zc_handed *r, struct zcdma_source *src, unsigned flags,
		   const struct zc_call *call);

/*
 * As zc_source_ops.next(). .index is from 0 on, .offset and .seq are the ring's own. 0: all of it was
 * taken and put.
 */
int zc_handed_next(struct zc_handed *r, size_t max, struct zcdma_block *b);

/* The block, or the piece of one, with that .index is put. */
void zc_handed_put(struct zc_handed *r, uint32_t index, enum zc_put how);

/*
 * Tell the writer where it is to go on, for whoever reads the pipe after us. Not where blocks are
 * still out, as after an error: then it is not known what became of them.
 */
void zc_handed_leave(struct zc_handed *r);

/* Without a ring, nothing. */
void zc_handed_close(struct zc_handed *r);

#endif
