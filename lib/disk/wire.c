// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What goes over the connection: one operation in flight that sends, and one that receives. Replies come in any order. With
 * ZCDMA_DISK_COPY_FIXED the data of a request is a registered buffer, whose index is the tag: it is received into, and sent from.
 */
#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include "disk/disk.h"

/* In .pending: the number is in use. */
#define PENDING_IN_USE (1u << 31)

void zc_wire_queue(struct zc_disk_queue *q, unsigned tag)
{
	struct zc_disk_wire *w = &q->wire;

	zc_disk_set_state(q, tag, ZC_DISK_QUEUED);
	q->slots[tag].answered = false;
	w->queue[(w->queue_first + w->queued++) % ZC_DISK_DEPTH_MOST] = (uint16_t)tag;
}

static void lose_by(struct zc_disk_queue *q, const char *what, int err)
{
	zc_conn_lose(q, zc_fail(q->ctx, err, "%s %s", what, q->d->target.where));
}

/* The server closed the connection, which sending may find before receiving does. */
static void lose_closed(struct zc_disk_queue *q)
{
	zc_conn_lose(q, zc_fail_plain(q->ctx, ECONNRESET, "NBD server %s: it closed the connection",
				      q->d->target.where));
}

static void lose_by_send(struct zc_disk_queue *q, int err)
{
	if (err == EPIPE)
		lose_closed(q);
	else
		lose_by(q, "send to", err);
}

/* The server breaks the protocol: nothing that it says can be relied on, so it is not asked again. */
static void give_up(struct zc_disk_queue *q, const char *why)
{
	zc_conn_give_up(
		q, zc_fail_plain(q->ctx, EPROTO, "NBD server %s: %s", q->d->target.where, why));
}

/*
 * Sending
 */

static int64_t place_of(const struct zc_disk_queue *q, unsigned tag, uint32_t at)
{
	return (int64_t)(ZC_UBLK_BUFFERS + ((uint64_t)q->number << ZC_UBLK_QUEUE_SHIFT) +
			 ((uint64_t)tag << ZC_UBLK_TAG_SHIFT) + at);
}

/*
 * Begin a flush: it is for what is answered by now. Returns false if it failed, as writes were answered by a connection that is
 * over, and this one's flush need not be for them: only NBD_FLAG_CAN_MULTI_CONN promises that. It fails once, as fsync(2) does.
 */
static bool may_flush(struct zc_disk_queue *q, unsigned tag)
{
	const bool may = !q->unsure;

	q->unsure = false;
	q->slots[tag].covers = q->written;
	if (!may) {
		zc_disk_count(&q->stats.unsure_flushes, 1);
		zc_queue_complete(q, tag, -EIO);
	}
	return may;
}

/* Gather requests that wait, up to one with data, which follows it. */
static void gather(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	size_t n = 0;

	while (w->queued && w->from == ZC_DISK_NO_TAG) {
		const unsigned tag = w->queue[w->queue_first];
		struct zc_disk_slot *s = &q->slots[tag];

		w->queue_first = (w->queue_first + 1) % ZC_DISK_DEPTH_MOST;
		w->queued--;
		if (s->command == NBD_CMD_FLUSH && !may_flush(q, tag))
			continue;
		w->requests[n++] = (struct zc_nbd_request){
			.magic = htobe32(NBD_REQUEST_MAGIC),
			.flags = htobe16(s->flags),
			.type = htobe16(s->command),
			.cookie = htobe64((uint64_t)s->generation << 32 | tag),
			.offset = htobe64(s->offset),
			.length = htobe32(s->len),
		};
		zc_disk_set_state(q, tag, ZC_DISK_SENT);
		if (s->command != NBD_CMD_WRITE)
			continue;
		w->from = tag;
		w->from_done = w->out_len = w->out_sent = 0;
	}
	w->requests_len = n * sizeof(w->requests[0]);
	w->requests_sent = 0;
}

static struct io_uring_sqe *prepare_send(struct zc_disk_queue *q, uint8_t opcode, const void *data,
					 uint32_t len)
{
	struct io_uring_sqe *sqe =
		zc_disk_sqe(q, opcode, q->wire.fd, ZC_DISK_SEND,
			    opcode == IORING_OP_SEND_ZC ? q->wire.pending_next : 0);

	sqe->addr = (uintptr_t)data;
	sqe->len = len;
	if (opcode != IORING_OP_WRITE_FIXED)
		sqe->msg_flags = MSG_NOSIGNAL;
	q->wire.sending = true;
	return sqe;
}

/* Send data by way of memory of ours. */
static void send_copy(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	const struct zc_disk_slot *s = &q->slots[w->from];

	if (w->out_sent == w->out_len) {
		const uint32_t len = zc_min(s->len - w->from_done, ZC_DISK_CHUNK);
		const ssize_t n =
			pread(q->d->char_fd, w->out, len, place_of(q, w->from, w->from_done));

		if (n != (ssize_t)len) {
			zc_conn_lose(q, zc_fail(q->ctx, n < 0 ? errno : EIO, "read a request of %s",
						q->d->path));
			return;
		}
		w->out_len = len;
		w->out_sent = 0;
	}
	prepare_send(q, IORING_OP_SEND, w->out + w->out_sent, w->out_len - w->out_sent);
}

/* Send the request's pages themselves, or a copy that the socket makes of them. */
static void send_fixed(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	const uint32_t left = q->slots[w->from].len - w->from_done;
	/* The address in such a buffer is an offset: io_import_kern_buf() in io_uring/rsrc.c. */
	const void *at = (const void *)(uintptr_t)w->from_done;
	struct io_uring_sqe *sqe;

	/* Without a number that is free, this one is copied. */
	if (q->d->options.send_zerocopy && !w->pending[w->pending_next]) {
		w->without_copy = true;
		sqe = prepare_send(q, IORING_OP_SEND_ZC, at, left);
		sqe->ioprio = IORING_RECVSEND_FIXED_BUF | IORING_SEND_ZC_REPORT_USAGE;
	} else {
		w->without_copy = false;
		sqe = prepare_send(q, IORING_OP_WRITE_FIXED, at, left);
	}
	sqe->buf_index = (uint16_t)w->from;
}

/* Send requests, or what is left of them: at once where the socket has room, which costs less than an operation. */
static void send_requests(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	const void *at = (const char *)w->requests + w->requests_sent;
	const size_t left = w->requests_len - w->requests_sent;
	const int more = w->from != ZC_DISK_NO_TAG ? MSG_MORE : 0;
	const ssize_t n = send(w->fd, at, left, MSG_DONTWAIT | MSG_NOSIGNAL | more);

	if (n >= 0) {
		w->heard_ns = zc_now_ns();
		w->requests_sent += (size_t)n;
	} else if (errno == EAGAIN || errno == EINTR) {
		prepare_send(q, IORING_OP_SEND, at, (uint32_t)left)->msg_flags |= (uint32_t)more;
	} else {
		lose_by_send(q, errno);
	}
}

static void send_next(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;

	if (w->requests_sent == w->requests_len && w->from == ZC_DISK_NO_TAG)
		gather(q);
	while (w->requests_sent < w->requests_len && !w->sending && !w->lost)
		send_requests(q);
	if (w->sending || w->lost)
		return;
	if (w->from != ZC_DISK_NO_TAG) {
		if (q->d->info.copy == ZCDMA_DISK_COPY_USER)
			send_copy(q);
		else
			send_fixed(q);
	}
}

/* Count @n bytes of data that were sent. */
static void count_sent(struct zc_disk_queue *q, uint32_t n)
{
	struct zc_disk_wire *w = &q->wire;

	if (q->d->info.copy == ZCDMA_DISK_COPY_USER) {
		zc_disk_count(&q->stats.write_copied_bytes, 2ull * n);
	} else if (!w->without_copy) {
		zc_disk_count(&q->stats.write_copied_bytes, n);
	}
}

/* A send without a copy leaves its number in use, also where it failed: another completion follows. */
static void begin_pending(struct zc_disk_queue *q, const struct io_uring_cqe *cqe)
{
	struct zc_disk_wire *w = &q->wire;
	const uint32_t n = cqe->res > 0 ? (uint32_t)cqe->res : 0;

	zc_disk_count(&q->stats.write_pending_bytes, n);
	w->pending[zc_disk_tag(cqe)] = PENDING_IN_USE | n;
	w->pending_next = (w->pending_next + 1) % ZC_DISK_PENDING;
}

/* All data of the request is sent; it may have been answered before. */
static void end_data(struct zc_disk_queue *q)
{
	const unsigned tag = q->wire.from;

	q->wire.from = ZC_DISK_NO_TAG;
	if (q->slots[tag].answered)
		zc_queue_complete(q, tag, q->slots[tag].result);
}

/* The second completion of a send without a copy: its pages are free. */
static void take_notification(struct zc_disk_queue *q, const struct io_uring_cqe *cqe)
{
	uint32_t *pending = &q->wire.pending[zc_disk_tag(cqe)];
	const uint32_t n = *pending & ~PENDING_IN_USE;

	zc_disk_count(&q->stats.write_pending_bytes, -(uint64_t)n);
	if ((uint32_t)cqe->res & IORING_NOTIF_USAGE_ZC_COPIED)
		zc_disk_count(&q->stats.write_copied_bytes, n);
	*pending = 0;
}

void zc_wire_sent(struct zc_disk_queue *q, const struct io_uring_cqe *cqe)
{
	struct zc_disk_wire *w = &q->wire;
	uint32_t n;

	if (cqe->flags & IORING_CQE_F_NOTIF) {
		take_notification(q, cqe);
		return;
	}
	w->sending = false;
	if (cqe->flags & IORING_CQE_F_MORE)
		begin_pending(q, cqe);
	if (cqe->res == -EINTR || cqe->res == -EAGAIN || w->lost)
		return;
	if (cqe->res <= 0) {
		lose_by_send(q, cqe->res ? -cqe->res : EPIPE);
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
	count_sent(q, n);
	if (w->from_done == q->slots[w->from].len)
		end_data(q);
}

/*
 * Receiving
 */

/* Note what the server may still have to write, and what it has written, where the request did not fail. */
static void note_flushed(struct zc_disk_queue *q, const struct zc_disk_slot *s)
{
	if (s->command == NBD_CMD_FLUSH)
		q->flushed = zc_max(q->flushed, s->covers);
	else if (s->command != NBD_CMD_READ && !(s->flags & NBD_CMD_FLAG_FUA))
		q->written++;
}

/* A request is answered. */
static void answer(struct zc_disk_queue *q, unsigned tag, int result)
{
	struct zc_disk_slot *s = &q->slots[tag];

	s->result = result;
	if (result >= 0)
		note_flushed(q, s);
	/* A server may refuse what it has not received yet. */
	if (q->wire.from == tag)
		s->answered = true;
	else
		zc_queue_complete(q, tag, result);
}

static void take_reply(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	const uint64_t cookie = be64toh(w->reply.cookie);
	const unsigned tag = (uint32_t)cookie;
	const uint32_t error = be32toh(w->reply.error);
	const struct zc_disk_slot *s;

	w->reply_len = 0;
	if (be32toh(w->reply.magic) != NBD_SIMPLE_REPLY_MAGIC) {
		give_up(q, "its reply is not one of NBD");
		return;
	}
	s = tag < q->d->depth ? &q->slots[tag] : NULL;
	if (!s || s->state != ZC_DISK_SENT || s->generation != cookie >> 32 || s->answered)
		give_up(q, "it answers a request that was not made");
	else if (error)
		answer(q, tag, -zc_nbd_errno(error));
	else if (s->command == NBD_CMD_READ) {
		w->into = tag;
		w->into_done = 0;
	} else
		answer(q, tag, s->result);
}

/* Take @n bytes of a request's data. */
static void take_data(struct zc_disk_queue *q, uint32_t n)
{
	struct zc_disk_wire *w = &q->wire;
	const unsigned tag = w->into;
	struct zc_disk_slot *s = &q->slots[tag];

	if (q->d->info.copy == ZCDMA_DISK_COPY_USER) {
		if (pwrite(q->d->char_fd, w->in, n, place_of(q, tag, w->into_done)) != (ssize_t)n)
			s->result = -EIO; /* the rest of it has to be received nevertheless */
		zc_disk_count(&q->stats.read_copied_bytes, n);
	}
	zc_disk_count(&q->stats.read_copied_bytes, n);
	w->into_done += n;
	if (w->into_done < s->len)
		return;
	w->into = ZC_DISK_NO_TAG;
	answer(q, tag, s->result);
}

/* Take @result bytes of a reply, or of data, or lose the connection by an error, or by its end. */
static void take(struct zc_disk_queue *q, int result)
{
	struct zc_disk_wire *w = &q->wire;

	if (result == -EINTR || result == -EAGAIN)
		return;
	if (!result) {
		lose_closed(q);
		return;
	}
	if (result < 0) {
		lose_by(q, "receive from", -result);
		return;
	}
	w->heard_ns = zc_now_ns();
	if (w->into != ZC_DISK_NO_TAG) {
		take_data(q, (uint32_t)result);
		return;
	}
	w->reply_len += (size_t)result;
	if (w->reply_len == sizeof(w->reply))
		take_reply(q);
}

void zc_wire_received(struct zc_disk_queue *q, int result)
{
	q->wire.receiving = false;
	if (q->wire.lost)
		zc_conn_discard(q, result);
	else
		take(q, result);
}

/* Returns where to receive next, and in @len how much, or NULL if that is a request's pages. */
static void *place_to_receive(struct zc_disk_queue *q, uint32_t *len)
{
	struct zc_disk_wire *w = &q->wire;

	if (w->into == ZC_DISK_NO_TAG) {
		*len = (uint32_t)(sizeof(w->reply) - w->reply_len);
		return (char *)&w->reply + w->reply_len;
	}
	*len = zc_min(q->slots[w->into].len - w->into_done, ZC_DISK_CHUNK);
	return w->in;
}

/*
 * Take what is there, where it is not received into a request's pages: to look costs less than an operation. Some of it only, as
 * what it completes is submitted after that.
 */
static void take_what_is_there(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	size_t taken = 0;
	ssize_t n = 1;

	while (n > 0 && taken < ZC_DISK_CHUNK && q->asked && !w->lost) {
		uint32_t len;
		void *at = place_to_receive(q, &len);

		if (!at)
			return;
		n = recv(w->fd, at, len, MSG_DONTWAIT);
		take(q, n < 0 ? -errno : (int)n);
		taken += n > 0 ? (size_t)n : 0;
	}
}

static void receive_next(struct zc_disk_queue *q)
{
	struct zc_disk_wire *w = &q->wire;
	struct io_uring_sqe *sqe;
	uint32_t len;
	void *at;

	take_what_is_there(q);
	if (w->lost)
		return;
	w->receiving = true;
	at = place_to_receive(q, &len);
	if (at) {
		sqe = zc_disk_sqe(q, IORING_OP_RECV, w->fd, ZC_DISK_RECEIVE, 0);
		sqe->addr = (uintptr_t)at;
		sqe->len = len;
		sqe->msg_flags = MSG_WAITALL;
		/* Most likely nothing is there, as was seen just now. */
		sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
	} else {
		sqe = zc_disk_sqe(q, IORING_OP_READ_FIXED, w->fd, ZC_DISK_RECEIVE, 0);
		sqe->addr = w->into_done;
		sqe->len = q->slots[w->into].len - w->into_done;
		sqe->buf_index = (uint16_t)w->into;
	}
}

void zc_wire_go_on(struct zc_disk_queue *q)
{
	if (!q->wire.receiving)
		receive_next(q);
	if (!q->wire.sending && !q->wire.lost)
		send_next(q);
}
