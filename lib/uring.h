/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* liburing, or where zcdma is built without it, a stand-in that answers -EOPNOTSUPP. */
#ifndef ZCDMA_URING_H
#define ZCDMA_URING_H

#ifdef HAVE_LIBURING

#include <liburing.h>

#else

#include <errno.h>
#include <sys/uio.h>

struct io_uring {
	char unused;
};

static inline int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
	(void)entries;
	(void)ring;
	(void)flags;
	return -EOPNOTSUPP;
}

static inline void io_uring_queue_exit(struct io_uring *ring)
{
	(void)ring;
}

static inline int io_uring_register_buffers(struct io_uring *ring, const struct iovec *iov,
					    unsigned count)
{
	(void)ring;
	(void)iov;
	(void)count;
	return -EOPNOTSUPP;
}

static inline int io_uring_unregister_buffers(struct io_uring *ring)
{
	(void)ring;
	return -EOPNOTSUPP;
}

#endif

#endif
