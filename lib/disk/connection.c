// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The life of the connection: how it is lost, what becomes of its requests, and how another one takes its place.
 *
 * A server may still read, and write to its disk, what a lost connection carried to it. If that came after what the next
 * connection carries, old data would replace new data. So:
 * - a connection is reset when it ends, so that what is still here never leaves, even if this process is killed;
 * - no other follows one whose server only does not answer, until the server has ended that one too: it is ended by a FIN, before which
 *   the server reads all that was sent to it. Its machine may be gone, instead: it acknowledges nothing for the time-out.
 */
#include <endian.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "disk/disk.h"
#include "net/keep_alive.h"

/* How often a server that is away is looked for. */
#define RETRY_NS 1000000000u

/* How many times the time-out a request may wait while the server answers others. */
#define PATIENCE 10u

/* How long operations take to end once the socket is shut down. */
#define END_MS 5000

void zc_conn_attach(struct zcdma_disk *d, int fd)
{
	struct zc_disk_wire *w = &d->wire;

	w->fd = fd;
	w->lost = w->silent = w->sorted = false;
	w->heard_ns = zc_now_ns();
	w->queued = w->queue_first = 0;
	w->requests_len = w->requests_sent = 0;
	w->reply_len = 0;
	w->from = w->into = ZC_DISK_NO_TAG;
}

static bool connects_again(const struct zcdma_disk *d)
{
	return !d->dead && !d->stopping && d->options.recover != ZCDMA_DISK_FAIL;
}

/* End what is in flight, while the socket stays. */
static void cancel(struct zcdma_disk *d)
{
	struct io_uring_sqe *sqe =
		zc_disk_sqe(d, IORING_OP_ASYNC_CANCEL, d->wire.fd, ZC_DISK_CANCEL, 0);

	sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
}

static void lose(struct zcdma_disk *d, int rc, bool silent)
{
	struct zc_disk_wire *w = &d->wire;

	if (w->lost)
		return;
	w->lost = true;
	w->silent = silent && connects_again(d);
	w->lost_ns = zc_now_ns();
	/* For zcdma_disk_serve() that is the end of its own wait. */
	zc_error_keep(&d->why_dead, d->ctx, rc == -ETIMEDOUT ? -ECONNABORTED : rc);
	shutdown(w->fd, w->silent ? SHUT_WR : SHUT_RDWR);
	if (!w->silent)
		return;
	/* What has no room for more may be out of it for as long as it stands still. */
	zc_limit_unacknowledged(w->fd, 0);
	cancel(d);
}

void zc_conn_lose(struct zcdma_disk *d, int rc)
{
	lose(d, rc, false);
}

/* Fail, or queue again, the requests of a connection that is over. */
static void sort_out(struct zcdma_disk *d)
{
	d->wire.queued = d->wire.queue_first = 0;
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
	struct zc_disk_wire *w = &d->wire;

	if (d->dead)
		return;
	d->dead = true;
	zc_error_keep(&d->why_dead, d->ctx, rc);
	if (w->fd >= 0) {
		lose(d, rc, false);
		w->silent = false;
		shutdown(w->fd, SHUT_RDWR);
	}
	if (w->fd < 0 || w->sorted)
		sort_out(d);
}

/* Nothing of the lost connection is in flight: no page of a request is written to, or read, any more. */
static void leave(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;

	w->sorted = true;
	if (!connects_again(d))
		d->dead = true;
	/* What it answered may be in a cache that is this connection's alone. */
	if (d->written != d->flushed && !(d->export.flags & NBD_FLAG_CAN_MULTI_CONN))
		d->unsure = true;
	sort_out(d);
}

/* Wait for the server to end the connection: what still comes is of no use, as the requests failed or are made again. */
static void drain(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;
	struct io_uring_sqe *sqe = zc_disk_sqe(d, IORING_OP_RECV, w->fd, ZC_DISK_RECEIVE, 0);

	sqe->addr = (uintptr_t)w->discarded;
	sqe->len = sizeof(w->discarded);
	w->receiving = true;
}

void zc_conn_discard(struct zcdma_disk *d, int result)
{
	/* A receive that cancel() ended is followed by those of drain(). */
	if (!result ||
	    (result < 0 && result != -ECANCELED && result != -EINTR && result != -EAGAIN))
		d->wire.silent = false;
}

static void end_connection(struct zcdma_disk *d)
{
	close(d->wire.fd);
	zc_conn_attach(d, -1);
	d->wire.retry_ns = zc_now_ns() + RETRY_NS;
}

void zc_conn_go_on(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;

	if (w->fd < 0)
		return;
	if (!w->lost)
		zc_wire_go_on(d);
	if (!w->lost || w->sending || w->receiving)
		return;
	if (!w->sorted)
		leave(d);
	if (w->silent)
		drain(d);
	else
		end_connection(d);
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

/* Returns whether a request has waited too long at @now. */
static bool is_late(const struct zcdma_disk *d, const struct zc_disk_slot *s, uint64_t now)
{
	const uint64_t most = (uint64_t)d->options.timeout_ms * 1000000u;
	const uint64_t waits = now - s->since_ns, silence = now - d->wire.heard_ns;

	if (s->state != ZC_DISK_QUEUED && s->state != ZC_DISK_SENT)
		return false;
	return (waits > most && silence > most) || waits > PATIENCE * most;
}

static void look_for_late(struct zcdma_disk *d, uint64_t now)
{
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		if (!is_late(d, &d->slots[tag], now))
			continue;
		lose(d,
		     zc_fail_plain(d->ctx, ECONNABORTED,
				   "NBD server %s: it has not answered for %g s", d->target.where,
				   (double)(now - d->slots[tag].since_ns) / 1e9),
		     true);
		return;
	}
}

/*
 * The server does not end a lost connection. Do not wait for a machine that acknowledges nothing: it is gone, or the way to it,
 * and the FIN with it.
 */
static void look_for_gone(struct zcdma_disk *d, uint64_t now)
{
	struct zc_disk_wire *w = &d->wire;
	const uint32_t most = (uint32_t)d->options.timeout_ms;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (now - w->lost_ns < most * 1000000ull ||
	    getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return;
	/* Where it took no more, nothing is sent but probes; each answer to one sets their number to 0. */
	if ((info.tcpi_unacked || info.tcpi_probes >= 2) && info.tcpi_last_ack_recv >= most)
		shutdown(w->fd, SHUT_RDWR); /* ends drain() */
}

void zc_conn_tick(struct zcdma_disk *d)
{
	const struct zc_disk_wire *w = &d->wire;
	const uint64_t now = zc_now_ns();

	if (d->dead)
		return;
	if (w->fd < 0) {
		if (now >= w->retry_ns)
			reconnect(d);
	} else if (!w->lost) {
		look_for_late(d, now);
	} else if (w->silent) {
		look_for_gone(d, now);
	}
}

static bool has_ended(const struct zcdma_disk *d)
{
	return d->wire.fd < 0;
}

/* Returns whether the server may work at a request. */
static bool is_asked(const struct zcdma_disk *d)
{
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		if (d->slots[tag].state == ZC_DISK_SENT)
			return true;
	}
	return false;
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
	/*
	 * In the middle of a request it would be data. What is under way may be made again by another process, and is not to
	 * be sent after that.
	 */
	if (!w->lost && !w->sending && w->requests_sent == w->requests_len &&
	    w->from == ZC_DISK_NO_TAG && !is_asked(d)) {
		zc_reset_on_close(w->fd, false);
		(void)!send(w->fd, &end, sizeof(end), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	/* Requests stay as they are: another process may go on with them. */
	w->lost = w->sorted = true;
	w->silent = false;
	shutdown(w->fd, SHUT_RDWR);
	/* What is in flight uses memory that is freed next. */
	if (d->has_ring)
		zc_disk_run(d, has_ended, END_MS, false);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
