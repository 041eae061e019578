/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The producer's side of a hand-over: what its path, its messages and its offer share. */
#ifndef ZCDMA_HANDOVER_PRODUCER_H
#define ZCDMA_HANDOVER_PRODUCER_H

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

static inline unsigned zc_producer_pending(const struct handover *h)
{
	return h->blocks.out + h->blocks.done_count;
}

/* Set the error message: the reader breaks the protocol. Returns -EPROTO. */
int zc_producer_broken(struct handover *h);

/* Take what the reader has released in the page. Sets h->broken if any of it is not valid. */
void zc_producer_read_page(struct handover *h);

/* Take one message of the reader, if there is one; poll() reports the next. Returns 0 or a negative errno. */
int zc_producer_listen(struct handover *h);

/* Announce the blocks that were not announced yet. Returns 0, -EAGAIN without room, or another negative errno. */
int zc_producer_send_batch(struct handover *h);

/* Announce the end of the stream. Returns as zc_producer_send_batch(). */
int zc_producer_send_end(struct handover *h);

/* Have the reader send a message when it has put more into the page. Returns 0 or a negative errno. */
int zc_producer_prepare_to_wait(struct handover *h);

/*
 * Tell the reader that it is dropped. It keeps its blocks until it releases them or hangs up: it may be reading them. One
 * that has left has none.
 */
void zc_producer_drop(struct handover *h);

/* Take what a reader that was dropped releases, until it hangs up; what else it says does not matter any more. Returns 0. */
int zc_producer_attend_dropped(struct handover *h);

/* Fill in h->offer. Returns the ring's descriptor, or a negative errno with the error message set. */
int zc_producer_share_ring(struct handover *h);

/* Offer the ring of descriptor @fd, and wait for the answer. Returns 0, or a negative errno with the error message set. */
int zc_producer_offer_ring(struct handover *h, struct zcdma_handover *peer, int fd);

#endif
