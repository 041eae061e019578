// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The queues of a device. Each has a connection and an io_uring of its own, and one thread that serves it, as ublk wants
 * the commands of a queue to come from one task. There are several only where the server promises that a flush by one
 * connection is for what was answered by any (NBD_FLAG_CAN_MULTI_CONN): the kernel sends it by one queue alone.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "disk/disk.h"
#include "util/thread.h"

/* How long a thread takes to see that its queue has ended. */
#define PATIENCE_SECONDS 5

struct zc_disk_queue *zc_queues_new(struct zcdma_disk *d, struct zcdma_ctx *ctx)
{
	struct zc_disk_queue *q = calloc(1, sizeof(*q));

	if (!q || (!ctx && zcdma_new(&q->ctx))) {
		free(q);
		return NULL;
	}
	if (ctx)
		q->ctx = ctx;
	q->d = d;
	q->wire.fd = -1;
	q->number = d->queue_count;
	d->queues[d->queue_count++] = q;
	return q;
}

/* Connect a queue to the export that the first one has. */
static int connect_queue(struct zc_disk_queue *q)
{
	struct zcdma_disk *d = q->d;
	struct zc_nbd_export e;
	int fd = zc_nbd_connect(d->ctx, &d->target, d->options.timeout_ms, &e);

	if (fd < 0) {
		if (fd != -EINTR)
			zc_hint(d->ctx,
				"take fewer --connections: the server answered the %u before this one",
				q->number);
		return fd;
	}
	zc_conn_attach(q, fd);
	if (!zc_nbd_is_same(&e, &d->export))
		return zc_fail_plain(
			d->ctx, ESTALE,
			"NBD server %s: it offers another export by another connection",
			d->target.where);
	return zc_disk_ring_open(q);
}

int zc_queues_connect(struct zcdma_disk *d, unsigned count)
{
	int rc = 0;

	while (!rc && d->queue_count < count) {
		struct zc_disk_queue *q = zc_queues_new(d, NULL);

		rc = q ? connect_queue(q) : zc_fail(d->ctx, ENOMEM, "serve %s", d->target.where);
	}
	return rc;
}

static bool is_over(const struct zc_disk_queue *q)
{
	return q->d->quitting || zc_queue_is_gone(q);
}

static void *serve(void *arg)
{
	struct zc_disk_queue *q = arg;
	int rc;

	zc_queue_fetch(q);
	while ((rc = zc_disk_run(q, is_over, -1, true)) == -EINTR)
		zcdma_resume(q->ctx);
	if (rc)
		zc_conn_give_up(q, rc);
	zc_conn_close(q);
	return NULL;
}

int zc_queues_start(struct zcdma_disk *d)
{
	for (unsigned i = 1; i < d->queue_count; i++) {
		struct zc_disk_queue *q = d->queues[i];
		int rc = zc_thread_start_small(&q->thread, serve, q);

		if (rc)
			return zc_thread_fail(d->ctx, rc, d->path);
		q->has_thread = true;
	}
	return 0;
}

void zc_queues_wake(struct zcdma_disk *d, const struct zc_disk_queue *q)
{
	/* The first one belongs to the caller, whose interrupts are its own: it looks as its time comes. */
	for (unsigned i = 1; i < d->queue_count; i++) {
		if (d->queues[i] != q)
			zcdma_interrupt(d->queues[i]->ctx);
	}
}

void zc_queues_join(struct zcdma_disk *d)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += PATIENCE_SECONDS;
	for (unsigned i = 1; i < d->queue_count; i++) {
		struct zc_disk_queue *q = d->queues[i];

		if (!q->has_thread)
			continue;
		if (pthread_timedjoin_np(q->thread, NULL, &limit)) {
			d->quitting = true;
			zc_queues_wake(d, NULL);
			pthread_join(q->thread, NULL);
		}
		q->has_thread = false;
	}
}

/* Lock what the queues' threads change, which callers that only look do too. */
static struct zcdma_disk *lock(const struct zcdma_disk *d)
{
	struct zcdma_disk *locked = (struct zcdma_disk *)d;

	pthread_mutex_lock(&locked->lock);
	return locked;
}

bool zc_queues_are_away(const struct zcdma_disk *d)
{
	struct zcdma_disk *locked = lock(d);
	bool away = false;

	for (unsigned i = 0; i < d->queue_count; i++)
		away |= d->queues[i]->away;
	pthread_mutex_unlock(&locked->lock);
	return away;
}

const char *zc_queues_lost_reason(const struct zcdma_disk *d)
{
	struct zcdma_disk *locked = lock(d);

	strcpy(locked->why_lost, d->why_dead.error);
	pthread_mutex_unlock(&locked->lock);
	return d->why_lost[0] ? d->why_lost : NULL;
}

/* Add figures of a queue, which is served meanwhile, to @all. All of them are numbers of one kind. */
static void add_stats(const struct zc_disk_queue *q, struct zcdma_disk_stats *all)
{
	const uint64_t *from = (const uint64_t *)&q->stats;
	uint64_t *to = (uint64_t *)all;

	for (size_t i = 0; i < sizeof(*all) / sizeof(*to); i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

struct zcdma_disk_stats zc_queues_stats(const struct zcdma_disk *d)
{
	struct zcdma_disk *locked = lock(d);
	struct zcdma_disk_stats all = { .reconnects = d->reconnects };

	pthread_mutex_unlock(&locked->lock);
	for (unsigned i = 0; i < d->queue_count; i++)
		add_stats(d->queues[i], &all);
	return all;
}

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
	if (q->ctx != q->d->ctx)
		zcdma_free(q->ctx);
	free(q);
	return true;
}

bool zc_queues_free(struct zcdma_disk *d)
{
	bool all = true;

	for (unsigned i = 0; i < d->queue_count; i++)
		all &= free_queue(d->queues[i]);
	return all;
}
