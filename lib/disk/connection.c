// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of the connection: how it is lost, what becomes of its requests, and how another one takes its place. */
#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include "disk/disk.h"

/* How often a server that is away is looked for. */
#define RETRY_NS 1000000000u

/* How many times the time-out a request may wait while the server answers others. */
#define PATIENCE 10u

void zc_conn_attach(struct zcdma_disk *d, int fd)
{
	struct zc_disk_wire *w = &d->wire;

	w->fd = fd;
	w->lost = false;
	w->heard_ns = zc_now_ns();
	w->queued = w->queue_first = 0;
	w->requests_len = w->requests_sent = 0;
	w->reply_len = 0;
	w->from = w->into = ZC_DISK_NO_TAG;
}

void zc_conn_lose(struct zcdma_disk *d, int rc)
{
	struct zc_disk_wire *w = &d->wire;

	if (w->lost)
		return;
	w->lost = true;
	/* For zcdma_disk_serve() that is the end of its own wait. */
	zc_error_keep(&d->why_dead, d->ctx, rc == -ETIMEDOUT ? -ECONNABORTED : rc);
	shutdown(w->fd, SHUT_RDWR);
}

/* Fail, or queue again, the requests of a connection that is over. */
static void sort_out(struct zcdma_disk *d)
{
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		struct zc_disk_slot *s = &d->slots[tag];
		const bool sent = s->state == ZC_DISK_SENT;

		if (s->state != ZC_DISK_QUEUED && !sent)
			continue;
		if (d->dead || (sent && d->options.recover != ZCDMA_DISK_REISSUE))
			zc_queue_complete(d, tag, -EIO);
		else
			zc_wire_queue(d, tag);
	}
}

void zc_conn_give_up(struct zcdma_disk *d, int rc)
{
	if (d->dead)
		return;
	d->dead = true;
	zc_error_keep(&d->why_dead, d->ctx, rc);
	if (d->wire.fd < 0)
		sort_out(d);
	else
		zc_conn_lose(d, rc);
}

/* Nothing of the lost connection is in flight: no page of a request is written to, or read, any more. */
static void end_connection(struct zcdma_disk *d)
{
	close(d->wire.fd);
	zc_conn_attach(d, -1);
	d->wire.retry_ns = zc_now_ns() + RETRY_NS;
	if (d->options.recover == ZCDMA_DISK_FAIL || d->stopping)
		d->dead = true;
	sort_out(d);
}

void zc_conn_go_on(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;

	if (w->fd < 0)
		return;
	if (!w->lost)
		zc_wire_go_on(d);
	if (w->lost && !w->sending && !w->receiving)
		end_connection(d);
}

/* Returns whether a request has waited too long at @now. */
static bool is_late(const struct zcdma_disk *d, const struct zc_disk_slot *s, uint64_t now)
{
	const uint64_t most = (uint64_t)d->options.timeout_ms * 1000000u;
	const uint64_t waits = now - s->since_ns, silence = now - d->wire.heard_ns;

	if (s->state != ZC_DISK_QUEUED && s->state != ZC_DISK_SENT)
		return false;
	return (waits > most && silence > most) || waits > PATIENCE * most;
}

/* Returns whether what came back is the export that the device was made of. */
static bool is_same(const struct zc_nbd_export *a, const struct zc_nbd_export *b)
{
	return a->size == b->size && a->flags == b->flags && a->block_min == b->block_min &&
	       a->payload_most == b->payload_most;
}

static void reconnect(struct zcdma_disk *d)
{
	struct zc_nbd_export e;
	int fd = zc_nbd_connect(d->ctx, &d->target, d->options.timeout_ms, &e);
	const uint64_t now = zc_now_ns();

	d->wire.retry_ns = now + RETRY_NS;
	if (fd < 0)
		return;
	if (!is_same(&e, &d->export)) {
		close(fd);
		zc_conn_give_up(d, zc_fail_plain(d->ctx, ESTALE,
						 "NBD server %s: it came back with another export",
						 d->target.where));
		return;
	}
	d->stats.reconnects++;
	zc_conn_attach(d, fd);
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		if (d->slots[tag].state != ZC_DISK_QUEUED)
			continue;
		d->slots[tag].since_ns = now;
		zc_wire_queue(d, tag);
	}
}

void zc_conn_tick(struct zcdma_disk *d)
{
	const uint64_t now = zc_now_ns();

	if (d->dead || d->wire.lost)
		return;
	if (d->wire.fd < 0) {
		if (now >= d->wire.retry_ns)
			reconnect(d);
		return;
	}
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		if (!is_late(d, &d->slots[tag], now))
			continue;
		zc_conn_lose(d, zc_fail_plain(d->ctx, ECONNABORTED,
					      "NBD server %s: it has not answered for %g s",
					      d->target.where,
					      (double)(now - d->slots[tag].since_ns) / 1e9));
		return;
	}
}

void zc_conn_close(struct zcdma_disk *d)
{
	const struct zc_nbd_request end = {
		.magic = htobe32(NBD_REQUEST_MAGIC),
		.type = htobe16(NBD_CMD_DISC),
	};
	struct zc_disk_wire *w = &d->wire;

	if (w->fd < 0)
		return;
	/* In the middle of a request it would be data. */
	if (!w->lost && !w->sending && w->requests_sent == w->requests_len &&
	    w->from == ZC_DISK_NO_TAG)
		(void)!send(w->fd, &end, sizeof(end), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(w->fd);
	w->fd = -1;
}
