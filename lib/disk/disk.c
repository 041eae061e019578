// SPDX-License-Identifier: LGPL-2.1-or-later
/* A block device whose data comes from an NBD server: the public functions. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "disk/disk.h"

#define SECTOR 512u

/* An open that takes longer reads from the server. */
#define OPEN_MS 1000

/* Take what the export is into what the device will be. */
static void describe(struct zcdma_disk *d)
{
	const struct zc_nbd_export *e = &d->export;
	const uint32_t block = zc_max(e->block_min, SECTOR);

	d->info.server = d->target.where;
	d->info.path = d->path;
	d->info.block_bytes = block;
	d->info.skipped_bytes = (uint32_t)(e->size % block);
	d->info.bytes = e->size - d->info.skipped_bytes;
	d->info.server_is_read_only = e->flags & NBD_FLAG_READ_ONLY;
	d->info.read_only = d->options.read_only || d->info.server_is_read_only;
}

static int open_all(struct zcdma_disk *d)
{
	struct zcdma_ctx *ctx = d->ctx;
	int rc = zc_nbd_parse(ctx, d->options.address, d->options.name, &d->target), fd;

	if (!rc && d->options.send_zerocopy && d->target.socket[0])
		rc = zc_fail_plain(ctx, EINVAL, "--send-zerocopy: a Unix socket always copies");
	if (!rc)
		rc = zc_ublk_open(d);
	if (rc)
		return rc;
	fd = zc_nbd_connect(ctx, &d->target, d->options.timeout_ms, &d->export);
	if (fd < 0)
		return fd;
	zc_conn_attach(d->queue, fd);
	describe(d);
	/* Before the ring is made, so that its workers have the same namespace. */
	rc = zc_disk_guard(ctx);
	if (!rc)
		rc = zc_disk_ring_open(d->queue);
	return rc ? rc : zc_ublk_add(d);
}

struct zcdma_disk *zc_disk_new(struct zcdma_ctx *ctx, const struct zcdma_disk_options *o)
{
	struct zcdma_disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->ctx = ctx;
	d->options = *o;
	d->control_fd = d->char_fd = -1;
	d->queue = calloc(1, sizeof(*d->queue));
	if (!d->queue) {
		free(d);
		return NULL;
	}
	d->queue->d = d;
	d->queue->ctx = ctx;
	d->queue->wire.fd = -1;
	return d;
}

ZC_PUBLIC int zcdma_disk_open(struct zcdma_ctx *ctx, const struct zcdma_disk_options *o,
			      struct zcdma_disk **disk)
{
	struct zcdma_disk *d = zc_disk_new(ctx, o);
	int rc;

	if (!d)
		return zc_fail(ctx, ENOMEM, "serve %s", o->address);
	rc = open_all(d);
	if (!rc) {
		*disk = d;
		return 0;
	}
	zcdma_disk_close(d);
	return rc;
}

ZC_PUBLIC int zcdma_disk_start(struct zcdma_disk *d)
{
	struct zc_error kept;
	int rc = zc_ublk_start(d);

	/* One that was taken over waits for the next process again. */
	if (!rc || d->info.recovered)
		return rc;
	zc_error_keep(&kept, d->ctx, rc);
	d->stopping = true;
	zc_ublk_remove(d);
	return zc_error_again(&kept, d->ctx);
}

static bool never(const struct zc_disk_queue *q)
{
	(void)q;
	return false;
}

static bool is_dead(const struct zc_disk_queue *q)
{
	return q->d->dead;
}

ZC_PUBLIC int zcdma_disk_serve(struct zcdma_disk *d, int timeout_ms)
{
	const bool was_dead = d->dead;
	int rc = zc_disk_run(d->queue, was_dead ? never : is_dead, timeout_ms, true);

	return rc ? rc : zc_error_again(&d->why_dead, d->ctx);
}

/* Returns whether requests wait for a server that is away, or does not answer. */
static bool is_away(const struct zcdma_disk *d)
{
	return d->queue->wire.fd < 0 || d->queue->wire.lost;
}

/* The device ends: wait no more for a server that is away, or goes away. */
static void stop_waiting(struct zcdma_disk *d)
{
	d->stopping = true;
	if (is_away(d))
		zc_conn_give_up(
			d->queue,
			zc_fail_plain(
				d->ctx, ECONNABORTED,
				"stop %s: the server %s is away, so requests that waited for it failed",
				d->path, d->target.where));
}

/*
 * Open the device so that nothing else can have it, be it mounted or swapped to. Returns a descriptor or a negative errno: of
 * one that is in use it needs no server to say so.
 */
static int open_alone(struct zcdma_disk *d)
{
	struct io_uring_sqe *sqe =
		zc_disk_sqe(d->queue, IORING_OP_OPENAT, AT_FDCWD, ZC_DISK_CALL, 0);
	int rc;

	/* In a worker: it may read partitions, which has to be served here. */
	sqe->flags = IOSQE_ASYNC;
	sqe->addr = (uintptr_t)d->path;
	sqe->open_flags = O_RDONLY | O_EXCL | O_CLOEXEC;
	d->queue->calling = true;
	while ((rc = zc_disk_run(d->queue, zc_disk_has_answer, OPEN_MS, false)) == -ETIMEDOUT) {
		if (is_away(d))
			stop_waiting(d);
	}
	return rc ? rc : d->queue->answer;
}

/* Write back what is cached of the device. */
static int sync_device(struct zcdma_disk *d, int fd)
{
	struct io_uring_sqe *sqe = zc_disk_sqe(d->queue, IORING_OP_FSYNC, fd, ZC_DISK_CALL, 0);
	int rc;

	sqe->flags = IOSQE_ASYNC;
	rc = zc_disk_call(d->queue, sqe);
	return rc ? zc_fail(d->ctx, -rc, "write back %s", d->path) : 0;
}

static void close_device(struct zcdma_disk *d, int fd)
{
	struct io_uring_sqe *sqe = zc_disk_sqe(d->queue, IORING_OP_CLOSE, fd, ZC_DISK_CALL, 0);

	sqe->flags = IOSQE_ASYNC;
	zc_disk_call(d->queue, sqe);
}

ZC_PUBLIC int zcdma_disk_stop(struct zcdma_disk *d)
{
	struct zc_error kept;
	int fd, rc;

	fd = open_alone(d);
	/* It stays, and so do its requests, also those that wait for a server that is away. */
	if (fd == -EBUSY)
		return zc_fail_plain(d->ctx, EBUSY, "stop %s: it is in use", d->path);
	stop_waiting(d);
	rc = fd < 0 ? zc_fail(d->ctx, -fd, "stop %s", d->path) : sync_device(d, fd);
	if (d->dead)
		rc = zc_error_again(&d->why_dead, d->ctx);
	zc_error_keep(&kept, d->ctx, rc);
	if (fd >= 0)
		close_device(d, fd);
	zc_ublk_remove(d);
	return rc ? zc_error_again(&kept, d->ctx) : 0;
}

ZC_PUBLIC void zcdma_disk_get_info(const struct zcdma_disk *d, struct zcdma_disk_info *info,
				   size_t size)
{
	struct zcdma_disk_info now = d->info;

	now.away = is_away(d) && !d->dead && !d->stopping && d->options.recover != ZCDMA_DISK_FAIL;
	now.lost_reason = d->why_dead.error[0] ? d->why_dead.error : NULL;
	memset(info, 0, size);
	memcpy(info, &now, zc_min(size, sizeof(now)));
}

ZC_PUBLIC void zcdma_disk_get_stats(const struct zcdma_disk *d, struct zcdma_disk_stats *stats,
				    size_t size)
{
	memset(stats, 0, size);
	memcpy(stats, &d->queue->stats, zc_min(size, sizeof(d->queue->stats)));
}

/* End a queue. Returns false if its memory has to stay: what was in flight could not be waited for, and may still use it. */
static bool free_queue(struct zc_disk_queue *q)
{
	zc_conn_close(q);
	if (q->has_ring)
		io_uring_queue_exit(&q->ring);
	if (q->broken.rc)
		return false;
	zc_queue_unmap(q);
	free(q->wire.in);
	free(q->wire.out);
	free(q);
	return true;
}

ZC_PUBLIC void zcdma_disk_close(struct zcdma_disk *d)
{
	if (!d)
		return;
	/* It was added, but not started: nothing else has it. */
	if (d->added && !d->queue->fetched)
		zc_ublk_remove(d);
	if (!free_queue(d->queue))
		return;
	if (d->char_fd >= 0)
		close(d->char_fd);
	if (d->control_fd >= 0)
		close(d->control_fd);
	free(d);
}
