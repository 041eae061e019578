/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Submissions to an io_uring, one at a time. A submission that the kernel refuses stays in the queue, and the next call would
 * submit it too, when its memory may have been written to again: so the next one takes its place.
 */
#ifndef ZCDMA_PATH_URING_SUBMIT_H
#define ZCDMA_PATH_URING_SUBMIT_H

#include "path/uring_compat.h"

/* How long the kernel may refuse submissions for lack of memory, or of room for completions; and when to ask again. */
#define ZC_URING_REFUSALS_NS 2000000000u
#define ZC_URING_NAP_MS	     1

/* Returns whether a submission that was refused with @rc may be taken later. */
static inline bool zc_uring_may_pass(int rc)
{
	return rc == -EINTR || rc == -EAGAIN || rc == -EBUSY;
}

/* Returns where to prepare a submission: *@entry if that was refused, or else a new place, which *@entry becomes. */
struct io_uring_sqe *zc_uring_entry(struct io_uring *ring, struct io_uring_sqe **entry);

/*
 * Submit *@entry, which is then NULL. A kernel that is short of memory is asked again for up to 2 s. Returns 0, or a negative
 * errno: then nothing that was prepared is read or written.
 */
int zc_uring_submit(struct io_uring *ring, struct io_uring_sqe **entry);

#endif
