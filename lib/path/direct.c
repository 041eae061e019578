// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * copy, to a file with O_DIRECT: writes from the block, past the page cache. O_DIRECT wants the offset, the length and
 * the memory to be aligned (open(2)). What is not is gathered in buffers of the path's own until it is. The odd end of
 * a file is written with zeros after it, which are then cut off: so no page of the file is ever in the page cache. Only
 * what cannot be cut off, the end on a block device or before other data, goes through the page cache.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "path/path.h"
#include "path/sent.h"
#include "path/write_queue.h"

/* The logical block size of the device is what O_DIRECT asks for: 4096 at most in practice. */
#define ALIGN	    4096
#define GATHER_SIZE (1u << 20)

/* How far a file is made longer ahead of its data. */
#define RESERVE_SIZE ((uint64_t)64 << 20)

struct direct {
	struct zcdma_path path;
	struct zc_write_queue writes;
	bool begun;		 /* the rest is valid, for the file that the path has */
	uint64_t at;		 /* offset of the next write */
	bool at_end;		 /* no other data is after .at */
	uint64_t reserved;	 /* length that the file was given, or 0 */
	bool unreserved;	 /* it is not made longer ahead of its data */
	unsigned char *gathered; /* the buffer that is being filled, or NULL */
	size_t held;		 /* bytes in it */
	unsigned char *spare[ZC_WRITES_MOST + 1]; /* other buffers */
	unsigned spares;
	struct zc_error error; /* of the write that failed, or .rc 0 */
};

/*
 * Writing
 */

/* Keep an error, whose message is set. Returns @rc. */
static int keep_error(struct direct *d, int rc)
{
	if (!d->error.rc)
		zc_error_keep(&d->error, d->path.ctx, rc);
	return rc;
}

static int write_failed(struct direct *d, const struct zc_write *w)
{
	const struct zc_lent_block *e = zc_lent_find(&d->path.src->lent, w->ticket);

	if (w->err == EFAULT && e)
		return keep_error(d, zc_path_fault(&d->path, &e->b, "write"));
	return keep_error(d, zc_path_fail(&d->path, w->err, "write"));
}

/* Count a write, unless one before it failed: what comes after a hole does not count. */
static void count(struct direct *d, struct zc_write *w)
{
	w->counted = true;
	if (d->error.rc)
		return;
	d->path.stats.direct_bytes += w->done;
	/* Without data after it, a hole may be where no data can be. */
	if (w->done)
		zc_sent_written(&d->path, w->at + w->done);
	if (w->err)
		write_failed(d, w);
}

/* Count what is written without a hole, and take back its buffers. Returns 0, or the error of the first write that failed. */
static int settle(struct direct *d)
{
	struct zc_write *w;

	zc_writes_look(&d->writes, d->path.sink.fd);
	d->path.stats.calls += d->writes.calls;
	d->writes.calls = 0;
	for (unsigned i = 0; (w = zc_writes_at(&d->writes, i)) && w->state == ZC_WRITE_DONE; i++) {
		if (!w->counted)
			count(d, w);
	}
	while ((w = zc_writes_at(&d->writes, 0)) && w->counted && !w->queued) {
		if (w->buffer)
			d->spare[d->spares++] = w->buffer;
		zc_writes_drop(&d->writes);
	}
	return d->error.rc;
}

/*
 * Make the file longer ahead of its data: writes that make it so one after the other would wait for each other (ext4:
 * IOMAP_DIO_FORCE_WAIT in fs/ext4/file.c). A tmpfs would clear pages that are then written anyway.
 */
static void reserve(struct direct *d, uint64_t end)
{
	if (d->unreserved || !d->at_end || d->writes.depth == 1 || end <= d->reserved)
		return;
	if (!fallocate(d->path.sink.fd, 0, (off_t)d->at, (off_t)(end - d->at + RESERVE_SIZE))) {
		d->reserved = end + RESERVE_SIZE;
		return;
	}
	/* What it did get is left to others, as to the manifest. */
	d->unreserved = true;
	if (ftruncate(d->path.sink.fd, (off_t)d->at) == 0)
		d->reserved = 0;
}

/* Begin to write @len aligned bytes. */
static struct zc_write *begin_write(struct direct *d, const void *data, size_t len)
{
	struct zc_write *w;

	reserve(d, d->at + len);
	w = zc_writes_begin(&d->writes, d->path.sink.fd, data, len, d->at);
	d->at += len;
	return w;
}

static unsigned char *new_buffer(struct direct *d)
{
	void *buffer;

	if (d->spares)
		return d->spare[--d->spares];
	if (!posix_memalign(&buffer, ALIGN, GATHER_SIZE))
		return buffer;
	keep_error(d, zc_fail(d->path.ctx, ENOMEM, "gather for %s", d->path.sink.name));
	return NULL;
}

/* Begin to write what is gathered, but for an odd rest. Returns 0, -EAGAIN without room, or the error. */
static int write_gathered(struct direct *d)
{
	const size_t len = d->held - d->held % ALIGN;
	unsigned char *next;
	struct zc_write *w;

	if (!len)
		return 0;
	if (!zc_writes_have_room(&d->writes))
		return -EAGAIN;
	next = new_buffer(d);
	if (!next)
		return d->error.rc;
	memcpy(next, d->gathered + len, d->held - len);
	w = begin_write(d, d->gathered, len);
	w->buffer = d->gathered;
	d->gathered = next;
	d->held -= len;
	return settle(d);
}

/*
 * Taking a block
 */

static int gather(struct direct *d, const unsigned char *data, size_t len)
{
	int rc = d->held == GATHER_SIZE ? write_gathered(d) : 0;

	if (rc)
		return rc;
	if (!d->gathered)
		d->gathered = new_buffer(d);
	if (!d->gathered)
		return d->error.rc;
	len = zc_min(len, GATHER_SIZE - d->held);
	memcpy(d->gathered + d->held, data, len);
	d->held += len;
	d->path.stats.gathered_bytes += len;
	d->path.sent += len;
	return 0;
}

/* Take some bytes of @b. Returns 0, -EAGAIN without room, or the error. */
static int take(struct direct *d, const struct zcdma_block *b)
{
	const unsigned char *data = (const unsigned char *)b->data + d->path.sent;
	size_t left = b->len - d->path.sent;
	struct zc_write *w;

	if (d->held || left < ALIGN || (uintptr_t)data % ALIGN)
		return gather(d, data, left);
	if (!zc_writes_have_room(&d->writes))
		return -EAGAIN;
	left -= left % ALIGN;
	w = begin_write(d, data, left);
	w->ticket = b->ticket;
	d->path.sent += left;
	return 0;
}

/* Look where the file stands. Returns 0, or the error. */
static int begin(struct direct *d)
{
	off_t at = lseek(d->path.sink.fd, 0, SEEK_CUR);
	int flags = fcntl(d->path.sink.fd, F_GETFL);
	struct statfs fs;
	struct stat st;

	if (fstat(d->path.sink.fd, &st) < 0)
		return keep_error(d, zc_path_fail(&d->path, errno, "write"));
	if (flags & O_APPEND)
		at = st.st_size;
	d->at = d->path.taken = d->path.written = at > 0 ? (uint64_t)at : 0;
	d->at_end = S_ISREG(st.st_mode) && (uint64_t)st.st_size <= d->at;
	d->reserved = 0;
	/* What is appended goes to where the file ends, whatever offset it has: BUGS in pwrite(2). */
	d->unreserved =
		flags & O_APPEND || (!fstatfs(d->path.sink.fd, &fs) && fs.f_type == TMPFS_MAGIC);
	d->begun = true;
	return 0;
}

/* Gather at most @len zeros. Returns how many, or a negative errno. */
static int64_t gather_zeros(struct direct *d, uint64_t len)
{
	int rc = d->held == GATHER_SIZE ? write_gathered(d) : 0;

	if (!rc && !d->gathered) {
		d->gathered = new_buffer(d);
		rc = d->error.rc;
	}
	if (rc)
		return rc;
	len = zc_min(len, GATHER_SIZE - d->held);
	memset(d->gathered + d->held, 0, (size_t)len);
	d->held += (size_t)len;
	return (int64_t)len;
}

/* Leave a hole where it can begin and end at aligned offsets; what is before and after that is gathered. */
static int64_t direct_zeros(struct zcdma_path *path, uint64_t len)
{
	struct direct *d = (struct direct *)path;
	const uint64_t odd = d->held % ALIGN;
	int rc = settle(d);

	rc = rc || d->begun ? rc : begin(d);
	if (rc)
		return zc_error_again(&d->error, path->ctx);
	if (!d->at_end || len < ALIGN)
		return gather_zeros(d, len);
	if (odd)
		return gather_zeros(d, zc_min(len, ALIGN - odd));
	rc = d->held ? write_gathered(d) : 0;
	if (rc)
		return rc;
	len -= len % ALIGN;
	d->at += len;
	return (int64_t)len;
}

/* Returns the write that reads the pages of the block of @ticket, or NULL. */
static struct zc_write *find_write(struct direct *d, uint64_t ticket)
{
	struct zc_write *w;

	for (unsigned i = 0; (w = zc_writes_at(&d->writes, i)); i++) {
		if (!w->buffer && w->ticket == ticket)
			return w;
	}
	return NULL;
}

static int direct_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct direct *d = (struct direct *)path;
	struct zc_write *w;
	int rc = settle(d);

	if (!rc && !d->begun)
		rc = begin(d);
	while (!rc && path->sent < b->len)
		rc = take(d, b);
	if (rc == -EAGAIN)
		return ZC_SENT_BUSY;
	if (!rc)
		rc = settle(d);
	if (rc)
		return zc_error_again(&d->error, path->ctx);
	path->taken = d->at + d->held;
	w = find_write(d, b->ticket);
	if (!w || w->state == ZC_WRITE_DONE)
		return ZC_SENT_DONE;
	w->queued = true;
	path->stats.pending_blocks++;
	return ZC_SENT_QUEUED;
}

static int direct_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	struct direct *d = (struct direct *)path;
	struct zc_write *w;

	settle(d);
	for (unsigned i = 0; (w = zc_writes_at(&d->writes, i)); i++) {
		if (!w->queued || w->state != ZC_WRITE_DONE)
			continue;
		w->queued = false;
		path->stats.pending_blocks--;
		*b = (struct zcdma_block){ .ticket = w->ticket };
		return 1;
	}
	return 0;
}

/* Completions make room, and tell of errors. */
static unsigned direct_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	const struct direct *d = (const struct direct *)path;

	if (!(what & (ZC_WAIT_ROOM | ZC_WAIT_COMPLETION)) || !d->writes.uring)
		return 0;
	*p = (struct pollfd){ .fd = d->writes.ring.ring_fd, .events = POLLIN };
	return 1;
}

static int direct_attend(struct zcdma_path *path, short events)
{
	struct direct *d = (struct direct *)path;

	(void)events;
	return settle(d) ? zc_error_again(&d->error, path->ctx) : 0;
}

/* Write all but the odd rest, as the next block may come late. */
static int direct_flush(struct zcdma_path *path)
{
	struct direct *d = (struct direct *)path;

	if (!d->error.rc)
		write_gathered(d);
	return 0;
}

/*
 * The end
 */

/* Write what is gathered, and wait until nothing is in flight. Returns 0 or the error. */
static int wait_for_all(struct direct *d)
{
	while (!d->error.rc && write_gathered(d) == -EAGAIN) {
		zc_writes_wait(&d->writes, d->path.sink.fd);
		settle(d);
	}
	while (zc_writes_busy(&d->writes))
		zc_writes_wait(&d->writes, d->path.sink.fd);
	return settle(d);
}

/* Write the odd rest with zeros after it, and cut those off. */
static int write_padded(struct direct *d)
{
	const size_t len = d->held;
	ssize_t n;

	memset(d->gathered + len, 0, ALIGN - len);
	do {
		n = pwrite(d->path.sink.fd, d->gathered, ALIGN, (off_t)d->at);
	} while (n < 0 && errno == EINTR);
	if (n != ALIGN)
		return keep_error(d, zc_path_fail(&d->path, n < 0 ? errno : ENOSPC, "write"));
	d->path.stats.calls++;
	d->path.stats.direct_bytes += len;
	return 0;
}

/* Write the odd rest through the page cache. */
static int write_cached(struct direct *d)
{
	struct zcdma_path *path = &d->path;
	ssize_t n;

	if (fcntl(path->sink.fd, F_SETFL, fcntl(path->sink.fd, F_GETFL) & ~O_DIRECT) < 0)
		return keep_error(d, zc_path_fail(path, errno, "write"));
	do {
		n = pwrite(path->sink.fd, d->gathered, d->held, (off_t)d->at);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)d->held)
		return keep_error(d, zc_path_fail(path, n < 0 ? errno : ENOSPC, "write"));
	path->stats.copied_bytes += d->held;
	path->stats.copied_calls++;
	path->stats.calls++;
	return 0;
}

static int write_rest(struct direct *d)
{
	const size_t len = d->held;
	int rc;

	if (!len)
		return 0;
	rc = d->at_end && !(fcntl(d->path.sink.fd, F_GETFL) & O_APPEND) ? write_padded(d)
									: write_cached(d);
	if (rc)
		return rc;
	d->at += len;
	zc_sent_written(&d->path, d->at);
	d->held = 0;
	return 0;
}

/* Give the file the length of what is written without a hole, and the position after it. */
static int set_end(struct direct *d)
{
	const off_t end = (off_t)d->path.written;
	struct stat st;

	lseek(d->path.sink.fd, end, SEEK_SET);
	if (!d->at_end || fstat(d->path.sink.fd, &st) < 0 || st.st_size == end ||
	    !ftruncate(d->path.sink.fd, end))
		return 0;
	return keep_error(d, zc_path_fail(&d->path, errno, "truncate"));
}

/* Write the rest, also of what came before an error. */
static int direct_finish(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	struct direct *d = (struct direct *)path;

	(void)complete;
	(void)deadline_ns; /* a disk is waited for */
	if (!d->begun)
		return 0;
	if (!wait_for_all(d) && !write_rest(d) && !path->queued)
		zc_sent_written(path, d->at); /* with the hole before a block without bytes */
	set_end(d);
	d->begun = false;
	return d->error.rc ? zc_error_again(&d->error, path->ctx) : 0;
}

/* A disk is waited for, so that the file ends with its data. */
static void direct_drop(struct zcdma_path *path)
{
	(void)!direct_finish(path, false, UINT64_MAX);
}

static int direct_open(struct zcdma_path *path)
{
	zc_writes_init(&((struct direct *)path)->writes);
	return 0;
}

ZC_PUBLIC int zcdma_path_set_depth(struct zcdma_path *path, unsigned depth)
{
	struct direct *d = (struct direct *)path;
	int rc;

	if (path->ops != &zc_path_direct)
		return zc_fail_plain(path->ctx, EINVAL,
				     "depth %u to %s: it is not a file with O_DIRECT", depth,
				     path->sink.name);
	if (!depth || depth > ZCDMA_DEPTH_MOST || path->stats.calls || d->writes.uring)
		return zc_fail_plain(path->ctx, EINVAL,
				     "depth %u: it is from 1 to %u, and set before the first block",
				     depth, ZCDMA_DEPTH_MOST);
	rc = depth > 1 ? zc_writes_set_depth(&d->writes, depth, path->src->ring) : 0;
	return rc ? zc_uring_fail(path->ctx, -rc) : 0;
}

static void direct_close(struct zcdma_path *path)
{
	struct direct *d = (struct direct *)path;

	zc_writes_close(&d->writes, path->sink.fd);
	settle(d);
	free(d->gathered);
	while (d->spares)
		free(d->spare[--d->spares]);
}

const struct zc_path_ops zc_path_direct = {
	.type = {
		.name = "copy",
		.summary = "write() with O_DIRECT",
		.required_caps = ZCDMA_CAP_MEMORY,
	},
	.size = sizeof(struct direct),
	.takes = ZC_TAKES_COPY,
	.open = direct_open,
	.send = direct_send,
	.zeros = direct_zeros,
	.reap = direct_reap,
	.poll = direct_poll,
	.attend = direct_attend,
	.flush = direct_flush,
	.drop = direct_drop,
	.drop_waits = true,
	.finish = direct_finish,
	.close = direct_close,
};
