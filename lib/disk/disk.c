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
	zc_conn_attach(d->queues[0], fd);
	describe(d);
	/* Before the ring is made, so that its workers have the same namespace. */
	rc = zc_disk_guard(ctx);
	if (!rc)
		rc = zc_disk_ring_open(d->queues[0]);
	return rc ? rc : zc_ublk_add(d);
}

struct zcdma_disk *zc_disk_new(struct zcdma_ctx *ctx, const struct zcdma_disk_options *o)
{
	struct zcdma_disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->ctx = ctx;
	d->options = *o;
	d->depth = o->depth ? o->depth : ZC_DISK_DEPTH;
	d->control_fd = d->char_fd = -1;
	pthread_mutex_init(&d->lock, NULL);
	if (zc_queues_new(d, ctx))
		return d;
	free(d);
	return NULL;
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
	int rc = zc_disk_run(d->queues[0], was_dead ? never : is_dead, timeout_ms, true);

	return rc ? rc : zc_error_again(&d->why_dead, d->ctx);
}

/* The device ends: wait no more for a server that is away, or goes away. */
static void stop_waiting(struct zcdma_disk *d)
{
	d->stopping = true;
	if (zc_queues_are_away(d))
		zc_conn_give_up(
			d->queues[0],
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
		zc_disk_sqe(d->queues[0], IORING_OP_OPENAT, AT_FDCWD, ZC_DISK_CALL, 0);
	int rc;

	/* In a worker: it may read partitions, which has to be served here. */
	sqe->flags = IOSQE_ASYNC;
	sqe->addr = (uintptr_t)d->path;
	sqe->open_flags = O_RDONLY | O_EXCL | O_CLOEXEC;
	d->queues[0]->calling = true;
	while ((rc = zc_disk_run(d->queues[0], zc_disk_has_answer, OPEN_MS, false)) == -ETIMEDOUT) {
		if (zc_queues_are_away(d))
			stop_waiting(d);
	}
	return rc ? rc : d->queues[0]->answer;
}

/* Write back what is cached of the device. */
static int sync_device(struct zcdma_disk *d, int fd)
{
	struct io_uring_sqe *sqe = zc_disk_sqe(d->queues[0], IORING_OP_FSYNC, fd, ZC_DISK_CALL, 0);
	int rc;

	sqe->flags = IOSQE_ASYNC;
	rc = zc_disk_call(d->queues[0], sqe);
	return rc ? zc_fail(d->ctx, -rc, "write back %s", d->path) : 0;
}

static void close_device(struct zcdma_disk *d, int fd)
{
	struct io_uring_sqe *sqe = zc_disk_sqe(d->queues[0], IORING_OP_CLOSE, fd, ZC_DISK_CALL, 0);

	sqe->flags = IOSQE_ASYNC;
	zc_disk_call(d->queues[0], sqe);
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
	const bool waits = !d->dead && !d->stopping && d->options.recover != ZCDMA_DISK_FAIL;
	struct zcdma_disk_info now = d->info;

	now.away = waits && zc_queues_are_away(d);
	now.lost_reason = zc_queues_lost_reason(d);
	now.connections = d->queue_count;
	now.depth = d->depth;
	memset(info, 0, size);
	memcpy(info, &now, zc_min(size, sizeof(now)));
}

ZC_PUBLIC void zcdma_disk_get_stats(const struct zcdma_disk *d, struct zcdma_disk_stats *stats,
				    size_t size)
{
	const struct zcdma_disk_stats all = zc_queues_stats(d);

	memset(stats, 0, size);
	memcpy(stats, &all, zc_min(size, sizeof(all)));
}

ZC_PUBLIC void zcdma_disk_close(struct zcdma_disk *d)
{
	if (!d)
		return;
	/* It was added, but not started: nothing else has it. */
	if (d->added && !d->queues[0]->fetched)
		zc_ublk_remove(d);
	d->quitting = true;
	zc_queues_wake(d, NULL);
	zc_queues_join(d);
	if (!zc_queues_free(d))
		return;
	if (d->char_fd >= 0)
		close(d->char_fd);
	if (d->control_fd >= 0)
		close(d->control_fd);
	free(d);
}
