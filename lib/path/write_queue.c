// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writes at offsets of a file, several of which are in flight by io_uring. */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memory/ring.h"
#include "path/uring_buffers.h"
#include "path/uring_submit.h"
#include "path/write_queue.h"

/* write() takes no more at once: MAX_RW_COUNT in include/linux/fs.h, in whole pages. */
#define MOST_WRITTEN ((size_t)0x7ffff000 & ~(size_t)0xffff)

void zc_writes_init(struct zc_write_queue *q)
{
	*q = (struct zc_write_queue){ .depth = 1 };
}

int zc_writes_set_depth(struct zc_write_queue *q, unsigned depth, const struct zc_ring *blocks)
{
	int rc = io_uring_queue_init(depth, &q->ring, 0);

	if (rc)
		return rc;
	q->uring = true;
	q->depth = depth;
	/* It may be too large for RLIMIT_MEMLOCK: then its pages are pinned for each write. */
	if (blocks && !zc_uring_register(&q->ring, blocks, &q->registered))
		q->blocks = blocks;
	return 0;
}

bool zc_writes_have_room(const struct zc_write_queue *q)
{
	return zc_writes_busy(q) < q->depth && q->count < ZC_WRITES_MOST;
}

/* Returns the index of the registered buffer that holds all of @w, or -1. */
static int registered_index(const struct zc_write_queue *q, const struct zc_write *w)
{
	const struct zc_ring *ring = q->blocks;

	if (!q->registered || w->data < ring->base ||
	    w->data + w->len > ring->base + ring->blocks * ring->block_size)
		return -1;
	return (int)((size_t)(w->data - ring->base) / q->registered);
}

static void end(struct zc_write *w, int err)
{
	w->err = err;
	w->state = ZC_WRITE_DONE;
}

/* Submit what is left of a write. */
static void submit(struct zc_write_queue *q, int fd, struct zc_write *w)
{
	const unsigned char *data = w->data + w->done;
	unsigned len = (unsigned)zc_min(w->len - w->done, MOST_WRITTEN);
	struct io_uring_sqe *sqe = zc_uring_entry(&q->ring, &q->entry);
	int index = registered_index(q, w), rc;

	if (index >= 0)
		io_uring_prep_write_fixed(sqe, fd, data, len, w->at + w->done, index);
	else
		io_uring_prep_write(sqe, fd, data, len, w->at + w->done);
	sqe->user_data = (uint64_t)(w - q->write);
	rc = zc_uring_submit(&q->ring, &q->entry);
	q->calls++;
	if (rc)
		end(w, -rc);
}

static void write_now(struct zc_write_queue *q, int fd, struct zc_write *w)
{
	while (w->done < w->len) {
		ssize_t n =
			pwrite(fd, w->data + w->done, w->len - w->done, (off_t)(w->at + w->done));

		q->calls++;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			end(w, n ? errno : EIO);
			return;
		}
		w->done += (size_t)n;
	}
	end(w, 0);
}

struct zc_write *zc_writes_begin(struct zc_write_queue *q, int fd, const void *data, size_t len,
				 uint64_t at)
{
	struct zc_write *w = &q->write[(q->first + q->count++) % ZC_WRITES_MOST];

	*w = (struct zc_write){ .state = ZC_WRITE_BUSY, .at = at, .data = data, .len = len };
	if (q->uring)
		submit(q, fd, w);
	else
		write_now(q, fd, w);
	return w;
}

static void completed(struct zc_write_queue *q, int fd, struct zc_write *w, int res)
{
	if (res == -EINTR || res == -EAGAIN) {
		submit(q, fd, w);
		return;
	}
	if (res <= 0) {
		end(w, res ? -res : EIO);
		return;
	}
	w->done += (size_t)res;
	if (w->done < w->len)
		submit(q, fd, w);
	else
		end(w, 0);
}

static void take(struct zc_write_queue *q, int fd, struct io_uring_cqe *cqe)
{
	struct zc_write *w = &q->write[cqe->user_data];
	int res = cqe->res;

	io_uring_cqe_seen(&q->ring, cqe);
	completed(q, fd, w, res);
}

void zc_writes_look(struct zc_write_queue *q, int fd)
{
	struct io_uring_cqe *cqe;

	while (q->uring && !io_uring_peek_cqe(&q->ring, &cqe))
		take(q, fd, cqe);
}

void zc_writes_wait(struct zc_write_queue *q, int fd)
{
	struct io_uring_cqe *cqe;
	int rc;

	if (!zc_writes_busy(q))
		return;
	do {
		rc = io_uring_wait_cqe(&q->ring, &cqe);
	} while (rc == -EINTR);
	if (!rc)
		take(q, fd, cqe);
	zc_writes_look(q, fd);
}

struct zc_write *zc_writes_at(struct zc_write_queue *q, unsigned i)
{
	return i < q->count ? &q->write[(q->first + i) % ZC_WRITES_MOST] : NULL;
}

void zc_writes_drop(struct zc_write_queue *q)
{
	q->first = (q->first + 1) % ZC_WRITES_MOST;
	q->count--;
}

unsigned zc_writes_busy(const struct zc_write_queue *q)
{
	unsigned busy = 0;

	for (unsigned i = 0; i < q->count; i++)
		busy += q->write[(q->first + i) % ZC_WRITES_MOST].state == ZC_WRITE_BUSY;
	return busy;
}

void zc_writes_close(struct zc_write_queue *q, int fd)
{
	while (zc_writes_busy(q))
		zc_writes_wait(q, fd);
	if (q->uring)
		io_uring_queue_exit(&q->ring);
	q->uring = false;
}
