// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * handover: passes blocks to the process that reads the other end of a pipe, which maps the ring. A page that both ends
 * map, or messages, announce blocks and release them, and the pipe stays empty. If the reader leaves before the end, the
 * rest goes through the pipe as bytes, for another reader.
 */
#include "handover/producer.h"

/*
 * Bytes, after a reader has left
 */

static int send_bytes(struct handover *h, const struct zcdma_block *b)
{
	return b->data ? zc_path_copy_block(&h->path, b) : zc_path_sendfile.send(&h->path, b);
}

/* Send as bytes what the reader did not take. Returns 0, or as zc_path_ops.send() does. */
static int send_rest(struct handover *h)
{
	while (h->rest < h->next) {
		struct zc_outstanding_block *e = zc_outstanding_find(&h->blocks, h->rest);
		int rc = send_bytes(h, &e->b);

		if (rc)
			return rc;
		h->path.sent = 0;
		zc_outstanding_release(&h->blocks, e, ZC_PUT_REUSE);
		h->rest++;
	}
	return 0;
}

static void handover_drop(struct zcdma_path *path)
{
	zc_producer_drop((struct handover *)path);
}

static int handover_flush(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;
	int rc;

	if (h->phase != SHARING && h->phase != ENDED)
		return 0;
	/* The next send reports an error again. */
	(void)!zc_producer_send_batch(h);
	rc = zc_producer_prepare_to_wait(h);
	return rc && !path->dropped ? rc : h->blocks.done_count > 0;
}

/* Poll for messages of the reader, which come at any time, and for room if a batch was not sent by flush(). */
static unsigned handover_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	const struct handover *h = (const struct handover *)path;
	bool room =
		h->phase == LEFT ? h->rest < h->next || what & ZC_WAIT_ROOM : h->batch.head.count;

	if (h->phase == GONE)
		return 0;
	*p = (struct pollfd){
		.fd = path->sink.fd,
		.events = (short)((h->phase == LEFT ? 0 : POLLIN) | (room ? POLLOUT : 0)),
	};
	return 1;
}

static int handover_attend(struct zcdma_path *path, short events)
{
	struct handover *h = (struct handover *)path;
	int rc;

	if (path->dropped)
		return zc_producer_attend_dropped(h);

	if (h->phase == LEFT && h->rest == h->next)
		return events & POLLERR ? zc_path_fail(path, EPIPE, "write") : 0;
	rc = h->phase == LEFT ? send_rest(h) : zc_producer_listen(h);
	path->stats.pending_blocks = zc_producer_pending(h);
	return rc == ZC_SENT_BUSY ? 0 : rc;
}

/*
 * The path's operations
 */

/*
 * Returns the flags of a block for its reader, which sees what the device lost from numbers and offsets. What was lost
 * otherwise is a doubt to it, as there is no more to tell than that.
 */
static uint32_t flags_of(const struct zcdma_block *b)
{
	uint32_t flags = b->flags & (ZCDMA_BLOCK_LOST | ZCDMA_BLOCK_DISCONTINUITY);

	for (unsigned i = 0; i < ZCDMA_LOSS_CAUSES; i++) {
		if (i != ZCDMA_LOST_DEVICE && b->lost[i].count)
			flags |= ZCDMA_BLOCK_DISCONTINUITY;
	}
	return flags;
}

static void announce(struct handover *h, const struct zcdma_block *b, uint32_t slot)
{
	const bool device = h->offer.ring == ZC_HO_DEVICE;
	struct zc_ho_block *to = &h->batch.block[h->page ? 0 : h->batch.head.count];

	if (!h->batch.head.count)
		zc_ho_begin(&h->batch, ZC_HO_BLOCK, 0);
	*to = (struct zc_ho_block){
		.id = h->next,
		.seq = b->seq,
		.offset = b->offset,
		.time_ns = b->time_ns,
		.ring_offset = device ? b->index * h->offer.stride : (uint64_t)b->fd_offset,
		.fd_offset = (uint64_t)b->fd_offset,
		.len = b->len,
		.flags = flags_of(b),
		.slot = slot,
	};
	if (h->page)
		zc_lane_put(&h->page->blocks, to);
	h->batch.head.count++;
}

/* Without a place for a block, look whether the reader has released one. Returns 0 or a negative errno. */
static int look_for_releases(struct handover *h)
{
	if (!h->page)
		return zc_producer_listen(h);
	zc_producer_read_page(h);
	return h->broken ? zc_producer_broken(h) : 0;
}

static int handover_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct handover *h = (struct handover *)path;
	struct zc_outstanding_block *e;
	int rc = 0;

	if (h->phase != LEFT && !zc_outstanding_place(&h->blocks, b))
		rc = look_for_releases(h);
	if (!rc && h->phase == LEFT)
		rc = send_rest(h);
	if (rc)
		return rc;
	if (h->phase == LEFT)
		return send_bytes(h, b);
	rc = h->batch.head.count == h->most ? zc_producer_send_batch(h) : 0;
	if (rc && rc != -EAGAIN)
		return rc;
	e = zc_outstanding_place(&h->blocks, b);
	if (rc || !e)
		return ZC_SENT_BUSY;
	announce(h, b, (uint32_t)(e - h->blocks.table));
	zc_outstanding_add(&h->blocks, e, b, h->next++);
	h->bytes += b->len;
	path->stats.bytes += b->len;
	path->stats.pending_blocks = zc_producer_pending(h);
	if (h->batch.head.count == h->most)
		rc = zc_producer_send_batch(h);
	return rc && rc != -EAGAIN ? rc : ZC_SENT_QUEUED;
}

static int handover_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	struct handover *h = (struct handover *)path;
	bool any;

	/* An error is reported before the next wait. */
	if (!h->blocks.done_count)
		zc_producer_read_page(h);
	any = zc_outstanding_reap(&h->blocks, b);
	path->stats.pending_blocks = zc_producer_pending(h);
	return any;
}

/*
 * Stop waiting for the reader, which may hold releases back until it gets more, or an end. What is out stays with it;
 * it finds that we hung up.
 */
static void give_up(struct handover *h)
{
	h->phase = GONE;
	h->blocks.out = 0;
	h->path.stats.pending_blocks = zc_producer_pending(h);
}

/* Send all blocks, and if the stream is @complete send the end and wait until all blocks are back. */
static int handover_finish(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	struct handover *h = (struct handover *)path;
	int rc, wait;

	for (;;) {
		rc = h->phase == LEFT ? send_rest(h) : zc_producer_send_batch(h);
		if (!rc && complete)
			rc = zc_producer_send_end(h);
		if (rc < 0 && rc != -EAGAIN)
			return rc;
		if (!rc && !complete)
			give_up(h);
		if (!rc && !h->blocks.out)
			return 0;
		wait = zc_producer_prepare_to_wait(h);
		if (wait)
			return wait;
		if (!rc && !h->blocks.out)
			continue;
		rc = zc_poll(path->ctx, path->sink.fd, rc ? POLLIN | POLLOUT : POLLIN,
			     zc_time_left(deadline_ns));
		if (!rc)
			rc = handover_attend(path, 0);
		if (rc)
			return rc;
	}
}

/*
 * Opening
 */

static int handover_open(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;
	int fd = zc_producer_share_ring(h), rc;

	if (fd < 0)
		return fd;
	/* Before the offer, as the reader uses the ring once it has accepted it. */
	rc = zc_outstanding_init(&h->blocks, h->offer.blocks, h->offer.ring != ZC_HO_FILE);
	if (rc)
		return zc_fail(path->ctx, -rc, "hand-over");
	rc = zc_producer_offer_ring(h, path->handover, fd);
	if (rc) {
		zc_outstanding_free(&h->blocks);
		return rc;
	}
	h->pipe_fd = path->sink.fd;
	path->sink.fd = path->handover->sock;
	h->page = path->handover->page.map ? &path->handover->page : NULL;
	/* Half the ring at most, so that the reader has work while the next batch is made. */
	h->most = zc_min(h->offer.blocks / 2 + 1, ZC_HO_BLOCKS);
	return 0;
}

static void handover_close(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;

	zcdma_handover_free(path->handover);
	zc_outstanding_free(&h->blocks);
}

const struct zc_path_ops zc_path_handover = {
	.type = {
		.name = "handover",
		.summary = "the ring itself, to the process at the other end of a pipe",
	},
	.size = sizeof(struct handover),
	.open = handover_open,
	.send = handover_send,
	.reap = handover_reap,
	.poll = handover_poll,
	.flush = handover_flush,
	.attend = handover_attend,
	.drop = handover_drop,
	.finish = handover_finish,
	.close = handover_close,
};

ZC_PUBLIC int zcdma_source_prepare_shared(struct zcdma_source *src, const char *path,
					  struct zcdma_handover *const readers[], unsigned count)
{
	const struct zcdma_path_type *type = path ? zcdma_path_find(path) : NULL;
	unsigned uses = ZC_USE_SHARE | ZC_USE_REPLACE | (type ? zc_path_uses(type) : 0);
	int rc;

	/* A reader maps a file by itself, which the path does not. */
	if (type && type->required_caps & ZCDMA_CAP_MEMORY)
		uses |= ZC_USE_MAP;
	for (unsigned i = 0; i < count; i++)
		uses |= readers[i]->uses;
	rc = zc_source_activate(src, uses);
	src->shared |= !rc;
	return rc;
}

ZC_PUBLIC int zcdma_path_open_handover(struct zcdma_handover *peer, struct zcdma_source *src,
				       struct zcdma_path **path)
{
	const struct zc_path_to to = { .fd = peer->pipe_fd, .handover = peer };
	int rc = zc_source_activate(src, peer->uses | ZC_USE_SHARE);

	return rc ? rc : zc_path_new(peer->ctx, &zc_path_handover, src, &to, path);
}
