/* SPDX-License-Identifier: GPL-2.0-only */
/* The control page: blocks go to user space and come back without a call. */
#ifndef ZCDMA_CONTROL_H
#define ZCDMA_CONTROL_H

#include "types.h"

/* Return the size of a control page with its two arrays, in whole pages. */
size_t zcdma_control_bytes(u32 blocks);
/* Return where it is in what a file maps. */
u64 zcdma_control_offset(const struct zcdma_ring *ring);

/* Make the control page of a ring. Returns 0, or -ENOMEM. */
int zcdma_control_create(struct zcdma_ring *ring);
/* Free it, if there is one. No mapping of it is left. */
void zcdma_control_destroy(struct zcdma_ring *ring);

/* Return whether the ring has one. */
static inline bool zcdma_control_is_used(const struct zcdma_ring *ring)
{
	return ring->control.page;
}

/* Call these four with zdev->lock held. */

/* Put a block that is on no list into the page. It is user space's from then on. */
void zcdma_control_offer(struct zcdma_ring *ring, struct zcdma_block *block);
/* Get what user space gave back next. Returns false if that is nothing. */
bool zcdma_control_next(struct zcdma_ring *ring, u32 *index, u64 *length);
/* Count an entry that could not be given back. */
void zcdma_control_refuse(struct zcdma_ring *ring);
/*
 * Say in the page whether the stream has ended and whether the device is short of blocks. Returns
 * whether it is, or soon will be, and user space has given some back: then look for them now.
 */
bool zcdma_control_update(struct zcdma_ring *ring);

/* Return whether there is a block in the page that user space has not taken, by its own account. */
bool zcdma_control_has_news(const struct zcdma_ring *ring);

#endif /* ZCDMA_CONTROL_H */
