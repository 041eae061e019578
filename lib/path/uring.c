// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * uring, uring-fixed: IORING_OP_SEND_ZC. A send has two completions: the first is what send() would
 * return, and says nothing of the pages; the second, the notification (IORING_CQE_F_NOTIF), is the proof
 * that nobody reads them any more. See io_uring_prep_send_zc(3).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "path/completion.h"
#include "path/path.h"
#include "path/pin_limit.h"
#include "path/refusal.h"
#include "path/uring_buffers.h"
#include "memory/ring.h"
#include "path/uring_submit.h"

/* Room for twice as many completions; what is beyond that the kernel keeps (IORING_FEAT_NODROP). */
#define ENTRIES 256

/* A length that fits into the result of a send. */
#define MOST_SENT ((size_t)1 << 30)

struct uring {
	struct zcdma_path path;
	struct io_uring ring;
	struct io_uring_sqe *entry; /* that is prepared, and not taken by the kernel */
	struct zc_tracker tracker;
	struct zc_pin_limit pin_limit;
	unsigned
		zc_flags; /* of each send: with IORING_SEND_ZC_REPORT_USAGE notifications report copies */
	size_t registered; /* bytes of the source's ring in each registered buffer; 0: none is registered */
	bool no_room;  /* for another pin: the next notification makes it */
	bool answered; /* the send submitted last: its first completion has come ... */
	int answer;    /* ... with this result ... */
	bool notifies; /* ... and a notification will follow */
};

/*
 * Completions
 */

/* Count completed sends, whose pages are free. */
static void count(struct uring *u, struct zc_completed done, bool known, bool copied)
{
	struct zcdma_path_stats *s = &u->path.stats;

	s->pending_bytes -= done.bytes;
	s->pending_calls -= done.sends;
	zc_pin_limit_completed(&u->pin_limit, done.sends);
	if (known && !copied) {
		zc_path_completed(&u->path, done.bytes, done.sends, false);
		return;
	}
	*(known ? &s->fell_back_bytes : &s->unknown_bytes) += done.bytes;
	*(known ? &s->fell_back_calls : &s->unknown_calls) += done.sends;
}

static void completed(struct uring *u, uint32_t number, bool known, bool copied)
{
	struct zc_completed done = zc_tracker_complete(&u->tracker, number, number);

	/* A send that was refused has a notification too. */
	if (done.bytes)
		count(u, done, known, copied);
}

static void take(struct uring *u, struct io_uring_cqe *cqe)
{
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		completed(u, (uint32_t)cqe->user_data, u->zc_flags & IORING_SEND_ZC_REPORT_USAGE,
			  (uint32_t)cqe->res & IORING_NOTIF_USAGE_ZC_COPIED);
	} else {
		u->answered = true;
		u->answer = cqe->res;
		u->notifies = cqe->flags & IORING_CQE_F_MORE;
	}
	io_uring_cqe_seen(&u->ring, cqe);
}

static void take_all(struct uring *u)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&u->ring, &cqe))
		take(u, cqe);
}

static int uring_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	struct uring *u = (struct uring *)path;
	bool any;

	if (!u->tracker.done)
		take_all(u);
	any = zc_tracker_reap(&u->tracker, b);
	path->stats.pending_blocks = u->tracker.blocks;
	return any;
}

/*
 * Sending
 */

/*
 * Submit what is prepared, and take its first completion, which is there at once, as the send has MSG_DONTWAIT.
 * Returns 0 or a negative errno.
 */
static int submit(struct uring *u)
{
	struct io_uring_cqe *cqe;
	int rc;

	u->answered = false;
	rc = zc_uring_submit(&u->ring, &u->entry);
	while (!rc && !u->answered) {
		rc = io_uring_wait_cqe(&u->ring, &cqe);
		if (!rc)
			take(u, cqe);
		else if (rc == -EINTR)
			rc = 0;
	}
	return rc;
}

/*
 * Prepare a send, with MSG_EOR: from Linux 6.10 on a send may join the last packet of the one before (io_link_skb() in
 * io_uring/notif.c), and where all of it does, its notification says "copied" though it was not.
 */
static void prepare(struct uring *u, const void *data, size_t len)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_EOR;
	struct io_uring_sqe *sqe = zc_uring_entry(&u->ring, &u->entry);
	int fd = u->path.sink.fd;

	if (u->registered) {
		size_t at = (size_t)((const unsigned char *)data - u->path.src->ring->base);

		io_uring_prep_send_zc_fixed(sqe, fd, data, len, flags, u->zc_flags,
					    (unsigned)(at / u->registered));
	} else {
		io_uring_prep_send_zc(sqe, fd, data, len, flags, u->zc_flags);
	}
	sqe->user_data = u->tracker.next;
}

/*
 * Handle the limit on pinned memory: with sends in flight the next notification makes room; without, it is
 * too small for a send of @len bytes.
 */
static int out_of_room(struct uring *u, size_t len)
{
	struct zcdma_path *path = &u->path;
	char limit[32];

	path->stats.enobufs++;
	if (path->stats.pending_calls) {
		u->no_room = true;
		return ZC_SENT_BUSY;
	}
	if (zc_pin_limit_lower(&u->pin_limit, len))
		return ZC_SENT_DONE;
	zc_path_fail(path, ENOMEM, "io_uring SEND_ZC");
	zc_hint(path->ctx, "RLIMIT_MEMLOCK is %s; raise it: ulimit -l",
		zc_memlock_limit(limit, sizeof(limit)));
	return -ENOMEM;
}

static int refused(struct uring *u, const struct zcdma_block *b, int err, size_t len)
{
	if (err == EAGAIN || err == EINTR)
		return ZC_SENT_BUSY;
	if (err == ENOMEM && !u->registered)
		return out_of_room(u, len);
	if (err == EFAULT)
		return zc_path_fault(&u->path, b, "io_uring SEND_ZC");
	return zc_path_fail(&u->path, err, "io_uring SEND_ZC");
}

/* Track the send submitted last, which took @len bytes, 0 if it was refused. */
static void track(struct uring *u, const struct zcdma_block *b, size_t len)
{
	struct zcdma_path *path = &u->path;
	uint32_t number = u->tracker.next;

	zc_tracker_sent(&u->tracker, len);
	if (len) {
		path->stats.pending_bytes += len;
		path->stats.pending_calls++;
		zc_path_advance(path, b, len);
	}
	if (!u->notifies)
		completed(u, number, false, false);
}

/* Track a send that the kernel has, and gave no answer to: its memory may be read until a notification comes. */
static void track_unanswered(struct uring *u, size_t len)
{
	zc_tracker_sent(&u->tracker, len);
	u->path.stats.pending_bytes += len;
	u->path.stats.pending_calls++;
}

/* Returns how many bytes from @data on a send may have: those of one registered buffer. */
static size_t most_of_send(const struct uring *u, const unsigned char *data)
{
	const size_t most = zc_min(u->pin_limit.most, MOST_SENT);

	if (!u->registered)
		return most;
	return zc_min(most,
		      u->registered - (size_t)(data - u->path.src->ring->base) % u->registered);
}

static int send_some(struct uring *u, const struct zcdma_block *b)
{
	struct zcdma_path *path = &u->path;
	const unsigned char *data = (const unsigned char *)b->data + path->sent;
	size_t len = zc_datagram_piece(path, b->len - path->sent, most_of_send(u, data));
	int rc;

	if (zc_tracker_prepare(&u->tracker, b))
		return zc_fail(path->ctx, ENOMEM, "io_uring SEND_ZC to %s", path->sink.name);
	prepare(u, data, len);
	rc = submit(u);
	if (rc && !u->entry)
		track_unanswered(u, len);
	if (rc)
		return zc_path_fail(path, -rc, "io_uring_enter");
	track(u, b, u->answer > 0 ? (size_t)u->answer : 0);
	take_all(u);
	return u->answer > 0 ? ZC_SENT_DONE : refused(u, b, -u->answer, len);
}

static int uring_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct uring *u = (struct uring *)path;
	int rc;

	u->no_room = false;
	while (path->sent < b->len) {
		rc = send_some(u, b);
		if (rc)
			return rc;
	}
	zc_tracker_finish_block(&u->tracker);
	path->stats.pending_blocks = u->tracker.blocks;
	return ZC_SENT_QUEUED;
}

/* Poll the ring's descriptor for notifications, too. */
static unsigned uring_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	const struct uring *u = (const struct uring *)path;
	unsigned n = what & ZC_WAIT_ROOM && !u->no_room ? zc_path_poll_sink(path, what, p) : 0;

	if (what & ZC_WAIT_COMPLETION || (what & ZC_WAIT_ROOM && u->no_room))
		p[n++] = (struct pollfd){ .fd = u->ring.ring_fd, .events = POLLIN };
	return n;
}

/*
 * Opening
 */

/*
 * Ask the kernel for a send with @zc_flags on a bad descriptor. It checks the operation and its flags before the
 * descriptor (io_init_req() in io_uring/io_uring.c): -EBADF if it knows them, -EINVAL if not.
 */
static int ask(struct uring *u, unsigned zc_flags)
{
	struct io_uring_sqe *sqe = zc_uring_entry(&u->ring, &u->entry);
	int rc;

	io_uring_prep_send_zc(sqe, -1, NULL, 0, 0, zc_flags);
	sqe->user_data = UINT32_MAX; /* before the first, for when its notification comes */
	rc = submit(u);
	return rc ? rc : u->answer;
}

/* Report that the kernel has io_uring, but not the operation that is needed. */
static int no_send_zc(struct zcdma_ctx *ctx, int err)
{
	if (err == EINVAL)
		return zc_fail_plain(
			ctx, EOPNOTSUPP,
			"the io_uring of this kernel has no SEND_ZC, which came with Linux 6.0");
	zc_fail(ctx, err, "io_uring SEND_ZC");
	return -EOPNOTSUPP;
}

/* Make the ring. Returns 0, or -EOPNOTSUPP or -ENOMEM with the error message set. */
static int open_ring(struct zcdma_ctx *ctx, struct uring *u)
{
	int rc = io_uring_queue_init(ENTRIES, &u->ring, 0);

	if (rc)
		return zc_uring_fail(ctx, -rc);
	if (ask(u, IORING_SEND_ZC_REPORT_USAGE) == -EBADF) {
		u->zc_flags = IORING_SEND_ZC_REPORT_USAGE;
		return 0;
	}
	rc = ask(u, 0);
	if (rc == -EBADF)
		return 0;
	io_uring_queue_exit(&u->ring);
	return rc == -ENOMEM ? zc_uring_fail(ctx, ENOMEM) : no_send_zc(ctx, -rc);
}

static int uring_probe(struct zcdma_ctx *ctx)
{
	struct uring u = { .zc_flags = 0 };
	int rc = open_ring(ctx, &u);

	if (!rc)
		io_uring_queue_exit(&u.ring);
	return rc;
}

static int uring_open(struct zcdma_path *path)
{
	struct uring *u = (struct uring *)path;
	int rc = open_ring(path->ctx, u);

	if (rc)
		return rc;
	zc_tracker_init(&u->tracker);
	zc_pin_limit_init(&u->pin_limit, path->datagram);
	return 0;
}

static int registration_failed(struct uring *u, int err)
{
	struct zcdma_path *path = &u->path;
	char limit[32];

	zc_fail(path->ctx, err, "register the ring of %s with io_uring", path->src->name);
	if (err == ENOMEM)
		zc_hint(path->ctx,
			"RLIMIT_MEMLOCK is %s: raise it (ulimit -l), or take a smaller ring",
			zc_memlock_limit(limit, sizeof(limit)));
	else if (err == EFAULT || err == EOPNOTSUPP)
		zc_hint(path->ctx,
			"this kernel registers no mapping of this kind; --path=uring does without");
	return -err;
}

static int register_ring(struct uring *u)
{
	int rc = zc_uring_register(&u->ring, u->path.src->ring, &u->registered);

	return rc ? registration_failed(u, -rc) : 0;
}

static void uring_close(struct zcdma_path *path)
{
	struct uring *u = (struct uring *)path;

	io_uring_queue_exit(&u->ring);
	zc_tracker_free(&u->tracker);
}

static int fixed_open(struct zcdma_path *path)
{
	int rc = uring_open(path);

	if (rc)
		return rc;
	rc = register_ring((struct uring *)path);
	if (rc)
		uring_close(path);
	return rc;
}

const struct zc_path_ops zc_path_uring = {
	.type = {
		.name = "uring",
		.summary = "io_uring SEND_ZC: as zerocopy, with notifications in place of an error queue",
		.required_caps = ZCDMA_CAP_MEMORY | ZCDMA_CAP_SOCKET,
		.reports_copied = true,
	},
	.size = sizeof(struct uring),
	.datagrams = true,
	.join_most = ZC_JOIN_MOST,
	.takes = ZC_TAKES_MEMORY,
	.probe = uring_probe,
	.open = uring_open,
	.send = uring_send,
	.reap = uring_reap,
	.poll = uring_poll,
	.close = uring_close,
};

const struct zc_path_ops zc_path_uring_fixed = {
	.type = {
		.name = "uring-fixed",
		.summary = "the same from a registered ring, whose pages are pinned once and not for each send",
		.required_caps = ZCDMA_CAP_MEMORY | ZCDMA_CAP_RING | ZCDMA_CAP_SOCKET,
		.reports_copied = true,
	},
	.size = sizeof(struct uring),
	.datagrams = true,
	.join_most = 2 * ZC_JOIN_MOST, /* as nothing is pinned, the call and the packet at its end weigh more */
	.takes = ZC_TAKES_MEMORY,
	.probe = uring_probe,
	.open = fixed_open,
	.send = uring_send,
	.reap = uring_reap,
	.poll = uring_poll,
	.close = uring_close,
};
