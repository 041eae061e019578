// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * handover: passes blocks to the process that reads the other end of a pipe, which maps the ring. Messages announce
 * blocks and release them, and the pipe stays empty. If the reader leaves before the end, the rest goes through the
 * pipe as bytes, for another reader.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "path/path.h"
#include "handover/connect.h"

enum state {
	UNUSED,
	OUT,  /* announced to the reader, or about to be */
	DONE, /* released, and not reaped yet */
};

struct entry {
	struct zcdma_block b;
	uint64_t id;
	enum state state;
};

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
	struct entry *table; /* of offer.blocks; for a ring, by the block's index */
	struct entry **done; /* those to reap, first in, first out */
	unsigned done_head, done_count;
	uint64_t next; /* id */
	unsigned out;
	struct zc_ho_msg batch; /* blocks not yet sent */
	unsigned most;		/* of them */
	uint64_t bytes;
	enum phase phase;
	uint64_t rest; /* with LEFT: the id of the first block that is still to go as bytes */
};

static void release(struct handover *h, struct entry *e, enum zc_put how)
{
	e->state = DONE;
	if (how == ZC_PUT_REPLACE)
		e->b.flags |= ZC_BLOCK_REPLACE;
	h->done[(h->done_head + h->done_count++) % h->offer.blocks] = e;
	h->out--;
}

static int broken(struct handover *h)
{
	return zc_fail_plain(h->path.ctx, EPROTO, "hand-over to %s: its reader breaks the protocol",
			     h->path.sink.name);
}

static int take_releases(struct handover *h, const struct zc_ho_msg *msg)
{
	for (uint32_t i = 0; i < msg->head.count; i++) {
		const struct zc_ho_release *r = &msg->release[i];
		struct entry *e = r->slot < h->offer.blocks ? &h->table[r->slot] : NULL;

		if (!e || e->state != OUT || e->id != r->id)
			return broken(h);
		release(h, e, (enum zc_put)r->how);
	}
	return 0;
}

/*
 * Bytes, after a reader has left
 */

static int send_bytes(struct handover *h, const struct zcdma_block *b)
{
	return b->data ? zc_path_copy_block(&h->path, b) : zc_path_sendfile.send(&h->path, b);
}

/* Find a block that is out. Returns NULL if it is not. */
static struct entry *find(struct handover *h, uint64_t id)
{
	for (uint32_t i = 0; i < h->offer.blocks; i++) {
		if (h->table[i].state == OUT && h->table[i].id == id)
			return &h->table[i];
	}
	return NULL;
}

/* Send as bytes what the reader did not take. Returns 0, or as zc_path_ops.send() does. */
static int send_rest(struct handover *h)
{
	while (h->rest < h->next) {
		struct entry *e = find(h, h->rest);
		int rc = send_bytes(h, &e->b);

		if (rc)
			return rc;
		h->path.sent = 0;
		release(h, e, ZC_PUT_REUSE);
		h->rest++;
	}
	return 0;
}

/* Returns whether the message is valid: all blocks before the first one not taken must be back. */
static bool may_leave(struct handover *h, const struct zc_ho_leave *leave)
{
	const struct entry *e;

	if (leave->id > h->next || h->next - leave->id != h->out)
		return false;
	for (uint32_t i = 0; i < h->offer.blocks; i++) {
		if (h->table[i].state == OUT && h->table[i].id < leave->id)
			return false;
	}
	e = find(h, leave->id);
	return e ? leave->skip < e->b.len : !leave->skip;
}

static int take_leave(struct handover *h, const struct zc_ho_leave *leave)
{
	struct zcdma_path *path = &h->path;
	struct entry *e;

	if (!may_leave(h, leave))
		return broken(h);
	e = find(h, leave->id);
	for (uint32_t i = 0; i < h->offer.blocks; i++) {
		if (h->table[i].state == OUT)
			path->stats.bytes -= h->table[i].b.len;
	}
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

static int hung_up(struct handover *h)
{
	int rc;

	if (h->phase == ENDED && !h->out) {
		h->phase = GONE;
		return 0;
	}
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
	if (rc == -EAGAIN)
		return 0;
	if (!rc)
		return hung_up(h);
	if (rc == 1 && msg.head.type == ZC_HO_RELEASE)
		return take_releases(h, &msg);
	return rc == 1 && msg.head.type == ZC_HO_LEAVE ? take_leave(h, &msg.leave) : broken(h);
}

/*
 * Send @msg. If the reader has hung up, listen_to_reader() finds out, and what it sent last, so this is reported
 * as no room. Returns 0, -EAGAIN, or another negative errno.
 */
static int send_message(struct handover *h, const struct zc_ho_msg *msg)
{
	int rc = zc_ho_send(h->path.sink.fd, msg, NULL);

	if (!rc)
		h->path.stats.calls++;
	else if (rc == -EPIPE || rc == -ECONNRESET || rc == -EINTR)
		rc = -EAGAIN;
	return rc && rc != -EAGAIN ? zc_path_fail(&h->path, -rc, "hand-over") : rc;
}

static int send_batch(struct handover *h)
{
	int rc = h->batch.head.count && h->phase != LEFT ? send_message(h, &h->batch) : 0;

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

static void handover_flush(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;

	/* The next send reports an error again. */
	if (h->phase == SHARING || h->phase == ENDED)
		(void)!send_batch(h);
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

	if (h->phase == LEFT && h->rest == h->next)
		return events & POLLERR ? zc_path_fail(path, EPIPE, "write") : 0;
	rc = h->phase == LEFT ? send_rest(h) : listen_to_reader(h);
	path->stats.pending_blocks = h->out + h->done_count;
	return rc == ZC_SENT_BUSY ? 0 : rc;
}

/*
 * The path's operations
 */

/* Returns the free entry for a block, or NULL if the reader has as many blocks as it may have. */
static struct entry *place_of(struct handover *h, const struct zcdma_block *b)
{
	if (h->offer.ring != ZC_HO_FILE)
		return h->table[b->index].state == UNUSED ? &h->table[b->index] : NULL;
	for (uint32_t i = 0; i < h->offer.blocks; i++) {
		if (h->table[i].state == UNUSED)
			return &h->table[i];
	}
	return NULL;
}

static void add_to_batch(struct handover *h, const struct zcdma_block *b, const struct entry *e)
{
	bool file = h->offer.ring == ZC_HO_FILE;

	if (!h->batch.head.count)
		zc_ho_begin(&h->batch, ZC_HO_BLOCK, 0);
	h->batch.block[h->batch.head.count++] = (struct zc_ho_block){
		.id = h->next,
		.seq = b->seq,
		.offset = b->offset,
		.time_ns = b->time_ns,
		.ring_offset = file ? (uint64_t)b->fd_offset : b->index * h->offer.stride,
		.fd_offset = (uint64_t)b->fd_offset,
		.len = b->len,
		.flags = b->flags & ZCDMA_BLOCK_LOST,
		.slot = (uint32_t)(e - h->table),
	};
}

static int handover_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct handover *h = (struct handover *)path;
	struct entry *e;
	int rc = 0;

	if (h->phase != LEFT && !place_of(h, b))
		rc = listen_to_reader(h);
	if (!rc && h->phase == LEFT)
		rc = send_rest(h);
	if (rc)
		return rc;
	if (h->phase == LEFT)
		return send_bytes(h, b);
	rc = h->batch.head.count == h->most ? send_batch(h) : 0;
	if (rc && rc != -EAGAIN)
		return rc;
	e = place_of(h, b);
	if (rc || !e)
		return ZC_SENT_BUSY;
	add_to_batch(h, b, e);
	*e = (struct entry){ .b = *b, .id = h->next++, .state = OUT };
	h->out++;
	h->bytes += b->len;
	path->stats.bytes += b->len;
	path->stats.pending_blocks = h->out + h->done_count;
	if (h->batch.head.count == h->most)
		rc = send_batch(h);
	return rc && rc != -EAGAIN ? rc : ZC_SENT_QUEUED;
}

static int handover_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	struct handover *h = (struct handover *)path;
	struct entry *e;

	if (!h->done_count)
		return 0;
	e = h->done[h->done_head];
	h->done_head = (h->done_head + 1) % h->offer.blocks;
	h->done_count--;
	e->state = UNUSED;
	*b = e->b;
	path->stats.pending_blocks = h->out + h->done_count;
	return 1;
}

/*
 * Stop waiting for the reader, which may hold releases back until it gets more, or an end. What is out stays with it;
 * it finds that we hung up.
 */
static void give_up(struct handover *h)
{
	h->phase = GONE;
	h->out = 0;
	h->path.stats.pending_blocks = h->done_count;
}

/* Send all blocks, and if the stream is @complete send the end and wait until all blocks are back. */
static int handover_finish(struct zcdma_path *path, bool complete)
{
	struct handover *h = (struct handover *)path;
	int rc;

	for (;;) {
		rc = h->phase == LEFT ? send_rest(h) : send_batch(h);
		if (!rc && complete)
			rc = send_end(h);
		if (rc < 0 && rc != -EAGAIN)
			return rc;
		if (!rc && !complete)
			give_up(h);
		if (!rc && !h->out)
			return 0;
		rc = zc_poll(path->ctx, path->sink.fd, rc ? POLLIN | POLLOUT : POLLIN, -1);
		if (!rc)
			rc = handover_attend(path, 0);
		if (rc)
			return rc;
	}
}

/*
 * Opening
 */

static int make_table(struct handover *h)
{
	h->table = calloc(h->offer.blocks, sizeof(*h->table));
	h->done = calloc(h->offer.blocks, sizeof(*h->done));
	return h->table && h->done ? 0 : zc_fail(h->path.ctx, ENOMEM, "hand-over");
}

static void free_table(struct handover *h)
{
	free(h->table);
	free(h->done);
}

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
	int rc;

	if (peer->offered)
		return 0;
	rc = check_room_for_answer(peer);
	if (rc)
		return rc;
	zc_ho_begin(&msg, ZC_HO_OFFER, 1);
	msg.offer = h->offer;
	if (zc_ho_send(peer->sock, &msg, (const int[]){ fd, peer->pipe_fd }))
		return zc_reader_none(peer->ctx, "its reader hung up");
	peer->offered = true;
	return 0;
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
	good = msg.head.type == ZC_HO_ACCEPT && zc_ho_is_end(fds[0], peer->pipe_fd, O_RDONLY);
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
	rc = make_table(h);
	if (!rc)
		rc = offer_ring(h, path->handover, fd);
	if (!rc)
		rc = receive_answer(path->handover);
	if (rc) {
		free_table(h);
		return rc;
	}
	h->pipe_fd = path->sink.fd;
	path->sink.fd = path->handover->sock;
	/* Half the ring at most, so that the reader has work while the next batch is made. */
	h->most = zc_min(h->offer.blocks / 2 + 1, ZC_HO_BLOCKS);
	return 0;
}

static void handover_close(struct zcdma_path *path)
{
	struct handover *h = (struct handover *)path;

	zcdma_handover_free(path->handover);
	free_table(h);
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
	.finish = handover_finish,
	.close = handover_close,
};

ZC_PUBLIC int zcdma_path_open_handover(struct zcdma_handover *peer, struct zcdma_source *src,
				       struct zcdma_path **path)
{
	int rc = zc_source_activate(src, peer->uses | ZC_USE_SHARE);

	if (!rc)
		rc = zc_path_new(peer->ctx, &zc_path_handover, src, peer->pipe_fd, peer, path);
	if (rc && rc != -EINTR)
		zcdma_handover_free(peer);
	return rc;
}
