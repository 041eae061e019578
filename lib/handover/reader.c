// SPDX-License-Identifier: LGPL-2.1-or-later
/* handover: what the producer and its reader say to each other, by messages and in the page. */
#include <sys/socket.h>

#include "handover/producer.h"

static unsigned version(const struct handover *h)
{
	return h->page ? ZC_HO_VERSION : ZC_HO_OLDEST;
}

int zc_producer_broken(struct handover *h)
{
	return zc_fail_plain(h->path.ctx, EPROTO, "hand-over to %s: its reader breaks the protocol",
			     h->path.sink.name);
}

/* Take a release. Returns false if its block is not out. */
static bool take_release(struct handover *h, const struct zc_ho_release *r)
{
	struct zc_outstanding_block *e = zc_outstanding_at(&h->blocks, r->slot, r->id);

	if (e)
		zc_outstanding_release(&h->blocks, e, (enum zc_put)r->how);
	return e;
}

static int take_releases(struct handover *h, const struct zc_ho_msg *msg)
{
	for (uint32_t i = 0; i < msg->head.count; i++) {
		if (!take_release(h, &msg->release[i]))
			return zc_producer_broken(h);
	}
	return 0;
}

/* It is not more than is out. */
void zc_producer_read_page(struct handover *h)
{
	struct zc_ho_release r;
	int rc = 0;

	/* A reader that left has none to release. */
	if (!h->page || (h->phase != SHARING && h->phase != ENDED))
		return;
	while (!h->broken && (rc = zc_lane_take(&h->page->releases, h->blocks.out, &r)) == 1)
		h->broken = zc_ho_check_release(&r) || !take_release(h, &r);
	h->broken |= rc < 0;
}

/* Returns whether the message is valid: all blocks before the first one not taken must be back. */
static bool may_leave(const struct handover *h, const struct zc_ho_leave *leave)
{
	const struct zc_outstanding_block *e;

	if (leave->id > h->next || h->next - leave->id != h->blocks.out ||
	    zc_outstanding_first(&h->blocks, h->next) < leave->id)
		return false;
	e = zc_outstanding_find(&h->blocks, leave->id);
	return e ? leave->skip < e->b.len : !leave->skip;
}

static int take_leave(struct handover *h, const struct zc_ho_leave *leave)
{
	struct zcdma_path *path = &h->path;
	struct zc_outstanding_block *e;

	if (!may_leave(h, leave))
		return zc_producer_broken(h);
	e = zc_outstanding_find(&h->blocks, leave->id);
	path->stats.bytes -= zc_outstanding_bytes(&h->blocks);
	if (e) {
		path->stats.bytes += leave->skip;
		path->sent = leave->skip;
		if (leave->how == ZC_PUT_REPLACE)
			e->b.flags |= ZC_BLOCK_REPLACE;
	}
	h->phase = LEFT;
	h->rest = leave->id;
	h->batch.head.count = 0;
	path->sink.fd = h->pipe_fd;
	return 0;
}

/*
 * Messages to and from the reader
 */

/*
 * Take back what is out. The reader, which is gone, may have passed pages on to something that still reads them: they are
 * replaced.
 */
static void take_back(struct handover *h)
{
	for (uint32_t i = 0; i < h->blocks.size; i++) {
		if (h->blocks.table[i].state == ZC_OUTSTANDING_OUT)
			zc_outstanding_release(&h->blocks, &h->blocks.table[i], ZC_PUT_REPLACE);
	}
}

static int hung_up(struct handover *h)
{
	int rc;

	if (h->phase == ENDED && !h->blocks.out) {
		h->phase = GONE;
		return 0;
	}
	h->hung_up = true;
	rc = zc_fail_plain(h->path.ctx, EPIPE,
			   "hand-over to %s: its reader ended before it was done",
			   h->path.sink.name);
	zc_hint(h->path.ctx, "look why the reader ended; what it had passed on has arrived");
	return rc;
}

int zc_producer_listen(struct handover *h)
{
	struct zc_ho_msg msg;
	int rc;

	if (h->phase == GONE)
		return 0;
	rc = zc_ho_recv(h->path.sink.fd, &msg, NULL);
	/* What the reader put into the page before the message comes before it. */
	zc_producer_read_page(h);
	if (h->broken)
		return zc_producer_broken(h);
	if (rc == -EAGAIN)
		return 0;
	if (!rc)
		return hung_up(h);
	if (rc < 0 || msg.head.version != version(h))
		return zc_producer_broken(h);
	switch (msg.head.type) {
	case ZC_HO_RELEASE:
		return take_releases(h, &msg);
	case ZC_HO_LEAVE:
		return take_leave(h, &msg.leave);
	case ZC_HO_WAKE:
		return 0;
	default:
		return zc_producer_broken(h);
	}
}

/*
 * Send @msg. If the reader has hung up, zc_producer_listen() finds out, and what it sent last, so this is reported
 * as no room. Returns 0, -EAGAIN, or another negative errno.
 */
static int send_message(struct handover *h, struct zc_ho_msg *msg)
{
	int rc;

	msg->head.version = (uint16_t)version(h);
	rc = zc_ho_send(h->path.sink.fd, msg, NULL);
	if (!rc)
		h->path.stats.calls++;
	else if (rc == -EPIPE || rc == -ECONNRESET || rc == -EINTR)
		rc = -EAGAIN;
	return rc && rc != -EAGAIN ? zc_path_fail(&h->path, -rc, "hand-over") : rc;
}

/* Call the attention of a reader that sleeps to the blocks in the page. */
static int wake_reader(struct handover *h)
{
	struct zc_ho_msg msg;
	int rc;

	if (!zc_lane_must_wake(&h->page->blocks))
		return 0;
	zc_ho_begin(&msg, ZC_HO_WAKE, 0);
	rc = send_message(h, &msg);
	return rc == -EAGAIN ? 0 : rc; /* it has messages to read */
}

int zc_producer_send_batch(struct handover *h)
{
	int rc = 0;

	if (h->batch.head.count && h->phase != LEFT)
		rc = h->page ? wake_reader(h) : send_message(h, &h->batch);
	if (!rc)
		h->batch.head.count = 0;
	return rc;
}

int zc_producer_send_end(struct handover *h)
{
	struct zc_ho_msg msg;
	int rc;

	if (h->phase != SHARING)
		return 0;
	zc_ho_begin(&msg, ZC_HO_END, 1);
	msg.end.blocks = h->next;
	msg.end.bytes = h->bytes;
	rc = send_message(h, &msg);
	if (!rc)
		h->phase = ENDED;
	return rc;
}

/*
 * Returns whether the source has no block left, and the reader fewer than it wakes us for: the caller, or other paths, hold
 * the rest.
 */
static bool is_short(const struct handover *h)
{
	const struct zcdma_source *src = h->path.src;

	return h->blocks.out <= h->offer.blocks / 4 && src->info.blocks &&
	       zc_lent_stuck(&src->lent) + src->lent.with_paths >= src->info.blocks;
}

static enum zc_lane_sleeps how_to_sleep(const struct handover *h)
{
	if (is_short(h))
		return ZC_LANE_HURRIES;
	return h->path.src->patient ? ZC_LANE_PATIENT : ZC_LANE_SLEEPS;
}

int zc_producer_prepare_to_wait(struct handover *h)
{
	/* What is taken clears the flag, as if this end were awake. */
	while (h->page && !h->broken && (h->phase == SHARING || h->phase == ENDED) &&
	       !zc_lane_sleep(&h->page->releases, how_to_sleep(h)))
		zc_producer_read_page(h);
	return h->broken ? zc_producer_broken(h) : 0;
}

int zc_producer_attend_dropped(struct handover *h)
{
	struct zc_ho_msg msg;
	int rc = zc_ho_recv(h->path.sink.fd, &msg, NULL);

	zc_producer_read_page(h);
	if (rc == 1 && msg.head.type == ZC_HO_RELEASE)
		(void)!take_releases(h, &msg);
	if (!rc) {
		h->phase = GONE;
		take_back(h);
	}
	h->path.stats.pending_blocks = zc_producer_pending(h);
	return 0;
}

/* Take back what the reader was not told of; with a page it sees each block at once. */
static void drop_batch(struct handover *h)
{
	for (uint32_t i = 0; !h->page && i < h->batch.head.count; i++) {
		struct zc_outstanding_block *e =
			zc_outstanding_at(&h->blocks, h->batch.block[i].slot, h->batch.block[i].id);

		if (e)
			zc_outstanding_release(&h->blocks, e, ZC_PUT_REUSE);
	}
	h->batch.head.count = 0;
}

void zc_producer_drop(struct handover *h)
{
	struct zcdma_path *path = &h->path;
	struct zc_ho_msg msg;

	/* What the reader made of what it has is unknown. */
	if (h->phase != LEFT)
		path->stats.bytes -= zc_outstanding_bytes(&h->blocks);
	drop_batch(h);
	if (h->hung_up || h->phase == LEFT) {
		h->phase = GONE;
		take_back(h);
	} else if (h->phase != GONE) {
		zc_ho_begin(&msg, ZC_HO_DROP, 0);
		/* A reader without room for it, or of version 1, sees that the producer hung up. */
		if (h->page)
			(void)!send_message(h, &msg);
		shutdown(path->sink.fd, SHUT_WR);
	}
	path->stats.pending_blocks = zc_producer_pending(h);
}
