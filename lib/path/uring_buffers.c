// SPDX-License-Identifier: LGPL-2.1-or-later
/* A ring of blocks as registered buffers of io_uring. */
#include <stdlib.h>
#include <sys/uio.h>

#include "memory/ring.h"
#include "path/uring_buffers.h"

/* The most that the kernel registers as one buffer: io_buffer_validate() in io_uring/rsrc.c. */
#define MOST_REGISTERED ((size_t)1 << 30)

int zc_uring_register(struct io_uring *uring, const struct zc_ring *ring, size_t *each)
{
	size_t blocks = MOST_REGISTERED / ring->block_size, left = ring->blocks, n = 0;
	const size_t bytes = blocks * ring->block_size;
	struct iovec *iov;
	int rc;

	if (!blocks)
		return -EFBIG;
	iov = calloc(left / blocks + 1, sizeof(*iov));
	if (!iov)
		return -ENOMEM;
	for (; left; left -= zc_min(left, blocks), n++)
		iov[n] = (struct iovec){
			.iov_base = ring->base + n * bytes,
			.iov_len = zc_min(left, blocks) * ring->block_size,
		};
	rc = io_uring_register_buffers(uring, iov, (unsigned)n);
	free(iov);
	if (!rc)
		*each = bytes;
	return rc;
}
