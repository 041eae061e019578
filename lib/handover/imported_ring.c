// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A ring that another process handed over: it is mapped. A page that both ends map, or messages on a socket, announce its
 * blocks and release them. All that the writer says is checked; it must not touch a block before it is released.
 */
#include "source/dev_node.h"
#include "handover/imported_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/file_window.h"

/* A block of the ring that is out. */
struct zc_imported_slot {
	/*
	 * Set from the writer's message until the release is sent, which may be long after the block is put: so a
	 * writer that does not read its releases cannot make more of them pile up than there are slots.
	 */
	bool out;
	bool whole;	 /* nothing of it is left to take */
	unsigned pieces; /* taken and not put */
	uint64_t id;
	uint32_t theirs; /* the writer's number of the slot */
	enum zc_put how;
	const unsigned char *data; /* NULL if blocks are taken by descriptor */
	struct zc_window window;   /* of a file */
};

static unsigned version(const struct zc_imported_ring *r)
{
	return r->page.map ? ZC_HO_VERSION : ZC_HO_OLDEST;
}

static int send_message(struct zc_imported_ring *r, struct zc_ho_msg *msg)
{
	msg->head.version = (uint16_t)version(r);
	return zc_ho_send(r->sock, msg, NULL);
}

/*
 * Releases
 */

/* Have the writer look at the releases in the page, if it sleeps. A writer that does not read finds them by itself. */
static void wake_writer(struct zc_imported_ring *r)
{
	struct zc_ho_msg msg;

	if (r->again_count && zc_lane_must_wake(&r->page.releases)) {
		zc_ho_begin(&msg, ZC_HO_WAKE, 0);
		(void)!send_message(r, &msg);
	}
	r->again_count = 0;
}

/* Send the first @n releases. Returns 0, or a negative errno, after which they are still to be sent. */
static int send_releases(struct zc_imported_ring *r, unsigned n)
{
	struct zc_ho_msg msg;
	int rc;

	zc_ho_begin(&msg, ZC_HO_RELEASE, n);
	for (unsigned i = 0; i < n; i++) {
		const struct zc_imported_slot *s = &r->slots[r->again[i]];

		msg.release[i] =
			(struct zc_ho_release){ .id = s->id, .how = s->how, .slot = s->theirs };
	}
	rc = send_message(r, &msg);
	if (rc)
		return rc;
	for (unsigned i = 0; i < n; i++)
		r->slots[r->again[i]].out = false;
	r->again_count -= n;
	memmove(r->again, r->again + n, r->again_count * sizeof(*r->again));
	return 0;
}

/* Send all releases. While the writer's socket has no room, poll for it. */
static void flush(struct zc_imported_ring *r)
{
	int rc = 0;

	if (r->page.map) {
		wake_writer(r);
		return;
	}
	while (r->again_count && !rc)
		rc = send_releases(r, zc_min(r->again_count, ZC_HO_RELEASES));
	/* Any other error is the writer's end, which is read from the socket. */
	if (rc && rc != -EAGAIN)
		r->again_count = 0;
	r->src->poll_events = rc == -EAGAIN ? POLLIN | POLLOUT : POLLIN;
}

static bool has_more(const struct zc_imported_ring *r)
{
	return r->at < r->count || !zc_lane_is_empty(&r->page.blocks);
}

static uint32_t worth_waking(struct zc_imported_ring *r)
{
	return r->page.map ? zc_lane_worth_waking(&r->page.releases, r->offer.blocks, has_more(r))
			   : zc_lane_few(r->offer.blocks);
}

static void flush_some(struct zc_imported_ring *r)
{
	if (r->src->poll_events & POLLOUT || (r->again_count && r->again_count >= worth_waking(r)))
		flush(r);
}

/* The same before a wait: a writer that has no block left puts none into the page that would wake us. */
static void flush_to_wait(struct zc_imported_ring *r)
{
	if (r->held + r->again_count >= r->offer.blocks)
		flush(r);
	else
		flush_some(r);
}

/* Put the release of a slot into the page, where the writer sees it at once if it is awake. */
static void release_in_page(struct zc_imported_ring *r, struct zc_imported_slot *s)
{
	const struct zc_ho_release release = { .id = s->id, .how = s->how, .slot = s->theirs };

	s->out = false;
	zc_lane_put(&r->page.releases, &release);
	r->again_count++;
}

static void release(struct zc_imported_ring *r, struct zc_imported_slot *s)
{
	r->held--;
	if (!(r->flags & ZC_USE_READ)) /* else its memory is used again */
		zc_window_close(&s->window);
	if (r->page.map)
		release_in_page(r, s);
	else
		r->again[r->again_count++] = (uint32_t)(s - r->slots);
	flush_some(r);
}

void zc_imported_ring_put(struct zc_imported_ring *r, uint32_t index, enum zc_put how)
{
	struct zc_imported_slot *s = &r->slots[index];

	s->pieces--;
	if (how == ZC_PUT_REPLACE)
		s->how = how;
	if (!s->pieces && s->whole)
		release(r, s);
}

/*
 * The ring's life
 */

void zc_imported_ring_close(struct zc_imported_ring *r)
{
	if (r->sock < 0)
		return;
	close(r->sock);
	close(r->fd);
	if (r->map)
		munmap(r->map, r->size);
	zc_shared_page_unmap(&r->page);
	for (unsigned i = 0; i < r->offer.blocks; i++)
		zc_window_close(&r->slots[i].window);
	free(r->slots);
	free(r->again);
	*r = (struct zc_imported_ring){ .sock = -1 };
}

static int map_ring(struct zc_imported_ring *r)
{
	void *map;

	if (r->offer.ring == ZC_HO_FILE || r->flags & ZC_USE_FD)
		return 0;
	r->size = (size_t)(r->offer.stride * r->offer.blocks);
	map = mmap(NULL, r->size, PROT_READ, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	return 0;
}

static int make_ring(struct zc_imported_ring *r, int page)
{
	int rc = zc_ho_check_ring(&r->offer, r->fd);

	if (!rc && page >= 0)
		rc = zc_shared_page_map(&r->page, page, r->offer.blocks);
	if (rc)
		return rc;
	rc = map_ring(r);
	if (rc)
		goto err_page;
	r->slots = calloc(r->offer.blocks, sizeof(*r->slots));
	r->again = calloc(r->offer.blocks, sizeof(*r->again));
	if (r->slots && r->again)
		return 0;
	rc = -ENOMEM;
	free(r->slots);
	free(r->again);
	if (r->map)
		munmap(r->map, r->size);
err_page:
	zc_shared_page_unmap(&r->page);
	return rc;
}

int zc_imported_ring_open(struct zc_imported_ring *r, struct zcdma_source *src, unsigned flags,
			  const struct zc_ring_offer *offer)
{
	int rc;

	*r = (struct zc_imported_ring){ .src = src,
					.flags = flags,
					.sock = offer->sock,
					.fd = offer->fd,
					.offer = offer->offer };
	rc = make_ring(r, offer->page);
	if (rc) {
		*r = (struct zc_imported_ring){ .sock = -1 };
		return rc;
	}
	if (offer->page >= 0)
		close(offer->page);
	src->fault_hint = r->offer.ring == ZC_HO_DEVICE ? zc_dev_fault_hint : NULL;
	return 0;
}

/*
 * Blocks of the ring
 */

static int fail(struct zc_imported_ring *r)
{
	return zc_fail_plain(r->src->ctx, EPROTO,
			     "read %s: the writer of its ring breaks the protocol", r->src->name);
}

/* Check blocks that were received. Returns 1, or -EPROTO with the error message set. */
static int take_blocks(struct zc_imported_ring *r)
{
	for (uint32_t i = 0; i < r->in.head.count; i++) {
		if (zc_ho_check_block(&r->offer, &r->in.block[i], r->next))
			return fail(r);
		r->next++;
		r->bytes += r->in.block[i].len;
	}
	r->at = 0;
	r->count = r->in.head.count;
	return 1;
}

/* Take blocks out of the page. Returns 1, 0 if it is empty, or -EPROTO with the error message set. */
static int read_page(struct zc_imported_ring *r)
{
	uint32_t n = 0;
	int rc = 0;

	while (r->page.map && n < ZC_HO_BLOCKS) {
		rc = zc_lane_take(&r->page.blocks, r->offer.blocks - r->held - n, &r->in.block[n]);
		if (rc != 1)
			break;
		if (zc_ho_check_body(&r->in.block[n++]))
			return fail(r);
	}
	r->in.head.count = n;
	if (rc < 0)
		return fail(r);
	return n ? take_blocks(r) : 0;
}

static int dropped(struct zc_imported_ring *r)
{
	int rc = zc_fail_plain(
		r->src->ctx, ECANCELED,
		"hand-over from %s: its writer dropped this reader, and goes on with others",
		r->src->name);

	zc_hint(r->src->ctx, "the writer says why; what came before that has arrived");
	return rc;
}

static int take_end(struct zc_imported_ring *r)
{
	if (r->end.blocks != r->next || r->end.bytes != r->bytes)
		return fail(r);
	r->ended = true;
	return 0;
}

/*
 * Returns whether there may be a message: with a page, only if the writer was asked for one, and had a reason to send it or
 * the caller has waited since.
 */
static bool may_have_message(struct zc_imported_ring *r)
{
	struct zc_lane *lane = &r->page.blocks;
	const bool may = !r->page.map || lane->asleep || lane->rung;

	lane->rung = false;
	return may;
}

/* Receive a message. Returns 1 if it announces blocks, 0 if nothing came or it says something else, or a negative errno. */
static int read_message(struct zc_imported_ring *r)
{
	int rc = zc_ho_recv(r->sock, &r->in, NULL);

	if (rc == -EAGAIN)
		return 0;
	if (!rc) {
		r->hung_up = true;
		return 0;
	}
	if (rc < 0 || r->in.head.version != version(r))
		return fail(r);
	switch (r->in.head.type) {
	case ZC_HO_BLOCK:
		return take_blocks(r);
	case ZC_HO_WAKE:
		return 0;
	case ZC_HO_DROP:
		return dropped(r);
	case ZC_HO_END:
		r->end = r->in.end;
		r->told_end = true;
		return 0;
	default:
		return fail(r);
	}
}

/* Returns whether the writer will send a message when there are more blocks. */
static bool can_wait(struct zc_imported_ring *r)
{
	return !r->page.map || zc_lane_sleep(&r->page.blocks, ZC_LANE_SLEEPS);
}

/*
 * Look for blocks. What the writer put into the page before its last message is taken before that. Returns 1 if there are
 * some to take, 0 at the end, -EAGAIN, or another negative errno.
 */
static int read_ring(struct zc_imported_ring *r)
{
	int rc;

	if (r->at < r->count)
		return 1;
	while (!r->ended) {
		rc = read_page(r);
		if (rc)
			return rc;
		if (r->told_end)
			return take_end(r);
		if (r->hung_up)
			return zc_writer_ended_early(r->src);
		rc = may_have_message(r) ? read_message(r) : 0;
		if (rc)
			return rc;
		if (!r->told_end && !r->hung_up && can_wait(r)) {
			flush_to_wait(r);
			return -EAGAIN;
		}
	}
	return 0;
}

static struct zc_imported_slot *free_slot(struct zc_imported_ring *r)
{
	for (unsigned i = 0; i < r->offer.blocks; i++) {
		if (!r->slots[i].out)
			return &r->slots[i];
	}
	return NULL;
}

/* Find the slot of a block for its first piece. Returns NULL if the writer announces a block that is out. */
static struct zc_imported_slot *find_slot(struct zc_imported_ring *r, const struct zc_ho_block *d)
{
	struct zc_imported_slot *s = r->offer.ring == ZC_HO_FILE
					     ? free_slot(r)
					     : &r->slots[d->ring_offset / r->offer.stride];

	if (!s || s->out)
		return NULL;
	s->out = true;
	s->whole = false;
	s->pieces = 0;
	s->id = d->id;
	s->theirs = d->slot;
	s->how = ZC_PUT_REUSE;
	s->data = r->map ? r->map + d->ring_offset : NULL;
	r->held++;
	return s;
}

/* Map or read the block of a file. Returns 0 or a negative errno. */
static int open_window(struct zc_imported_ring *r, struct zc_imported_slot *s,
		       const struct zc_ho_block *d)
{
	struct zcdma_source *src = r->src;
	bool read = r->flags & ZC_USE_READ;
	struct stat st;
	const void *data;
	int rc;

	if (fstat(r->fd, &st) < 0 || (uint64_t)st.st_size < d->ring_offset + d->len)
		return zc_fail_plain(src->ctx, EIO, "read %s: its file was cut short", src->name);
	if (r->flags & ZC_USE_FD)
		return 0;
	rc = (read ? zc_window_read : zc_window_map)(&s->window, r->fd, d->ring_offset,
						     (size_t)d->len, &data);
	if (rc)
		return zc_fail(src->ctx, -rc, "read %s: map its file", src->name);
	s->data = data;
	if (read)
		src->stats.kernel_copied_bytes += d->len;
	return 0;
}

static int take_piece(struct zc_imported_ring *r, size_t max, struct zcdma_block *b)
{
	const struct zc_ho_block *d = &r->in.block[r->at];
	struct zc_imported_slot *s = r->open ? r->open : find_slot(r, d);
	int rc;

	if (!s)
		return fail(r);
	rc = r->offer.ring == ZC_HO_FILE && !r->open ? open_window(r, s, d) : 0;
	if (rc)
		return rc;
	*b = (struct zcdma_block){
		.data = s->data ? s->data + r->taken : NULL,
		.len = (size_t)zc_min(d->len - r->taken, (uint64_t)max),
		.offset = d->offset + r->taken,
		.seq = d->seq,
		.time_ns = d->time_ns,
		.index = (uint32_t)(s - r->slots),
		.flags =
			r->taken ? 0 : d->flags, /* what was lost was lost before its first piece */
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
	return 1;
}

int zc_imported_ring_next(struct zc_imported_ring *r, size_t max, struct zcdma_block *b)
{
	int rc = read_ring(r);

	/* Until it is empty: another block may be there without another message. */
	r->src->poll_fd = rc == 1 ? -1 : r->sock;
	if (rc)
		return rc == 1 ? take_piece(r, max, b) : rc;
	/* At the end, wait for blocks that are out: they are the writer's memory. */
	r->src->starved = r->held;
	if (r->src->starved)
		return -EAGAIN;
	flush(r);
	return r->again_count ? -EAGAIN : 0;
}

void zc_imported_ring_leave(struct zc_imported_ring *r)
{
	const struct zc_imported_slot *s = r->open;
	struct zc_ho_msg msg;

	if (r->sock < 0 || r->held > !!s || (s && s->pieces))
		return;
	/* Also at the end, where the writer waits for the last releases. */
	flush(r);
	if (r->again_count || (r->ended && r->at == r->count))
		return;
	zc_ho_begin(&msg, ZC_HO_LEAVE, 1);
	msg.leave.id = r->next - (r->count - r->at);
	msg.leave.skip = r->taken;
	msg.leave.how = s ? s->how : ZC_PUT_REUSE;
	(void)!send_message(r, &msg);
}
