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

#include "source/laps.h"
#include "source/pool_source.h"
#include "util/direct_io.h"

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
	bool ended;	      /* once a read() said so */
	int direct_copies;    /* with .direct, as zc_direct_copies() */
	int64_t start;	      /* where a regular file begins, to repeat it */
	struct zc_laps laps;
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

/* Set the error message for a read that failed. Returns -@err. */
static int fail_read(struct pipe_source *p, int err)
{
	struct zcdma_source *src = &p->base.src;
	int rc =
		zc_fail(src->ctx, err, "read %s%s", src->name, src->direct ? " with O_DIRECT" : "");

	if (src->direct && err == EFAULT)
		zc_hint(src->ctx, "O_DIRECT wants memory with pages, which model=coherent has not");
	else if (src->direct && err == EINVAL)
		zc_hint(src->ctx,
			"the file system does not take it, or not blocks of that size: leave --direct out");
	return rc;
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
	p->position += (int64_t)b->len;
	p->lent = true;
	return 1;
}

static void count_read(struct pipe_source *p, size_t len)
{
	struct zcdma_source_stats *stats = &p->base.src.stats;

	if (!p->base.src.direct || p->direct_copies > 0)
		stats->kernel_copied_bytes += len;
	else if (p->direct_copies < 0)
		stats->unknown_bytes += len;
	p->position += (int64_t)len;
}

/* Read once, until the block has @size bytes at most. Returns 1, 0 at the end, or a negative errno. */
static int read_some(struct pipe_source *p, size_t size)
{
	const size_t room = size - p->base.filled;
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };
	ssize_t len;

	/* Where a signal ended the wait, the read() would wait. */
	if (!p->regular && poll(&fd, 1, 0) <= 0)
		return -EAGAIN;
	/* O_DIRECT takes no odd lengths; what is beyond the limit is read, and left out. */
	len = p->base.src.direct ? available(p) : 1;
	if (len > 0)
		len = read(p->fd, zc_pool_source_room(&p->base),
			   p->base.src.direct ? p->base.pool->ring.block_size - p->base.filled
					      : room);
	if (len < 0)
		return -errno;
	len = (ssize_t)zc_min((size_t)len, room);
	count_read(p, (size_t)len);
	p->base.filled += (size_t)len;
	return len > 0;
}

static void finish_block(struct pipe_source *p, struct zcdma_block *b)
{
	zc_pool_source_finish(&p->base, b);
	zc_laps_keep(&p->laps, b->index, b->len);
}

/* Fill a block: by one read(), or for a device that plays whole. Returns 1, 0 at the end, or a negative errno. */
static int read_block(struct pipe_source *p, size_t max, struct zcdma_block *b)
{
	const size_t size = zc_min(max, p->base.pool->ring.block_size);
	const bool whole = zc_pool_source_fills_target(&p->base);
	int rc;

	do {
		rc = read_some(p, size);
	} while (rc == 1 && whole && p->base.filled < size);
	if (rc == -EAGAIN || rc == -EINTR)
		return rc;
	if (rc < 0)
		rc = fail_read(p, -rc);
	if (!p->base.filled)
		return rc;
	/* What came before is delivered first. */
	p->ended = !rc;
	if (rc < 0)
		zc_error_keep(&p->base.failed, p->base.src.ctx, rc);
	finish_block(p, b);
	return 1;
}

/* Returns whether a file is shorter now than it was. */
static bool was_cut(const struct pipe_source *p)
{
	struct stat st;

	return p->regular && !fstat(p->fd, &st) && st.st_size < p->size;
}

/*
 * Laps
 */

/* The ring is full of the first lap. Returns 0 if the stream is read on, and again, 1 if it ended there, or a negative errno. */
static int stop_keeping(struct pipe_source *p)
{
	const struct zc_ring *ring = &p->base.pool->ring;
	struct zcdma_ctx *ctx = p->base.src.ctx;
	ssize_t more = available(p);
	char size[32];

	if (!more)
		return 1;
	if (more < 0)
		return more == -EAGAIN ? -EAGAIN : fail_read(p, (int)-more);
	if (p->regular) {
		p->base.src.stats.replaced += zc_laps_give_up(&p->laps, p->base.pool);
		return 0;
	}
	zc_fail_plain(ctx, ENOBUFS,
		      "repeat %s: it is not a file, and does not fit into the ring of %u x %s",
		      p->base.src.name, ring->blocks,
		      zcdma_size_format(ring->block_size, size, sizeof(size)));
	zc_hint(ctx, "make the ring larger (blocks=N, block=SIZE), or put it into a file");
	return -ENOBUFS;
}

/* The stream ended: begin a lap, without what was kept by reading. Returns whether there is one. */
static bool begin_lap(struct pipe_source *p)
{
	p->ended = false;
	if (p->laps.state == ZC_LAPS_KEEP && p->laps.count) {
		p->laps.state = ZC_LAPS_REPEAT;
		/* Nothing more is read into a block. */
		if (p->base.filling)
			zc_pool_put(p->base.pool, p->base.index, ZC_PUT_REUSE);
		p->base.filling = false;
		return true;
	}
	if (p->laps.state != ZC_LAPS_OFF || p->position == p->start ||
	    lseek(p->fd, p->start, SEEK_SET) < 0)
		return false;
	p->position = p->start;
	return true;
}

/* Deliver the next block that was kept, as it is. */
static int next_kept(struct pipe_source *p, struct zcdma_block *b)
{
	const struct zc_kept *k = zc_laps_next(&p->laps);

	p->base.src.starved = !k;
	if (!k)
		return -EAGAIN;
	p->base.index = k->index;
	p->base.filled = k->len;
	zc_pool_source_finish(&p->base, b);
	return 1;
}

/*
 * The source's operations
 */

/* Take a block as the source has them: of the ring, or of the descriptor. */
static int next_block(struct pipe_source *p, size_t max, struct zcdma_block *b)
{
	int rc;

	if (!p->base.pool) {
		rc = lend_descriptor(p, max, b);
		return rc < 0 && rc != -EAGAIN ? fail_read(p, -rc) : rc;
	}
	if (p->laps.state == ZC_LAPS_REPEAT)
		return next_kept(p, b);
	if (p->laps.state == ZC_LAPS_KEEP && !p->base.filling && !p->base.pool->unused_count) {
		rc = stop_keeping(p);
		if (rc)
			return rc == 1 ? 0 : rc;
	}
	rc = zc_pool_source_begin(&p->base);
	if (rc)
		return rc;
	return p->ended ? 0 : read_block(p, max, b);
}

static int pipe_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct pipe_source *p = (struct pipe_source *)src;
	int rc;

	if (p->deadline_ns && (p->regular || zc_now_ns() > p->deadline_ns)) {
		if (!p->base.filled)
			return 0;
		finish_block(p, b);
		return 1;
	}
	do {
		rc = next_block(p, max, b);
	} while (!rc && src->repeats && !was_cut(p) && begin_lap(p));
	if (rc == -EINTR)
		return -EAGAIN;
	if (!rc && was_cut(p))
		return zc_fail_plain(src->ctx, EIO, "read %s: it was cut short meanwhile",
				     src->name);
	return rc;
}

static void pipe_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct pipe_source *p = (struct pipe_source *)src;

	if (p->base.pool) {
		if (zc_laps_put(&p->laps, b->index, how))
			src->starved = false;
		else
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

static int read_directly(struct pipe_source *p)
{
	const int flags = fcntl(p->fd, F_GETFL);

	if (!p->regular)
		return zc_fail_plain(p->base.src.ctx, EINVAL,
				     "read %s with O_DIRECT: it is not a file", p->base.src.name);
	if (flags < 0 || fcntl(p->fd, F_SETFL, flags | O_DIRECT) < 0)
		return fail_read(p, errno);
	p->direct_copies = zc_direct_copies(p->fd);
	return 0;
}

static int activate_ring(struct pipe_source *p, unsigned uses)
{
	struct zcdma_source *src = &p->base.src;
	int rc = src->direct ? read_directly(p) : 0;

	if (!rc)
		rc = zc_pool_source_activate(&p->base, uses);
	if (rc || !src->repeats)
		return rc;
	p->start = p->position;
	if (!zc_laps_open(&p->laps, p->base.pool->ring.blocks))
		return 0;
	zc_pool_source_deactivate(src);
	return zc_fail(src->ctx, ENOMEM, "repeat %s", src->name);
}

bool zc_pipe_next_rest(struct zcdma_source *src, struct zcdma_block *b)
{
	struct pipe_source *p = (struct pipe_source *)src;

	if (!p->base.filled)
		return false;
	finish_block(p, b);
	return true;
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
		return activate_ring(p, uses);
	src->file_fd = p->regular ? p->fd : -1;
	src->info.caps = p->regular ? ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET : ZCDMA_CAP_FD;
	return 0;
}

static void pipe_deactivate(struct zcdma_source *src)
{
	zc_laps_close(&((struct pipe_source *)src)->laps);
	zc_pool_source_deactivate(src);
	src->file_fd = -1;
}

const struct zc_source_ops zc_source_pipe = {
	.type = { .name = "pipe" },
	.size = sizeof(struct pipe_source),
	.fills_target = true,
	.may_repeat = true,
	.activate = pipe_activate,
	.deactivate = pipe_deactivate,
	.next = pipe_next,
	.put = pipe_put,
	.stop = pipe_stop,
	.get_stats = zc_pool_source_get_stats,
	.close = pipe_close,
};
