// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * - : a pipe whose writer may have a ring to hand over. Then its blocks come from the mapped ring, and
 * go back over the socket on which they were told; until then, after that, and from anybody else,
 * bytes come from the pipe, by the pipe source. What is in the pipe was written first and comes first.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../handover.h"
#include "../source.h"
#include "../window.h"

/* Writers to one pipe that wait for their turn. */
#define CALLERS 8

/* Connections looked at in one go: there is more to do than to turn strangers away. */
#define LOOKS 64

/* After stop(), how long to wait for a block: as the pipe source does for bytes. */
#define LINGER_NS 500000000u

/* Blocks of the ring have indexes from here on; those before are the pipe source's. */
#define FIRST_SLOT (1u << 16)

/* Somebody who connected; the oldest first. */
struct caller {
	int sock;
	bool welcome; /* holds the pipe, and was told so */
};

/* A block of the ring that is out. */
struct slot {
	bool used;
	bool whole;	 /* nothing of it is left to take */
	unsigned pieces; /* taken and not put */
	uint64_t id;
	uint32_t theirs; /* the writer's number for its place */
	enum zcdma_put how;
	const unsigned char *data; /* NULL where descriptors are taken */
	struct zc_window window;   /* of a file */
};

struct ring {
	int sock; /* -1: there is no ring */
	int fd;
	struct zc_ho_offer offer;
	unsigned char *map; /* NULL for a file, and where descriptors are taken */
	size_t size;
	struct slot *slots;
	unsigned used; /* slots */
	bool ended;
	uint64_t next, bytes; /* blocks and bytes that were told of */
	uint64_t offset, seq; /* of its first block in this source's stream */
	struct zc_ho_msg in;  /* blocks told of ... */
	uint32_t at, count;   /* ... the next one, and how many there are ... */
	struct slot *open;    /* ... and the next one's place, where a part of it is out ... */
	uint64_t taken;	      /* ... of so many bytes */
	struct zc_ho_release *again; /* releases not sent yet */
	unsigned again_count;
};

struct handover_source {
	struct zcdma_source src;
	struct zcdma_source *pipe; /* for the bytes */
	unsigned flags;
	int epoll; /* for everything, while there is no ring */
	int listener;
	struct caller callers[CALLERS];
	unsigned caller_count;
	struct ring ring;
	uint64_t offset, seq;
	bool stopping;
	uint64_t deadline_ns;
	unsigned still; /* blocks that are taken after stop() */
	char reason[160];
};

/*
 * Releases
 */

/* Tell the writer what is free again. Where it does not listen, poll_events says when it does. */
static void send_releases(struct handover_source *h)
{
	struct ring *r = &h->ring;
	struct zc_ho_msg msg;
	int rc = 0;

	while (r->again_count && !rc) {
		unsigned n = zc_min(r->again_count, ZC_HO_RELEASES);

		zc_ho_begin(&msg, ZC_HO_RELEASE, n);
		memcpy(msg.release, r->again, n * sizeof(*r->again));
		rc = zc_ho_send(r->sock, &msg, NULL);
		if (rc)
			break;
		r->again_count -= n;
		memmove(r->again, r->again + n, r->again_count * sizeof(*r->again));
	}
	/* Any other error is the writer's end, which is read from the socket. */
	h->src.poll_events = rc == -EAGAIN ? POLLIN | POLLOUT : POLLIN;
}

static void release(struct handover_source *h, struct slot *s)
{
	struct ring *r = &h->ring;

	r->again[r->again_count++] =
		(struct zc_ho_release){ .id = s->id, .how = s->how, .slot = s->theirs };
	s->used = false;
	r->used--;
	if (!(h->flags & ZCDMA_SOURCE_READ)) /* else its memory is used again */
		zc_window_close(&s->window);
	/* Together, but not so many that the device has to wait for them. */
	if (r->again_count >= zc_min(r->offer.blocks / 2 + 1, ZC_HO_RELEASES))
		send_releases(h);
}

/*
 * The ring's life
 */

static void close_ring(struct handover_source *h)
{
	struct ring *r = &h->ring;

	if (r->sock < 0)
		return;
	close(r->sock);
	close(r->fd);
	if (r->map)
		munmap(r->map, r->size);
	for (unsigned i = 0; i < r->offer.blocks; i++)
		zc_window_close(&r->slots[i].window);
	free(r->slots);
	free(r->again);
	*r = (struct ring){ .sock = -1 };
	h->src.poll_fd = h->epoll;
	h->src.poll_events = POLLIN;
	h->src.file_fd = -1;
}

static int map_ring(struct handover_source *h, struct ring *r)
{
	void *map;

	if (r->offer.ring == ZC_HO_FILE || h->flags & ZCDMA_SOURCE_FD)
		return 0;
	r->size = (size_t)(r->offer.stride * r->offer.blocks);
	map = mmap(NULL, r->size, PROT_READ, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	return 0;
}

static int make_ring(struct handover_source *h, struct ring *r)
{
	int rc = zc_ho_check_ring(&r->offer, r->fd);

	if (rc)
		return rc;
	rc = map_ring(h, r);
	if (rc)
		return rc;
	r->slots = calloc(r->offer.blocks, sizeof(*r->slots));
	r->again = calloc(r->offer.blocks, sizeof(*r->again));
	if (r->slots && r->again)
		return 0;
	free(r->slots);
	free(r->again);
	if (r->map)
		munmap(r->map, r->size);
	return -ENOMEM;
}

static void refuse(int sock, enum zc_ho_reason reason)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_REFUSE, 1);
	msg.refuse.reason = reason;
	(void)!zc_ho_send(sock, &msg, NULL);
}

/* Takes @sock and @fd over where it returns true. */
static bool take_ring(struct handover_source *h, int sock, const struct zc_ho_offer *offer, int fd)
{
	struct zcdma_source *src = &h->src;
	struct ring r = { .sock = sock, .fd = fd, .offer = *offer };
	struct zc_ho_msg msg;

	if (make_ring(h, &r))
		return false;
	r.offset = h->offset;
	r.seq = h->seq;
	h->ring = r;
	zc_ho_begin(&msg, ZC_HO_ACCEPT, 0);
	/* Where it fails, the end comes next. */
	(void)!zc_ho_send(sock, &msg, (const int[]){ STDIN_FILENO });
	src->stats.handovers++;
	src->poll_fd = sock;
	src->file_fd = offer->ring == ZC_HO_FILE ? fd : -1;
	src->info.blocks = offer->ring == ZC_HO_FILE ? 0 : offer->blocks;
	src->info.block_size = (size_t)offer->block_size;
	src->info.page_size = (size_t)offer->page_size;
	return true;
}

/*
 * Callers
 */

static void forget(struct handover_source *h, unsigned i)
{
	memmove(&h->callers[i], &h->callers[i + 1],
		(--h->caller_count - i) * sizeof(h->callers[0]));
}

static void drop(struct handover_source *h, unsigned i)
{
	close(h->callers[i].sock);
	forget(h, i);
}

/* Room for one more, at the expense of one that did not say a word yet. */
static bool make_way(struct handover_source *h)
{
	for (unsigned i = 0; h->caller_count == CALLERS && i < CALLERS; i++) {
		if (!h->callers[i].welcome)
			drop(h, i);
	}
	return h->caller_count < CALLERS;
}

static void answer_calls(struct handover_source *h)
{
	for (int i = 0; i < LOOKS; i++) {
		struct epoll_event event = { .events = EPOLLIN };
		int sock = accept4(h->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (sock < 0)
			return;
		if (zc_ho_same_user(sock) && make_way(h) &&
		    !epoll_ctl(h->epoll, EPOLL_CTL_ADD, sock, &event)) {
			h->callers[h->caller_count++] = (struct caller){ .sock = sock };
			continue;
		}
		refuse(sock, ZC_HO_BUSY);
		close(sock);
	}
}

/* A hello, with a name of the pipe: 0, or an error after which the caller is dropped. */
static int take_hello(struct handover_source *h, struct caller *c, int theirs)
{
	const unsigned told = ZCDMA_SOURCE_GIVE | ZCDMA_SOURCE_FD;
	struct zc_ho_msg msg;
	int ours, rc;

	if (!zc_ho_is_name(theirs, STDIN_FILENO)) {
		refuse(c->sock, ZC_HO_NO_PROOF);
		return -EPROTO;
	}
	ours = zc_ho_name_pipe(STDIN_FILENO);
	if (ours < 0)
		return ours;
	zc_ho_begin(&msg, ZC_HO_WELCOME, 1);
	msg.welcome.flags = h->flags & told;
	rc = zc_ho_send(c->sock, &msg, &ours);
	close(ours);
	c->welcome = true;
	return rc;
}

/* An offer, with a ring and the writing end: 1 where it was taken, which leaves no fds[0]. */
static int take_offer(struct handover_source *h, struct caller *c, const struct zc_ho_offer *offer,
		      int fds[ZC_HO_FDS])
{
	if (!zc_ho_is_end(fds[1], STDIN_FILENO, O_WRONLY)) {
		refuse(c->sock, ZC_HO_NO_PROOF);
		return -EPROTO;
	}
	if (!take_ring(h, c->sock, offer, fds[0])) {
		refuse(c->sock, ZC_HO_BAD_RING);
		return -EPROTO;
	}
	fds[0] = -1;
	return 1;
}

/* What a caller has to say: 1 where it was a ring, 0, or an error after which it is dropped. */
static int hear(struct handover_source *h, struct caller *c)
{
	int fds[ZC_HO_FDS], rc;
	struct zc_ho_msg msg;

	rc = zc_ho_recv(c->sock, &msg, fds);
	if (rc == -EAGAIN)
		return 0;
	if (rc == -EPROTONOSUPPORT)
		refuse(c->sock, ZC_HO_VERSION_UNKNOWN);
	if (rc != 1)
		return -EPROTO;
	if (msg.head.type == ZC_HO_HELLO && !c->welcome)
		rc = take_hello(h, c, fds[0]);
	else if (msg.head.type == ZC_HO_OFFER && c->welcome)
		rc = take_offer(h, c, &msg.offer, fds);
	else
		rc = -EPROTO;
	zc_ho_close(fds);
	return rc;
}

/* Is there a ring now? */
static bool look_for_ring(struct handover_source *h)
{
	if (h->listener < 0)
		return false;
	answer_calls(h);
	for (unsigned i = 0; i < h->caller_count;) {
		int rc = hear(h, &h->callers[i]);

		if (rc == 1) {
			epoll_ctl(h->epoll, EPOLL_CTL_DEL, h->ring.sock, NULL);
			forget(h, i);
			return true;
		}
		if (rc < 0)
			drop(h, i);
		else
			i++;
	}
	return false;
}

/*
 * Blocks of the ring
 */

static int fail(struct handover_source *h)
{
	return zc_fail_plain(h->src.ctx, EPROTO,
			     "read %s: the writer of its ring breaks the protocol", h->src.name);
}

static int ended_early(struct handover_source *h)
{
	int rc = zc_fail_plain(h->src.ctx, EPIPE, "read %s: its writer ended early", h->src.name);

	zc_hint(h->src.ctx, "it was killed, or failed; what it had captured before is here");
	return rc;
}

static int take_blocks(struct handover_source *h)
{
	struct ring *r = &h->ring;

	for (uint32_t i = 0; i < r->in.head.count; i++) {
		if (zc_ho_check_block(&r->offer, &r->in.block[i], r->next))
			return fail(h);
		r->next++;
		r->bytes += r->in.block[i].len;
	}
	r->at = 0;
	r->count = r->in.head.count;
	return 1;
}

static int take_end(struct handover_source *h)
{
	struct ring *r = &h->ring;

	if (r->in.end.blocks != r->next || r->in.end.bytes != r->bytes)
		return fail(h);
	r->ended = true;
	return 0;
}

/* 1 where there are blocks to take, 0 at the end, -EAGAIN, or an error. */
static int read_ring(struct handover_source *h)
{
	struct ring *r = &h->ring;
	int rc;

	if (r->at < r->count)
		return 1;
	if (r->ended)
		return 0;
	rc = zc_ho_recv(r->sock, &r->in, NULL);
	if (rc == -EAGAIN) {
		/* The writer may be waiting for these. */
		send_releases(h);
		return rc;
	}
	if (!rc)
		return ended_early(h);
	if (rc == 1 && r->in.head.type == ZC_HO_BLOCK)
		return take_blocks(h);
	return rc == 1 && r->in.head.type == ZC_HO_END ? take_end(h) : fail(h);
}

static struct slot *free_slot(struct ring *r)
{
	for (unsigned i = 0; i < r->offer.blocks; i++) {
		if (!r->slots[i].used)
			return &r->slots[i];
	}
	return NULL;
}

/* Its place, for the first piece of a block. NULL: the writer tells of a block that we have. */
static struct slot *find_slot(struct ring *r, const struct zc_ho_block *d)
{
	struct slot *s = r->offer.ring == ZC_HO_FILE ? free_slot(r)
						     : &r->slots[d->ring_offset / r->offer.stride];

	if (!s || s->used)
		return NULL;
	s->used = true;
	s->whole = false;
	s->pieces = 0;
	s->id = d->id;
	s->theirs = d->slot;
	s->how = ZCDMA_PUT_REUSE;
	s->data = r->map ? r->map + d->ring_offset : NULL;
	r->used++;
	return s;
}

/* Bring a file's block into memory. */
static int open_window(struct handover_source *h, struct slot *s, const struct zc_ho_block *d)
{
	struct zcdma_source *src = &h->src;
	bool read = h->flags & ZCDMA_SOURCE_READ;
	struct stat st;
	const void *data;
	int rc;

	if (fstat(h->ring.fd, &st) < 0 || (uint64_t)st.st_size < d->ring_offset + d->len)
		return zc_fail_plain(src->ctx, EIO, "read %s: the file behind it was cut short",
				     src->name);
	if (h->flags & ZCDMA_SOURCE_FD)
		return 0;
	rc = (read ? zc_window_read : zc_window_map)(&s->window, h->ring.fd, d->ring_offset,
						     (size_t)d->len, &data);
	if (rc)
		return zc_fail(src->ctx, -rc, "read %s: the file behind it", src->name);
	s->data = data;
	if (read)
		src->stats.copied_bytes += d->len;
	return 0;
}

static int take_piece(struct handover_source *h, size_t max, struct zcdma_block *b)
{
	struct ring *r = &h->ring;
	const struct zc_ho_block *d = &r->in.block[r->at];
	struct slot *s = r->open ? r->open : find_slot(r, d);
	int rc;

	if (!s)
		return fail(h);
	rc = r->offer.ring == ZC_HO_FILE && !r->open ? open_window(h, s, d) : 0;
	if (rc)
		return rc;
	*b = (struct zcdma_block){
		.data = s->data ? s->data + r->taken : NULL,
		.len = (size_t)zc_min(d->len - r->taken, (uint64_t)max),
		.offset = r->offset + d->offset + r->taken,
		.seq = r->seq + d->seq,
		.time_ns = d->time_ns,
		.index = FIRST_SLOT + (uint32_t)(s - r->slots),
		.flags = d->flags,
		.fd = r->fd,
		.fd_offset = (int64_t)(d->fd_offset + r->taken),
	};
	r->taken += b->len;
	s->pieces++;
	s->whole = r->taken == d->len;
	r->open = s->whole ? NULL : s;
	if (s->whole) {
		r->at++;
		r->taken = 0;
	}
	h->offset = b->offset + b->len;
	h->seq = b->seq + 1;
	return 1;
}

static int next_of_ring(struct handover_source *h, size_t max, struct zcdma_block *b)
{
	int rc;

	/* A writer that was stopped too has no more than its ring left; one that goes on is left. */
	if (h->stopping && (!h->still || zc_now_ns() > h->deadline_ns))
		return 0;
	rc = read_ring(h);
	if (rc == 1)
		rc = take_piece(h, max, b);
	if (rc == 1 && h->stopping) {
		h->still--;
		h->deadline_ns = zc_now_ns() + LINGER_NS;
	}
	if (rc)
		return rc;
	/* The end: what is out still is its writer's memory. */
	h->src.starved = h->ring.used;
	if (h->src.starved)
		return -EAGAIN;
	send_releases(h);
	close_ring(h);
	return 0;
}

/*
 * Bytes of the pipe
 */

static int not_plain(struct handover_source *h)
{
	return zc_fail_plain(h->src.ctx, EOPNOTSUPP, "no hand-over from %s: %s", h->src.name,
			     h->src.stats.plain_reason ? h->src.stats.plain_reason
						       : "its writer had none to make");
}

static int next_of_pipe(struct handover_source *h, size_t max, struct zcdma_block *b)
{
	struct zcdma_source *src = &h->src;
	int rc = h->pipe->ops->next(h->pipe, max, b);

	src->starved = h->pipe->starved;
	if (rc == 1 && !src->stats.plain_reason)
		src->stats.plain_reason = "its writer sent bytes";
	if ((rc == 1 || (!rc && !src->stats.handovers && !h->stopping)) &&
	    h->flags & ZCDMA_SOURCE_HANDOVER_ONLY)
		return not_plain(h);
	if (rc != 1)
		return rc;
	b->offset = h->offset;
	b->seq = h->seq++;
	h->offset += b->len;
	return 1;
}

/*
 * The source's operations
 */

static int handover_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct handover_source *h = (struct handover_source *)src;
	int rc;

	/*
	 * A ring is offered after the welcome, so that the pipe is seen empty once more between a writer's
	 * hello and its ring: what others wrote before it comes first.
	 */
	for (;;) {
		if (h->ring.sock >= 0) {
			rc = next_of_ring(h, max, b);
			if (rc || h->ring.sock >= 0)
				return rc;
		}
		rc = next_of_pipe(h, max, b);
		if (rc != -EAGAIN || src->starved || !look_for_ring(h))
			return rc;
	}
}

static void handover_put(struct zcdma_source *src, const struct zcdma_block *b, enum zcdma_put how)
{
	struct handover_source *h = (struct handover_source *)src;
	struct slot *s;

	src->starved = false;
	if (b->index < FIRST_SLOT) {
		h->pipe->ops->put(h->pipe, b, how);
		return;
	}
	s = &h->ring.slots[b->index - FIRST_SLOT];
	s->pieces--;
	if (how == ZCDMA_PUT_GIVE)
		s->how = how;
	if (!s->pieces && s->whole)
		release(h, s);
}

static void handover_stop(struct zcdma_source *src)
{
	struct handover_source *h = (struct handover_source *)src;

	h->stopping = true;
	h->deadline_ns = zc_now_ns() + LINGER_NS;
	h->still = h->ring.offer.blocks;
	h->pipe->ops->stop(h->pipe);
}

/* A device that waits may as well wait a little longer, so that releases go together. */
static void handover_flush(struct zcdma_source *src, unsigned what)
{
	struct handover_source *h = (struct handover_source *)src;

	if (h->ring.sock >= 0 && (what & ZCDMA_WAIT_BLOCK || h->ring.offer.flags & ZC_HO_LOSSY))
		send_releases(h);
}

static void handover_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct handover_source *h = (struct handover_source *)src;

	stats->copied_bytes += h->pipe->stats.copied_bytes;
	stats->given_away += h->pipe->stats.given_away;
	stats->next_seq = h->seq;
}

/*
 * Tell the writer where it is to go on, for whoever reads the pipe after us. Not where blocks are
 * still out, as after an error: then it is not known what became of them.
 */
static void leave(struct handover_source *h)
{
	struct ring *r = &h->ring;
	const struct slot *s = r->open;
	struct zc_ho_msg msg;

	if (r->sock < 0 || r->used > !!s || (s && s->pieces) || (r->ended && r->at == r->count))
		return;
	send_releases(h);
	if (r->again_count)
		return;
	zc_ho_begin(&msg, ZC_HO_LEAVE, 1);
	msg.leave.id = r->next - (r->count - r->at);
	msg.leave.skip = r->taken;
	msg.leave.how = s ? s->how : ZCDMA_PUT_REUSE;
	(void)!zc_ho_send(r->sock, &msg, NULL);
}

static void handover_close(struct zcdma_source *src)
{
	struct handover_source *h = (struct handover_source *)src;

	leave(h);
	close_ring(h);
	while (h->caller_count)
		drop(h, 0);
	if (h->listener >= 0)
		close(h->listener);
	if (h->epoll >= 0)
		close(h->epoll);
	h->pipe->ops->close(h->pipe);
	zc_source_delete(h->pipe);
}

/*
 * Opening
 */

/* 0 or a negative errno. */
static int watch(struct handover_source *h)
{
	struct epoll_event event = { .events = EPOLLIN };

	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (h->epoll < 0 || epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->listener, &event) < 0 ||
	    epoll_ctl(h->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
		return -errno;
	h->src.poll_fd = h->epoll;
	return 0;
}

/* Be there for a writer; where that cannot be, bytes will do. */
static void listen_to_writers(struct handover_source *h)
{
	int rc;

	h->listener = zc_ho_listen(STDIN_FILENO);
	rc = h->listener < 0 ? h->listener : watch(h);
	if (!rc)
		return;
	if (rc == -ENOTSUP)
		snprintf(h->reason, sizeof(h->reason), "it is not a pipe");
	else if (rc == -EADDRINUSE)
		snprintf(h->reason, sizeof(h->reason),
			 "another process takes the hand-over from this pipe");
	else
		snprintf(h->reason, sizeof(h->reason), "%s", strerror(-rc));
	h->src.stats.plain_reason = h->reason;
	if (h->listener >= 0)
		close(h->listener);
	h->listener = -1;
}

static int open_pipe(struct handover_source *h)
{
	struct zcdma_source *src = &h->src;
	int rc = zc_source_new(src->ctx, &zc_source_pipe, "-", &h->pipe);

	if (rc)
		return rc;
	rc = h->pipe->ops->open(h->pipe, "", h->flags);
	if (rc) {
		zc_source_delete(h->pipe);
		return rc;
	}
	src->poll_fd = h->pipe->poll_fd;
	src->file_fd = h->pipe->file_fd;
	return 0;
}

static int handover_open(struct zcdma_source *src, const char *arg, unsigned flags)
{
	struct handover_source *h = (struct handover_source *)src;
	int rc;

	(void)arg;
	h->flags = flags;
	h->ring.sock = -1;
	h->epoll = -1;
	rc = open_pipe(h);
	if (rc)
		return rc;
	free(src->name);
	src->name = strdup(h->pipe->name);
	if (!src->name) {
		rc = zc_fail(src->ctx, ENOMEM, "%s", h->pipe->name);
		goto err_close;
	}
	src->info = h->pipe->info;
	src->info.name = src->name;
	listen_to_writers(h);
	rc = h->listener < 0 && flags & ZCDMA_SOURCE_HANDOVER_ONLY ? not_plain(h) : 0;
	if (!rc)
		return 0;
err_close:
	handover_close(src);
	return rc;
}

const struct zc_source_ops zc_source_handover = {
	.type = { .name = "pipe" },
	.size = sizeof(struct handover_source),
	.open = handover_open,
	.next = handover_next,
	.put = handover_put,
	.stop = handover_stop,
	.flush = handover_flush,
	.get_stats = handover_get_stats,
	.close = handover_close,
};
