/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks are in flight, and which of their sends have completed: the bookkeeping of
 * MSG_ZEROCOPY (Documentation/networking/msg_zerocopy.rst). No system calls here.
 *
 * The kernel numbers a socket's successful MSG_ZEROCOPY sends from 0 on, modulo 2^32, and reports
 * ranges of numbers: out of order, and several sends merged into one report. A block may take
 * several sends, and one is done when all of it was sent and each of its sends has completed.
 */
#ifndef ZCDMA_PATH_COMPLETION_H
#define ZCDMA_PATH_COMPLETION_H

#include "internal.h"

struct zc_inflight; /* a block */

struct zc_send {
	struct zc_inflight *block; /* NULL: completed */
	size_t len;
};

struct zc_tracker {
	struct zc_send *sends; /* a window of .size (a power of 2) sends, by number */
	uint32_t size;
	uint32_t first, next;	  /* numbers: the oldest not completed, and the next one */
	struct zc_inflight *open; /* the block that is being sent */
	struct zc_inflight *done, **done_tail; /* finished blocks, for reaping */
	uint32_t blocks;		       /* neither reaped nor open */
};

/* What a range of completions was about. */
struct zc_completed {
	uint64_t bytes;
	uint32_t sends;
};

void zc_tracker_init(struct zc_tracker *t);
void zc_tracker_free(struct zc_tracker *t);

/*
 * Make sure that zc_tracker_sent() cannot fail: call it before the system call. 0 or -ENOMEM.
 * @b is the block of the send.
 */
int zc_tracker_prepare(struct zc_tracker *t, const struct zcdma_block *b);

/* Count a MSG_ZEROCOPY send of the prepared block, which took @len bytes. */
void zc_tracker_sent(struct zc_tracker *t, size_t len);

/* Finish the prepared block, which was sent whole. Returns whether completions are outstanding; else it is forgotten. */
bool zc_tracker_finish_block(struct zc_tracker *t);

/* Complete sends @lo to @hi (inclusive). Numbers that are not in flight are ignored. */
struct zc_completed zc_tracker_complete(struct zc_tracker *t, uint32_t lo, uint32_t hi);

/* Take one finished block. */
bool zc_tracker_reap(struct zc_tracker *t, struct zcdma_block *b);

static inline uint32_t zc_tracker_pending(const struct zc_tracker *t)
{
	return t->next - t->first;
}

#endif
