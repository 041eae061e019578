/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Submissions to an io_uring, one at a time. A submission that the kernel refuses stays in the queue, and the next call would
 * submit it too, when its memory may have been written to again: so the next one takes its place.
 */
#ifndef ZCDMA_PATH_URING_SUBMIT_H
#define ZCDMA_PATH_URING_SUBMIT_H

#include "path/uring_compat.h"

/* Returns where to prepare a submission: *@entry if that was refused, or else a new place, which *@entry becomes. */
struct io_uring_sqe *zc_uring_entry(struct io_uring *ring, struct io_uring_sqe **entry);

/*
 * Submit *@entry, which is then NULL. A kernel that is short of memory is asked again for up to 2 s. Returns 0, or a negative
 * errno: then nothing that was prepared is read or written.
 */
int zc_uring_submit(struct io_uring *ring, struct io_uring_sqe **entry);

#endif
