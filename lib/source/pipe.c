// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * - : whatever can be read from a descriptor. A block is what one read() gives, so that a slow
 * producer's bytes are passed on at once; for a path that takes descriptors nothing is read at all, but for
 * files whose size says nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/pool_source.h"

/*
 * After stop(), how long to read on to the end of a pipe: a Ctrl-C stops the producer too, and what
 * it had written should still arrive; a producer that goes on is not read any more.
 */
#define LINGER_NS 500000000u

struct pipe_source {
	struct zc_pool_source base; /* without a ring the descriptor itself is lent */
	int fd;
	bool own_fd;
	bool regular;	      /* a file: has offsets, never lets one wait */
	int64_t position;     /* in a regular file */
	int64_t size;	      /* of it, at first */
	uint64_t deadline_ns; /* 0: not stopping */
	bool lent;	      /* descriptors: the one block that is out */
};

/* Returns the error of a socket: a reset connection has nothing to read either, but has not ended. */
static int socket_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? 0 : -err;
}

/* Returns the bytes that can be taken from the descriptor now, 0 at the end, or -EAGAIN. */
static ssize_t available(struct pipe_source *p)
{
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };
	struct stat st;
	int n;

	if (p->regular) {
		if (fstat(p->fd, &st) < 0)
			return -errno;
		return st.st_size > p->position ? (ssize_t)(st.st_size - p->position) : 0;
	}
	if (poll(&fd, 1, 0) < 0)
		return -errno;
	if (!fd.revents)
		return -EAGAIN;
	if (ioctl(p->fd, FIONREAD, &n) < 0)
		return -errno;
	return n || !(fd.revents & POLLERR) ? n : socket_error(p->fd);
}

static int lend_descriptor(struct pipe_source *p, size_t max, struct zcdma_block *b)
{
	ssize_t len;

	p->base.src.starved = p->lent;
	len = p->lent ? -EAGAIN : available(p);
	if (len <= 0)
		return (int)len;
	*b = (struct zcdma_block){
		.len = zc_min((size_t)len, zc_min(max, (size_t)ZC_POOL_BLOCK)),
		.offset = p->base.offset,
		.seq = p->base.seq++,
		.time_ns = zc_now_ns(),
		.fd = p->fd,
		.fd_offset = p->regular ? p->position : -1,
	};
	p->base.offset += b->len;
	p->lent = true;
	return 1;
}

static int read_block(struct pipe_source *p, size_t max, struct zcdma_block *b)
{
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };
	ssize_t len;

	/* Where a signal ended the wait, the read() would wait. */
	if (!p->regular && poll(&fd, 1, 0) <= 0)
		return -EAGAIN;
	len = read(p->fd, zc_pool_source_room(&p->base), zc_min(max, (size_t)ZC_POOL_BLOCK));
	if (len <= 0)
		return len < 0 ? -errno : 0;
	p->base.src.stats.kernel_copied_bytes += (size_t)len;
	p->base.filled = (size_t)len;
	zc_pool_source_finish(&p->base, b);
	return 1;
}

/* Returns whether a file is shorter now than it was. */
static bool was_cut(const struct pipe_source *p)
{
	struct stat st;

	return p->regular && !fstat(p->fd, &st) && st.st_size < p->size;
}

static int pipe_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct pipe_source *p = (struct pipe_source *)src;
	const bool has_ring = p->base.pool.ring.base;
	int rc;

	if (p->deadline_ns && (p->regular || zc_now_ns() > p->deadline_ns))
		return 0;
	rc = has_ring ? zc_pool_source_begin(&p->base) : 0;
	if (rc)
		return rc;
	rc = has_ring ? read_block(p, max, b) : lend_descriptor(p, max, b);
	if (rc == -EINTR)
		return -EAGAIN;
	if (rc < 0 && rc != -EAGAIN)
		return zc_fail(src->ctx, -rc, "read %s", src->name);
	if (!rc && was_cut(p))
		return zc_fail_plain(src->ctx, EIO, "read %s: it was cut short meanwhile",
				     src->name);
	if (rc == 1)
		p->position += (int64_t)b->len;
	return rc;
}

static void pipe_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct pipe_source *p = (struct pipe_source *)src;

	if (p->base.pool.ring.base) {
		zc_pool_source_put(src, b, how);
		return;
	}
	/* The path took the bytes by their offset; the file's own position follows. */
	if (p->regular)
		lseek(p->fd, p->position, SEEK_SET);
	p->lent = src->starved = false;
}

static void pipe_stop(struct zcdma_source *src)
{
	struct pipe_source *p = (struct pipe_source *)src;

	p->deadline_ns = zc_now_ns() + LINGER_NS;
}

static void pipe_close(struct zcdma_source *src)
{
	struct pipe_source *p = (struct pipe_source *)src;

	if (p->own_fd)
		close(p->fd);
}

static int check_readable(struct zcdma_source *src, int fd, struct stat *st)
{
	int flags = fcntl(fd, F_GETFL), rc;

	if (flags < 0 || fstat(fd, st) < 0 || (flags & O_ACCMODE) == O_WRONLY) {
		rc = zc_fail_plain(src->ctx, EBADF, "read %s: it is not open for reading",
				   src->name);
		if (fd == STDIN_FILENO)
			zc_hint(src->ctx, "name a source, for example sim: or file:PATH");
		return rc;
	}
	if (S_ISDIR(st->st_mode))
		return zc_fail(src->ctx, EISDIR, "read %s", src->name);
	return 0;
}

/* Check that the source can tell how much it has to read, which a device cannot, as a block needs a length. */
static int check_spliceable(struct zcdma_source *src, const struct stat *st)
{
	int rc;

	if (S_ISFIFO(st->st_mode) || S_ISREG(st->st_mode) || S_ISSOCK(st->st_mode))
		return 0;
	rc = zc_fail_plain(src->ctx, EINVAL, "splice from %s: it is a device", src->name);
	zc_hint(src->ctx, "choose a path that reads: --path=copy");
	return rc;
}

int zc_pipe_attach(struct zcdma_source *src, int fd, bool own)
{
	struct pipe_source *p = (struct pipe_source *)src;
	struct stat st;
	int rc = check_readable(src, fd, &st);

	/* More bytes at a time; a refusal (an unprivileged user's limit) does no harm. */
	if (!rc && S_ISFIFO(st.st_mode))
		fcntl(fd, F_SETPIPE_SZ, ZC_POOL_BLOCK);
	p->fd = fd;
	p->own_fd = own;
	if (rc)
		return rc;
	p->regular = S_ISREG(st.st_mode);
	p->size = st.st_size;
	p->position = p->regular ? lseek(fd, 0, SEEK_CUR) : 0;
	src->poll_fd = p->regular ? -1 : fd;
	src->origin_fd = fd;
	src->info.block_size = ZC_POOL_BLOCK;
	return 0;
}

static int pipe_activate(struct zcdma_source *src, unsigned uses)
{
	struct pipe_source *p = (struct pipe_source *)src;
	struct stat st;
	int rc;

	if (uses & ZC_USE_FD) {
		rc = fstat(p->fd, &st) < 0 ? zc_fail(src->ctx, errno, "read %s", src->name)
					   : check_spliceable(src, &st);
		if (rc)
			return rc;
	}
	/* How much is left of a file whose size says nothing is unknown without reading it. */
	if (!(uses & ZC_USE_FD) || (p->regular && !zc_size_is_known(p->fd)))
		return zc_pool_source_activate(&p->base, uses);
	src->file_fd = p->regular ? p->fd : -1;
	src->info.caps = p->regular ? ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET : ZCDMA_CAP_FD;
	return 0;
}

static void pipe_deactivate(struct zcdma_source *src)
{
	zc_pool_source_deactivate(src);
	src->file_fd = -1;
}

const struct zc_source_ops zc_source_pipe = {
	.type = { .name = "pipe" },
	.size = sizeof(struct pipe_source),
	.activate = pipe_activate,
	.deactivate = pipe_deactivate,
	.next = pipe_next,
	.put = pipe_put,
	.stop = pipe_stop,
	.get_stats = zc_pool_source_get_stats,
	.close = pipe_close,
};
