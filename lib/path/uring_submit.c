// SPDX-License-Identifier: LGPL-2.1-or-later
/* Submissions to an io_uring, one at a time: what the kernel refuses is not submitted later. */
#include <poll.h>

#include "path/uring_submit.h"

struct io_uring_sqe *zc_uring_entry(struct io_uring *ring, struct io_uring_sqe **entry)
{
	if (!*entry)
		*entry = io_uring_get_sqe(ring);
	return *entry;
}

int zc_uring_submit(struct io_uring *ring, struct io_uring_sqe **entry)
{
	uint64_t deadline = 0;

	for (;;) {
		int rc = io_uring_submit(ring);

		if (rc > 0) {
			*entry = NULL;
			return 0;
		}
		if (rc == -EINTR)
			continue;
		if (!deadline)
			deadline = zc_now_ns() + ZC_URING_REFUSALS_NS;
		if ((rc && !zc_uring_may_pass(rc)) || zc_now_ns() >= deadline)
			return rc ? rc : -EAGAIN;
		poll(NULL, 0, ZC_URING_NAP_MS);
	}
}
