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

void zc_conn_attach(struct zc_disk_queue *q, int fd)
{
	struct zc_disk_wire *w = &q->wire;

	w->fd = fd;
	w->lost = w->silent = w->sorted = false;
	w->heard_ns = zc_now_ns();
	w->queued = w->queue_first = 0;
	w->requests_len = w->requests_sent = 0;
	w->reply_len = 0;
	w->from = w->into = ZC_DISK_NO_TAG;
	if (fd < 0)
		return;
	pthread_mutex_lock(&q->d->lock);
	q->away = false;
	pthread_mutex_unlock(&q->d->lock);
}

static bool connects_again(const struct zc_disk_queue *q)
{
	return !q->d->dead && !q->d->stopping && q->d->options.recover != ZCDMA_DISK_FAIL;
}

/* End what is in flight, while the socket stays. */
static void cancel(struct zc_disk_queue *q)
{
	struct io_uring_sqe *sqe =
		zc_disk_sqe(q, IORING_OP_ASYNC_CANCEL, q->wire.fd, ZC_DISK_CANCEL, 0);

	sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
}

static void lose(struct zc_disk_queue *q, int rc, bool silent)
{
	struct zc_disk_wire *w = &q->wire;

	if (w->lost)
		return;
	w->lost = true;
	w->silent = silent && connects_again(q);
	w->lost_ns = zc_now_ns();
	pthread_mutex_lock(&q->d->lock);
	q->away = true;
	/* A time-out is the end of its own wait for zcdma_disk_serve(). */
	if (!q->d->dead)
		zc_error_keep(&q->d->why_dead, q->ctx, rc == -ETIMEDOUT ? -ECONNABORTED : rc);
	pthread_mutex_unlock(&q->d->lock);
	shutdown(w->fd, w->silent ? SHUT_WR : SHUT_RDWR);
	if (!w->silent)
		return;
	/* What has no room for more may be out of it for as long as it stands still. */
	zc_limit_unacknowledged(w->fd, 0);
	cancel(q);
}

void zc_conn_lose(struct zc_disk_queue *q, int rc)
{
	lose(q, rc, false);
}

/* Fail, or queue again, the requests of a connection that is over. */
static void sort_out(struct zc_disk_queue *q)
{
	q->wire.queued = q->wire.queue_first = 0;
	for (unsigned tag = 0; tag < q->d->depth; tag++) {
		struct zc_disk_slot *s = &q->slots[tag];
		const bool sent = s->state == ZC_DISK_SENT;

		if (s->state != ZC_DISK_QUEUED && !sent)
			continue;
		if (q->d->dead || (sent && q->d->options.recover != ZCDMA_DISK_REISSUE))
			zc_queue_complete(q, tag, -EIO);
		else
			zc_wire_queue(q, tag);
	}
}

/* The disk is dead: end this queue's connection, and fail its requests. */
static void end_queue(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;

	q->ended = true;
	if (w->fd >= 0) {
		lose(q, -ECONNABORTED, false);
		w->silent = false;
		shutdown(w->fd, SHUT_RDWR);
	}
	if (w->fd < 0 || w->sorted)
		sort_out(q);
}

/* Set the disk dead, unless it is, by the context's last error, or with @rc of 0 by that of the lost connection. */
static void kill_disk(struct zc_disk_queue *q, int rc)
{
	struct zcdma_disk *d = q->d;
	bool was_dead;

	pthread_mutex_lock(&d->lock);
	was_dead = d->dead;
	if (!was_dead && rc)
		zc_error_keep(&d->why_dead, q->ctx, rc);
	d->dead = true;
	pthread_mutex_unlock(&d->lock);
	if (!was_dead)
		zc_queues_wake(d, q);
}

void zc_conn_give_up(struct zc_disk_queue *q, int rc)
{
	kill_disk(q, rc);
	if (!q->ended)
		end_queue(q);
}

/* Nothing of the lost connection is in flight: no page of a request is written to, or read, any more. */
static void leave(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;

	w->sorted = true;
	if (!connects_again(q))
		kill_disk(q, 0);
	/* What it answered may be in a cache that is this connection's alone. */
	if (q->written != q->flushed && !(q->d->export.flags & NBD_FLAG_CAN_MULTI_CONN))
		q->unsure = true;
	sort_out(q);
}

/*
 * Returns whether requests have to stay until the server has ended the lost connection, as it may still do what they
 * ask for. One that failed may be followed by another of the same place, and that by another connection, which is not
 * lost.
 */
static bool holds(const struct zc_disk_queue *q)
{
	return q->wire.silent && q->d->queue_count > 1;
}

/* Wait for the server to end the connection: what still comes is of no use, as the requests failed or are made again. */
static void drain(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	struct io_uring_sqe *sqe = zc_disk_sqe(q, IORING_OP_RECV, w->fd, ZC_DISK_RECEIVE, 0);

	sqe->addr = (uintptr_t)w->discarded;
	sqe->len = sizeof(w->discarded);
	w->receiving = true;
}

void zc_conn_discard(struct zc_disk_queue *q, int result)
{
	/* A receive that cancel() ended is followed by those of drain(). */
	if (!result ||
	    (result < 0 && result != -ECANCELED && result != -EINTR && result != -EAGAIN))
		q->wire.silent = false;
}

static void end_connection(struct zc_disk_queue *q)
{
	close(q->wire.fd);
	zc_conn_attach(q, -1);
	q->wire.retry_ns = zc_now_ns() + RETRY_NS;
}

void zc_conn_go_on(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;

	if (q->d->dead && !q->ended)
		end_queue(q);
	if (w->fd < 0)
		return;
	if (!w->lost)
		zc_wire_go_on(q);
	if (!w->lost || w->sending || w->receiving)
		return;
	if (!w->sorted && !holds(q))
		leave(q);
	if (w->silent)
		drain(q);
	else
		end_connection(q);
}

/* A connection is there again: the server is, if it was the last. */
static void count_reconnect(struct zcdma_disk *d)
{
	const bool away = zc_queues_are_away(d);

	pthread_mutex_lock(&d->lock);
	d->reconnects += !away;
	pthread_mutex_unlock(&d->lock);
}

static void reconnect(struct zc_disk_queue *q)
{
	struct zc_nbd_export e;
	int fd = zc_nbd_connect(q->ctx, &q->d->target, q->d->options.timeout_ms, &e);
	const uint64_t now = zc_now_ns();

	q->wire.retry_ns = now + RETRY_NS;
	if (fd < 0)
		return;
	if (!zc_nbd_is_same(&e, &q->d->export)) {
		close(fd);
		zc_conn_give_up(q, zc_fail_plain(q->ctx, ESTALE,
						 "NBD server %s: it came back with another export",
						 q->d->target.where));
		return;
	}
	zc_conn_attach(q, fd);
	count_reconnect(q->d);
	for (unsigned tag = 0; tag < q->d->depth; tag++) {
		if (q->slots[tag].state != ZC_DISK_QUEUED)
			continue;
		q->slots[tag].since_ns = now;
		zc_wire_queue(q, tag);
	}
}

/* Returns whether a request has waited too long at @now. */
static bool is_late(const struct zc_disk_queue *q, const struct zc_disk_slot *s, uint64_t now)
{
	const uint64_t most = (uint64_t)q->d->options.timeout_ms * 1000000u;
	const uint64_t waits = now - s->since_ns, silence = now - q->wire.heard_ns;

	if (s->state != ZC_DISK_QUEUED && s->state != ZC_DISK_SENT)
		return false;
	return (waits > most && silence > most) || waits > PATIENCE * most;
}

static void look_for_late(struct zc_disk_queue *q, uint64_t now)
{
	for (unsigned tag = 0; tag < q->d->depth; tag++) {
		if (!is_late(q, &q->slots[tag], now))
			continue;
		lose(q,
		     zc_fail_plain(
			     q->ctx, ECONNABORTED, "NBD server %s: it has not answered for %g s",
			     q->d->target.where, (double)(now - q->slots[tag].since_ns) / 1e9),
		     true);
		return;
	}
}

/*
 * The server does not end a lost connection. Do not wait for a machine that acknowledges nothing: it is gone, or the way to it,
 * and the FIN with it.
 */
static void look_for_gone(struct zc_disk_queue *q, uint64_t now)
{
	struct zc_disk_wire *w = &q->wire;
	const uint32_t most = (uint32_t)q->d->options.timeout_ms;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (now - w->lost_ns < most * 1000000ull ||
	    getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return;
	/* Where it took no more, nothing is sent but probes; each answer to one sets their number to 0. */
	if ((info.tcpi_unacked || info.tcpi_probes >= 2) && info.tcpi_last_ack_recv >= most)
		shutdown(w->fd, SHUT_RDWR); /* ends drain() */
}

void zc_conn_tick(struct zc_disk_queue *q)
{
	const struct zc_disk_wire *w = &q->wire;
	const uint64_t now = zc_now_ns();

	if (q->d->dead)
		return;
	if (w->fd < 0) {
		if (now >= w->retry_ns)
			reconnect(q);
	} else if (!w->lost) {
		look_for_late(q, now);
	} else if (w->silent) {
		look_for_gone(q, now);
	}
}

static bool has_ended(const struct zc_disk_queue *q)
{
	return q->wire.fd < 0;
}

void zc_conn_close(struct zc_disk_queue *q)
{
	const struct zc_nbd_request end = {
		.magic = htobe32(NBD_REQUEST_MAGIC),
		.type = htobe16(NBD_CMD_DISC),
	};
	struct zc_disk_wire *w = &q->wire;

	if (w->fd < 0)
		return;
	/*
	 * In the middle of a request it would be data. What is under way may be made again by another process, and is not to
	 * be sent after that, so the server must not work at any.
	 */
	if (!w->lost && !w->sending && w->requests_sent == w->requests_len &&
	    w->from == ZC_DISK_NO_TAG && !q->asked) {
		zc_reset_on_close(w->fd, false);
		(void)!send(w->fd, &end, sizeof(end), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	/* Requests stay as they are: another process may go on with them. */
	w->lost = w->sorted = true;
	w->silent = false;
	shutdown(w->fd, SHUT_RDWR);
	/* What is in flight uses memory that is freed next. */
	if (q->has_ring)
		zc_disk_run(q, has_ended, END_MS, false);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
