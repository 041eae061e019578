/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Duplicates of one transmission: a capture on several interfaces, as on a bridge and its ports, or at a mirror
 * port, holds a packet more than once.
 */
#ifndef ZCDMA_PACKET_DUPLICATES_H
#define ZCDMA_PACKET_DUPLICATES_H

#include "packet/frame.h"

struct zc_duplicates;

/* Create a table. Returns NULL if no memory is left. */
struct zc_duplicates *zc_duplicates_new(void);

/* Free the table; NULL is fine. */
void zc_duplicates_free(struct zc_duplicates *c);

/*
 * Remember a packet with data, captured at @time_ns; @stream is a number that no other stream has. Returns whether
 * it duplicates one that was captured before: the same headers, with the same identification or at another point,
 * a short time ago. The caller compares the payload of TCP.
 */
bool zc_duplicates_seen(struct zc_duplicates *c, const struct zc_frame *f, uint64_t stream,
			uint64_t time_ns);

#endif
