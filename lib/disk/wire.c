// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The connection: one operation in flight that sends, and one that receives. Replies come in any order. With
 * ZCDMA_DISK_COPY_FIXED the data of a request is a registered buffer, whose index is the tag: it is received into, and sent from.
 */
#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include "disk/disk.h"

/* How often a server that is away is looked for. */
#define RETRY_NS 1000000000u

/* How many times the time-out a request may wait while the server answers others. */
#define PATIENCE 10u

void zc_wire_attach(struct zcdma_disk *d, int fd)
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

void zc_wire_queue(struct zcdma_disk *d, unsigned tag)
{
	struct zc_disk_wire *w = &d->wire;

	d->slots[tag].state = ZC_DISK_QUEUED;
	d->slots[tag].answered = false;
	w->queue[(w->queue_first + w->queued++) % ZC_DISK_DEPTH] = (uint16_t)tag;
}

/*
 * Losing the server
 */

/* The connection is over, by the context's last error, @rc. What is in flight ends by this, and the rest follows then. */
static void lose(struct zcdma_disk *d, int rc)
{
	struct zc_disk_wire *w = &d->wire;

	if (w->lost)
		return;
	w->lost = true;
	/* For zcdma_disk_serve() that is the end of its own wait. */
	zc_error_keep(&d->why_dead, d->ctx, rc == -ETIMEDOUT ? -ECONNABORTED : rc);
	shutdown(w->fd, SHUT_RDWR);
}

static void lose_by(struct zcdma_disk *d, const char *what, int err)
{
	lose(d, zc_fail(d->ctx, err, "%s %s", what, d->target.where));
}

static void lose_as(struct zcdma_disk *d, int err, const char *why)
{
	lose(d, zc_fail_plain(d->ctx, err, "NBD server %s: %s", d->target.where, why));
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

void zc_wire_give_up(struct zcdma_disk *d, int rc)
{
	if (d->dead)
		return;
	d->dead = true;
	zc_error_keep(&d->why_dead, d->ctx, rc);
	if (d->wire.fd < 0)
		sort_out(d);
	else
		lose(d, rc);
}

/* Nothing of the lost connection is in flight: no page of a request is written to, or read, any more. */
static void end_connection(struct zcdma_disk *d)
{
	close(d->wire.fd);
	zc_wire_attach(d, -1);
	d->wire.retry_ns = zc_now_ns() + RETRY_NS;
	if (d->options.recover == ZCDMA_DISK_FAIL || d->stopping)
		d->dead = true;
	sort_out(d);
}

/*
 * Sending
 */

static int64_t place_of(unsigned tag, uint32_t at)
{
	return (int64_t)(ZC_UBLK_BUFFERS + ((uint64_t)tag << ZC_UBLK_TAG_SHIFT) + at);
}

/* Gather requests that wait, up to one with data, which follows it. */
static void gather(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;
	size_t n = 0;

	while (w->queued && w->from == ZC_DISK_NO_TAG) {
		const unsigned tag = w->queue[w->queue_first];
		struct zc_disk_slot *s = &d->slots[tag];

		w->queue_first = (w->queue_first + 1) % ZC_DISK_DEPTH;
		w->queued--;
		w->requests[n++] = (struct zc_nbd_request){
			.magic = htobe32(NBD_REQUEST_MAGIC),
			.flags = htobe16(s->flags),
			.type = htobe16(s->command),
			.cookie = htobe64((uint64_t)s->generation << 32 | tag),
			.offset = htobe64(s->offset),
			.length = htobe32(s->len),
		};
		s->state = ZC_DISK_SENT;
		if (s->command != NBD_CMD_WRITE)
			continue;
		w->from = tag;
		w->from_done = w->out_len = w->out_sent = 0;
	}
	w->requests_len = n * sizeof(w->requests[0]);
	w->requests_sent = 0;
}

static struct io_uring_sqe *prepare_send(struct zcdma_disk *d, uint8_t opcode, const void *data,
					 uint32_t len)
{
	struct io_uring_sqe *sqe =
		zc_disk_sqe(d, opcode, d->wire.fd, ZC_DISK_SEND,
			    opcode == IORING_OP_SEND_ZC ? d->wire.pending_next : 0);

	sqe->addr = (uintptr_t)data;
	sqe->len = len;
	if (opcode != IORING_OP_WRITE_FIXED)
		sqe->msg_flags = MSG_NOSIGNAL;
	d->wire.sending = true;
	return sqe;
}

/* Send data by way of memory of ours. */
static void send_copy(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;
	const struct zc_disk_slot *s = &d->slots[w->from];

	if (w->out_sent == w->out_len) {
		const uint32_t len = zc_min(s->len - w->from_done, ZC_DISK_CHUNK);
		const ssize_t n = pread(d->char_fd, w->out, len, place_of(w->from, w->from_done));

		if (n != (ssize_t)len) {
			lose(d,
			     zc_fail(d->ctx, n < 0 ? errno : EIO, "read a request of %s", d->path));
			return;
		}
		w->out_len = len;
		w->out_sent = 0;
	}
	prepare_send(d, IORING_OP_SEND, w->out + w->out_sent, w->out_len - w->out_sent);
}

/* Send the request's pages themselves, or a copy that the socket makes of them. */
static void send_fixed(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;
	const uint32_t left = d->slots[w->from].len - w->from_done;
	/* The address in such a buffer is an offset: io_import_kern_buf() in io_uring/rsrc.c. */
	const void *at = (const void *)(uintptr_t)w->from_done;
	struct io_uring_sqe *sqe;

	/* Without a number that is free, this one is copied. */
	if (d->options.send_zerocopy && !w->pending[w->pending_next]) {
		w->without_copy = true;
		sqe = prepare_send(d, IORING_OP_SEND_ZC, at, left);
		sqe->ioprio = IORING_RECVSEND_FIXED_BUF | IORING_SEND_ZC_REPORT_USAGE;
	} else {
		w->without_copy = false;
		sqe = prepare_send(d, IORING_OP_WRITE_FIXED, at, left);
	}
	sqe->buf_index = (uint16_t)w->from;
}

static void send_next(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;

	if (w->requests_sent == w->requests_len && w->from == ZC_DISK_NO_TAG)
		gather(d);
	if (w->requests_sent < w->requests_len) {
		struct io_uring_sqe *sqe = prepare_send(
			d, IORING_OP_SEND, (const char *)w->requests + w->requests_sent,
			(uint32_t)(w->requests_len - w->requests_sent));

		if (w->from != ZC_DISK_NO_TAG)
			sqe->msg_flags |= MSG_MORE;
	} else if (w->from != ZC_DISK_NO_TAG) {
		if (d->info.copy == ZCDMA_DISK_COPY_USER)
			send_copy(d);
		else
			send_fixed(d);
	}
}

/* Count @n bytes of data that were sent. */
static void count_sent(struct zcdma_disk *d, uint32_t n)
{
	struct zc_disk_wire *w = &d->wire;

	if (d->info.copy == ZCDMA_DISK_COPY_USER) {
		d->stats.write_copied_bytes += 2ull * n;
	} else if (!w->without_copy) {
		d->stats.write_copied_bytes += n;
	} else {
		d->stats.write_pending_bytes += n;
		w->pending[w->pending_next] = n;
		w->pending_next = (w->pending_next + 1) % ZC_DISK_PENDING;
	}
}

/* All data of the request is sent; it may have been answered before. */
static void end_data(struct zcdma_disk *d)
{
	const unsigned tag = d->wire.from;

	d->wire.from = ZC_DISK_NO_TAG;
	if (d->slots[tag].answered)
		zc_queue_complete(d, tag, d->slots[tag].result);
}

/* The second completion of a send without a copy: its pages are free. */
static void take_notification(struct zcdma_disk *d, const struct io_uring_cqe *cqe)
{
	uint32_t *pending = &d->wire.pending[zc_disk_tag(cqe)];

	d->stats.write_pending_bytes -= zc_min((uint64_t)*pending, d->stats.write_pending_bytes);
	if ((uint32_t)cqe->res & IORING_NOTIF_USAGE_ZC_COPIED)
		d->stats.write_copied_bytes += *pending;
	*pending = 0;
}

void zc_wire_sent(struct zcdma_disk *d, const struct io_uring_cqe *cqe)
{
	struct zc_disk_wire *w = &d->wire;
	uint32_t n;

	if (cqe->flags & IORING_CQE_F_NOTIF) {
		take_notification(d, cqe);
		return;
	}
	w->sending = false;
	if (cqe->res == -EINTR || cqe->res == -EAGAIN || w->lost)
		return;
	if (cqe->res <= 0) {
		lose_by(d, "send to", cqe->res ? -cqe->res : EPIPE);
		return;
	}
	n = (uint32_t)cqe->res;
	w->heard_ns = zc_now_ns();
	if (w->requests_sent < w->requests_len) {
		w->requests_sent += n;
		return;
	}
	w->out_sent += n;
	w->from_done += n;
	count_sent(d, n);
	if (w->from_done == d->slots[w->from].len)
		end_data(d);
}

/*
 * Receiving
 */

static void receive_next(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;
	struct io_uring_sqe *sqe;

	w->receiving = true;
	if (w->into == ZC_DISK_NO_TAG) {
		sqe = zc_disk_sqe(d, IORING_OP_RECV, w->fd, ZC_DISK_RECEIVE, 0);
		sqe->addr = (uintptr_t)((char *)&w->reply + w->reply_len);
		sqe->len = (uint32_t)(sizeof(w->reply) - w->reply_len);
		sqe->msg_flags = MSG_WAITALL;
	} else if (d->info.copy == ZCDMA_DISK_COPY_USER) {
		sqe = zc_disk_sqe(d, IORING_OP_RECV, w->fd, ZC_DISK_RECEIVE, 0);
		sqe->addr = (uintptr_t)w->in;
		sqe->len = zc_min(d->slots[w->into].len - w->into_done, ZC_DISK_CHUNK);
		sqe->msg_flags = MSG_WAITALL;
	} else {
		sqe = zc_disk_sqe(d, IORING_OP_READ_FIXED, w->fd, ZC_DISK_RECEIVE, 0);
		sqe->addr = w->into_done;
		sqe->len = d->slots[w->into].len - w->into_done;
		sqe->buf_index = (uint16_t)w->into;
	}
}

/* A request is answered. */
static void answer(struct zcdma_disk *d, unsigned tag, int result)
{
	struct zc_disk_slot *s = &d->slots[tag];

	s->result = result;
	/* A server may refuse what it has not received yet. */
	if (d->wire.from == tag)
		s->answered = true;
	else
		zc_queue_complete(d, tag, result);
}

static void take_reply(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;
	const uint64_t cookie = be64toh(w->reply.cookie);
	const unsigned tag = (uint32_t)cookie;
	const uint32_t error = be32toh(w->reply.error);
	const struct zc_disk_slot *s;

	w->reply_len = 0;
	if (be32toh(w->reply.magic) != NBD_SIMPLE_REPLY_MAGIC) {
		lose_as(d, EPROTO, "its reply is not one of NBD");
		return;
	}
	s = tag < ZC_DISK_DEPTH ? &d->slots[tag] : NULL;
	if (!s || s->state != ZC_DISK_SENT || s->generation != cookie >> 32 || s->answered)
		lose_as(d, EPROTO, "it answers a request that was not made");
	else if (error)
		answer(d, tag, -zc_nbd_errno(error));
	else if (s->command == NBD_CMD_READ) {
		w->into = tag;
		w->into_done = 0;
	} else
		answer(d, tag, s->result);
}

/* Take @n bytes of a request's data. */
static void take_data(struct zcdma_disk *d, uint32_t n)
{
	struct zc_disk_wire *w = &d->wire;
	const unsigned tag = w->into;
	struct zc_disk_slot *s = &d->slots[tag];

	if (d->info.copy == ZCDMA_DISK_COPY_USER) {
		if (pwrite(d->char_fd, w->in, n, place_of(tag, w->into_done)) != (ssize_t)n)
			s->result = -EIO; /* the rest of it has to be received nevertheless */
		d->stats.read_copied_bytes += n;
	}
	d->stats.read_copied_bytes += n;
	w->into_done += n;
	if (w->into_done < s->len)
		return;
	w->into = ZC_DISK_NO_TAG;
	answer(d, tag, s->result);
}

void zc_wire_received(struct zcdma_disk *d, int result)
{
	struct zc_disk_wire *w = &d->wire;

	w->receiving = false;
	if (result == -EINTR || result == -EAGAIN || w->lost)
		return;
	if (!result) {
		lose_as(d, ECONNRESET, "it closed the connection");
		return;
	}
	if (result < 0) {
		lose_by(d, "receive from", -result);
		return;
	}
	w->heard_ns = zc_now_ns();
	if (w->into != ZC_DISK_NO_TAG) {
		take_data(d, (uint32_t)result);
		return;
	}
	w->reply_len += (size_t)result;
	if (w->reply_len == sizeof(w->reply))
		take_reply(d);
}

/*
 * In the loop
 */

void zc_wire_go_on(struct zcdma_disk *d)
{
	struct zc_disk_wire *w = &d->wire;

	if (w->fd < 0)
		return;
	if (!w->lost && !w->receiving)
		receive_next(d);
	if (!w->lost && !w->sending)
		send_next(d);
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
		zc_wire_give_up(d, zc_fail_plain(d->ctx, ESTALE,
						 "NBD server %s: it came back with another export",
						 d->target.where));
		return;
	}
	d->stats.reconnects++;
	zc_wire_attach(d, fd);
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++) {
		if (d->slots[tag].state != ZC_DISK_QUEUED)
			continue;
		d->slots[tag].since_ns = now;
		zc_wire_queue(d, tag);
	}
}

void zc_wire_tick(struct zcdma_disk *d)
{
	const uint64_t now = zc_now_ns();
	char why[64];

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
		snprintf(why, sizeof(why), "it has not answered for %g s",
			 (double)(now - d->slots[tag].since_ns) / 1e9);
		lose_as(d, ECONNABORTED, why);
		return;
	}
}

void zc_wire_close(struct zcdma_disk *d)
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
