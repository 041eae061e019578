// SPDX-License-Identifier: LGPL-2.1-or-later
/* The loop: one io_uring for the device's commands, the connection, and all that may not be waited for otherwise. */
#include <poll.h>
#include <string.h>

#include "disk/disk.h"
#include "path/uring_submit.h"

/* How often requests are looked at for a time-out. */
#define TICK_MS 250

/* The bytes of a submission of IORING_SETUP_SQE128, which commands of ublk's control device need. */
#define SQE_SIZE 128

/* For each tag a command, and what else is in flight. */
#define ENTRIES (2 * ZC_DISK_DEPTH_MOST)

int zc_disk_ring_open(struct zc_disk_queue *q)
{
	struct io_uring_params p = {
		/* What completes is looked at in the next call, and needs no interrupt before. */
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN,
		.cq_entries = 8 * ENTRIES,
	};
	int rc = io_uring_queue_init_params(ENTRIES, &q->ring, &p);

	if (rc)
		return zc_uring_fail(q->d->ctx, -rc);
	q->has_ring = true;
	return 0;
}

/* Take the result of a submission: one that failed for good, or for too long, breaks the loop off. */
static void take_submitted(struct zc_disk_queue *q, int rc)
{
	uint64_t now;

	if (rc >= 0) {
		q->refused_ns = 0;
		return;
	}
	now = zc_now_ns();
	if (!q->refused_ns)
		q->refused_ns = now;
	if (!zc_uring_may_pass(rc) || now - q->refused_ns > ZC_URING_REFUSALS_NS)
		zc_error_keep(&q->broken, q->ctx, zc_fail(q->ctx, -rc, "io_uring_enter"));
}

struct io_uring_sqe *zc_disk_sqe(struct zc_disk_queue *q, uint8_t opcode, int fd,
				 enum zc_disk_event event, unsigned tag)
{
	struct io_uring_sqe *sqe;

	/* A full queue is submitted, and so has room. */
	while (!(sqe = io_uring_get_sqe(&q->ring)) && !q->broken.rc) {
		take_submitted(q, io_uring_submit(&q->ring) ?: -EAGAIN);
		if (q->refused_ns)
			poll(NULL, 0, ZC_URING_NAP_MS);
	}
	/* Nothing is submitted any more. */
	if (!sqe)
		sqe = &q->unused.sqe;
	memset(sqe, 0, SQE_SIZE);
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->user_data = event | (uint64_t)tag << ZC_DISK_TAG_SHIFT;
	return sqe;
}

static void arm(struct zc_disk_queue *q)
{
	static const struct __kernel_timespec tick = { .tv_nsec = TICK_MS * 1000000LL };
	struct io_uring_sqe *sqe;

	if (!q->ticks) {
		sqe = zc_disk_sqe(q, IORING_OP_TIMEOUT, -1, ZC_DISK_TICK, 0);
		sqe->addr = (uintptr_t)&tick;
		sqe->len = 1;
		q->ticks = true;
	}
	/* While interrupted, it would fire all the time. */
	if (!q->wakes && !q->ctx->interrupted) {
		sqe = zc_disk_sqe(q, IORING_OP_POLL_ADD, q->ctx->wake_fd, ZC_DISK_WAKE, 0);
		sqe->poll_events = POLLIN;
		q->wakes = true;
	}
}

static void handle(struct zc_disk_queue *q, const struct io_uring_cqe *cqe)
{
	switch ((enum zc_disk_event)(cqe->user_data & 0xff)) {
	case ZC_DISK_FETCH:
		zc_queue_take(q, zc_disk_tag(cqe), cqe->res);
		break;
	case ZC_DISK_SEND:
		zc_wire_sent(q, cqe);
		break;
	case ZC_DISK_RECEIVE:
		zc_wire_received(q, cqe->res);
		break;
	case ZC_DISK_CALL:
		q->calling = false;
		q->answer = cqe->res;
		break;
	case ZC_DISK_WAKE:
		q->wakes = false;
		break;
	case ZC_DISK_TICK:
		q->ticks = false;
		zc_conn_tick(q);
		break;
	case ZC_DISK_CANCEL:
	case ZC_DISK_EVENTS:
		break;
	}
}

/* Submit what is prepared, wait, and handle what completed. Returns 0 or a negative errno. */
static int step(struct zc_disk_queue *q)
{
	struct io_uring_cqe *cqe;
	int rc;

	arm(q);
	zc_conn_go_on(q);
	if (q->broken.rc)
		return zc_error_again(&q->broken, q->ctx);
	rc = io_uring_submit_and_wait(&q->ring, 1);
	/* A signal ends a wait, however often. */
	take_submitted(q, rc == -EINTR ? 0 : rc);
	while (!io_uring_peek_cqe(&q->ring, &cqe)) {
		/* What handles it submits more, and may go over the queue's end. */
		const struct io_uring_cqe taken = { .user_data = cqe->user_data,
						    .res = cqe->res,
						    .flags = cqe->flags };

		io_uring_cqe_seen(&q->ring, cqe);
		handle(q, &taken);
		q->refused_ns = 0;
	}
	return q->broken.rc ? zc_error_again(&q->broken, q->ctx) : 0;
}

int zc_disk_run(struct zc_disk_queue *q, bool (*done)(const struct zc_disk_queue *q),
		int timeout_ms, bool can_interrupt)
{
	const uint64_t deadline = zc_deadline(timeout_ms);
	int rc = 0;

	while (!rc && !done(q)) {
		if (can_interrupt && q->ctx->interrupted)
			return -EINTR;
		if (!zc_time_left(deadline))
			return -ETIMEDOUT;
		rc = step(q);
	}
	return rc;
}

bool zc_disk_has_answer(const struct zc_disk_queue *q)
{
	return !q->calling;
}

int zc_disk_call(struct zc_disk_queue *q, struct io_uring_sqe *sqe)
{
	int rc;

	(void)sqe; /* it is submitted with what else there is */
	q->calling = true;
	rc = zc_disk_run(q, zc_disk_has_answer, -1, q->d->starting);
	if (rc == -EINTR) {
		/* What it waits for fails then, and so it ends. */
		zc_conn_give_up(q,
				zc_fail_plain(q->ctx, EINTR, "start %s: interrupted", q->d->path));
		rc = zc_disk_run(q, zc_disk_has_answer, -1, false);
	}
	return rc ? rc : q->answer;
}
