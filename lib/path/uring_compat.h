/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* liburing, or where zcdma is built without it, a stand-in that answers -EOPNOTSUPP. */
#ifndef ZCDMA_PATH_URING_COMPAT_H
#define ZCDMA_PATH_URING_COMPAT_H

#include "internal.h"

/* Describe in @buf why io_uring cannot be used, after io_uring_queue_init() returned -@err. Returns @buf. */
const char *zc_uring_refused(int err, char *buf, size_t len);

/* Report that likewise, with a hint if a limit is the reason. Returns -ENOMEM or -EOPNOTSUPP. */
int zc_uring_fail(struct zcdma_ctx *ctx, int err);

#ifdef HAVE_LIBURING

#include <liburing.h>

#define ZC_HAVE_URING true

#else

#include <linux/io_uring.h>
#include <sys/uio.h>

#define ZC_HAVE_URING false

/* Nothing below io_uring_queue_init() is ever reached, as that fails. */
struct io_uring {
	int ring_fd;
};

static inline int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
	(void)entries;
	(void)ring;
	(void)flags;
	return -EOPNOTSUPP;
}

static inline int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
					     struct io_uring_params *p)
{
	return io_uring_queue_init(entries, ring, p->flags);
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

static inline int io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count)
{
	return io_uring_register_buffers(ring, NULL, count);
}

static inline int io_uring_unregister_buffers(struct io_uring *ring)
{
	(void)ring;
	return -EOPNOTSUPP;
}

static inline struct io_uring_sqe *io_uring_get_sqe(struct io_uring *ring)
{
	(void)ring;
	return NULL;
}

static inline void io_uring_prep_send_zc(struct io_uring_sqe *sqe, int fd, const void *buf,
					 size_t len, int flags, unsigned zc_flags)
{
	(void)sqe;
	(void)fd;
	(void)buf;
	(void)len;
	(void)flags;
	(void)zc_flags;
}

static inline void io_uring_prep_send_zc_fixed(struct io_uring_sqe *sqe, int fd, const void *buf,
					       size_t len, int flags, unsigned zc_flags,
					       unsigned index)
{
	(void)index;
	io_uring_prep_send_zc(sqe, fd, buf, len, flags, zc_flags);
}

static inline void io_uring_prep_write(struct io_uring_sqe *sqe, int fd, const void *buf,
				       unsigned len, uint64_t offset)
{
	(void)sqe;
	(void)fd;
	(void)buf;
	(void)len;
	(void)offset;
}

static inline void io_uring_prep_write_fixed(struct io_uring_sqe *sqe, int fd, const void *buf,
					     unsigned len, uint64_t offset, int index)
{
	(void)index;
	io_uring_prep_write(sqe, fd, buf, len, offset);
}

static inline int io_uring_submit(struct io_uring *ring)
{
	(void)ring;
	return -EOPNOTSUPP;
}

static inline int io_uring_submit_and_wait(struct io_uring *ring, unsigned count)
{
	(void)count;
	return io_uring_submit(ring);
}

static inline int io_uring_wait_cqe(struct io_uring *ring, struct io_uring_cqe **cqe)
{
	(void)ring;
	(void)cqe;
	return -EOPNOTSUPP;
}

static inline int io_uring_peek_cqe(struct io_uring *ring, struct io_uring_cqe **cqe)
{
	return io_uring_wait_cqe(ring, cqe);
}

static inline void io_uring_cqe_seen(struct io_uring *ring, struct io_uring_cqe *cqe)
{
	(void)ring;
	(void)cqe;
}

#endif

/* From Linux 6.2 on, and later than liburing 2.3: include/uapi/linux/io_uring.h. */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

#endif
