// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * handover: passes blocks to the process that reads the other end of a pipe, which maps the ring. A page that both ends
 * map, or messages, announce blocks and release them, and the pipe stays empty. If the reader leaves before the end, the
 * rest goes through the pipe as bytes, for another reader.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover/connect.h"
#include "handover/outstanding.h"
#include "path/path.h"

enum phase {
	SHARING, /* blocks go to the reader */
	ENDED,	 /* the end was sent, and the reader releases what it has */
	LEFT,	 /* the reader left before that: other blocks go through the pipe as bytes */
	GONE,	 /* nothing more is expected of the reader */
};

struct handover {
	struct zcdma_path path;
	int pipe_fd;
	struct zc_ho_offer offer;
	struct zc_outstanding blocks;
	uint64_t next;		     /* id */
	struct zc_shared_page *page; /* or NULL: blocks go by messages */
	struct zc_ho_msg
		batch; /* blocks not yet sent; with a page, .count of those not yet called attention to */
	unsigned most; /* of them */
	bool broken;   /* the reader has put what is not valid into the page */
	uint64_t bytes;
	enum phase phase;
	bool hung_up;  /* the reader has: it reads none of the blocks that are out any more */
	uint64_t rest; /* with LEFT: the id of the first block that is still to go as bytes */
};

static unsigned version(const struct handover *h)
{
	return h->page ? ZC_HO_VERSION : ZC_HO_OLDEST;
}

static unsigned pending(const struct handover *h)
{
	return h->blocks.out + h->blocks.done_count;
}

static int broken(struct handover *h)
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
			return broken(h);
	}
	return 0;
}

/* Take what the reader has put into the page: not more than is out. Sets h->broken if any of it is not valid. */
static void read_page(struct handover *h)
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
		return broken(h);
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

/* Take one message of the reader, if there is one; poll() reports the next. Returns 0 or a negative errno. */
static int listen_to_reader(struct handover *h)
{
	struct zc_ho_msg msg;
	int rc;

	if (h->phase == GONE)
		return 0;
	rc = zc_ho_recv(h->path.sink.fd, &msg, NULL);
	/* What the reader put into the page before the message comes before it. */
	read_page(h);
	if (h->broken)
		return broken(h);
	if (rc == -EAGAIN)
		return 0;
	if (!rc)
		return hung_up(h);
	if (rc < 0 || msg.head.version != version(h))
		return broken(h);
	switch (msg.head.type) {
	case ZC_HO_RELEASE:
		return take_releases(h, &msg);
	case ZC_HO_LEAVE:
		return take_leave(h, &msg.leave);
	case ZC_HO_WAKE:
		return 0;
	default:
		return broken(h);
	}
}

/*
 * Send @msg. If the reader has hung up, listen_to_reader() finds out, and what it sent last, so this is reported
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

static int send_batch(struct handover *h)
{
	int rc = 0;

	if (h->batch.head.count && h->phase != LEFT)
		rc = h->page ? wake_reader(h) : send_message(h, &h->batch);
	if (!rc)
		h->batch.head.count = 0;
	return rc;
}

static int send_end(struct handover *h)
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

/* Have the reader send a message when it has put more into the page. Returns 0 or a negative errno. */
static int prepare_to_wait(struct handover *h)
{
	if (h->page && !zc_lane_sleep(&h->page->releases))
		read_page(h);
	return h->broken ? broken(h) : 0;
}

/* Take what a reader that was dropped releases, until it hangs up; what else it says does not matter any more. */
static int attend_dropped(struct handover *h)
{
	struct zc_ho_msg msg;
	int rc = zc_ho_recv(h->path.sink.fd, &msg, NULL);

	read_page(h);
	if (rc == 1 && msg.head.type == ZC_HO_RELEASE)
		(void)!take_releases(h, &msg);
	if (!rc) {
		h->phase = GONE;
		take_back(h);
	}
	h->path.stats.pending_blocks = pending(h);
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

/*
 * Tell the reader, which keeps its blocks until it releases them or hangs up: it may be reading them. One that has left
 * has none.
 */
static void handover_drop(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;
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
	path->stats.pending_blocks = pending(h);
}

static int handover_flush(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;
	int rc;

	if (h->phase != SHARING && h->phase != ENDED)
		return 0;
	/* The next send reports an error again. */
	(void)!send_batch(h);
	rc = prepare_to_wait(h);
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
		return attend_dropped(h);

	if (h->phase == LEFT && h->rest == h->next)
		return events & POLLERR ? zc_path_fail(path, EPIPE, "write") : 0;
	rc = h->phase == LEFT ? send_rest(h) : listen_to_reader(h);
	path->stats.pending_blocks = pending(h);
	return rc == ZC_SENT_BUSY ? 0 : rc;
}

/*
 * The path's operations
 */

static void announce(struct handover *h, const struct zcdma_block *b, uint32_t slot)
{
	const bool file = h->offer.ring == ZC_HO_FILE;
	struct zc_ho_block *to = &h->batch.block[h->page ? 0 : h->batch.head.count];

	if (!h->batch.head.count)
		zc_ho_begin(&h->batch, ZC_HO_BLOCK, 0);
	*to = (struct zc_ho_block){
		.id = h->next,
		.seq = b->seq,
		.offset = b->offset,
		.time_ns = b->time_ns,
		.ring_offset = file ? (uint64_t)b->fd_offset : b->index * h->offer.stride,
		.fd_offset = (uint64_t)b->fd_offset,
		.len = b->len,
		.flags = b->flags & ZCDMA_BLOCK_LOST,
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
		return listen_to_reader(h);
	read_page(h);
	return h->broken ? broken(h) : 0;
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
	rc = h->batch.head.count == h->most ? send_batch(h) : 0;
	if (rc && rc != -EAGAIN)
		return rc;
	e = zc_outstanding_place(&h->blocks, b);
	if (rc || !e)
		return ZC_SENT_BUSY;
	announce(h, b, (uint32_t)(e - h->blocks.table));
	zc_outstanding_add(&h->blocks, e, b, h->next++);
	h->bytes += b->len;
	path->stats.bytes += b->len;
	path->stats.pending_blocks = pending(h);
	if (h->batch.head.count == h->most)
		rc = send_batch(h);
	return rc && rc != -EAGAIN ? rc : ZC_SENT_QUEUED;
}

static int handover_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	struct handover *h = (struct handover *)path;
	bool any;

	/* An error is reported before the next wait. */
	if (!h->blocks.done_count)
		read_page(h);
	any = zc_outstanding_reap(&h->blocks, b);
	path->stats.pending_blocks = pending(h);
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
	h->path.stats.pending_blocks = pending(h);
}

/* Send all blocks, and if the stream is @complete send the end and wait until all blocks are back. */
static int handover_finish(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	struct handover *h = (struct handover *)path;
	int rc, wait;

	for (;;) {
		rc = h->phase == LEFT ? send_rest(h) : send_batch(h);
		if (!rc && complete)
			rc = send_end(h);
		if (rc < 0 && rc != -EAGAIN)
			return rc;
		if (!rc && !complete)
			give_up(h);
		if (!rc && !h->blocks.out)
			return 0;
		wait = prepare_to_wait(h);
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

/* Fill in h->offer. Returns the ring's descriptor, or a negative errno with the error message set. */
static int share_ring(struct handover *h)
{
	const struct zcdma_source *src = h->path.src;
	struct zc_ring_desc ring;
	int fd;

	if (!src->ops->share)
		return zc_fail_plain(h->path.ctx, EOPNOTSUPP,
				     "no hand-over of %s: it has no ring to share", src->name);
	fd = src->ops->share(src, &ring);
	if (fd < 0)
		return fd;
	zc_ho_describe(&h->offer, &ring);
	if (src->info.simulated >= 0)
		h->offer.flags = src->info.simulated ? ZC_HO_SIMULATED : ZC_HO_MEASURED;
	return fd;
}

/* Check that a descriptor is free for the answer, which passes the reader's end of the pipe. Returns 0 or -EOPNOTSUPP. */
static int check_room_for_answer(const struct zcdma_handover *peer)
{
	int spare = fcntl(peer->sock, F_DUPFD_CLOEXEC, 0);

	if (spare < 0)
		return zc_reader_fail(peer->ctx, errno);
	close(spare);
	return 0;
}

static int offer_ring(struct handover *h, struct zcdma_handover *peer, int fd)
{
	struct zc_ho_msg msg;
	int rc, page = -1;

	if (peer->offered)
		return 0;
	rc = check_room_for_answer(peer);
	if (rc)
		return rc;
	if (peer->version >= 2) {
		page = zc_shared_page_create(&peer->page, h->offer.blocks);
		if (page < 0)
			return zc_reader_fail(peer->ctx, -page);
	}
	zc_ho_begin(&msg, ZC_HO_OFFER, 1);
	msg.head.version = (uint16_t)(page < 0 ? ZC_HO_OLDEST : ZC_HO_VERSION);
	msg.offer = h->offer;
	peer->offered = !zc_ho_send(peer->sock, &msg, (const int[]){ fd, peer->pipe_fd, page });
	if (page >= 0)
		close(page);
	return peer->offered ? 0 : zc_reader_none(peer->ctx, "its reader hung up");
}

static int receive_answer(struct zcdma_handover *peer)
{
	int fds[ZC_HO_FDS], rc;
	struct zc_ho_msg msg;
	bool good;

	/* Without a limit: the reader may be busy with the ring of another writer to the pipe. */
	rc = zc_reader_receive(peer, &msg, fds, -1);
	if (rc < 0)
		return rc;
	good = msg.head.type == ZC_HO_ACCEPT &&
	       msg.head.version == (peer->page.map ? ZC_HO_VERSION : ZC_HO_OLDEST) &&
	       zc_ho_is_end(fds[0], peer->pipe_fd, O_RDONLY);
	zc_ho_close(fds);
	return good ? 0 : zc_reader_none(peer->ctx, "the process that answered does not read it");
}

static int handover_open(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;
	int fd = share_ring(h), rc;

	if (fd < 0)
		return fd;
	/* Before the offer, as the reader uses the ring once it has accepted it. */
	rc = zc_outstanding_init(&h->blocks, h->offer.blocks, h->offer.ring != ZC_HO_FILE);
	if (rc)
		return zc_fail(path->ctx, -rc, "hand-over");
	rc = offer_ring(h, path->handover, fd);
	if (!rc)
		rc = receive_answer(path->handover);
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

	for (unsigned i = 0; i < count; i++)
		uses |= readers[i]->uses;
	rc = zc_source_activate(src, uses);
	src->shared |= !rc;
	return rc;
}

ZC_PUBLIC int zcdma_path_open_handover(struct zcdma_handover *peer, struct zcdma_source *src,
				       struct zcdma_path **path)
{
	int rc = zc_source_activate(src, peer->uses | ZC_USE_SHARE);

	return rc ? rc : zc_path_new(peer->ctx, &zc_path_handover, src, peer->pipe_fd, peer, path);
}
