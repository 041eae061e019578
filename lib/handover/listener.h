/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listens at the reading end of a pipe, which is standard input, for writers: of rings, and of bytes that have an end. */
#ifndef ZCDMA_HANDOVER_LISTENER_H
#define ZCDMA_HANDOVER_LISTENER_H

#include "handover/protocol.h"
#include "source/source.h"

/* The most writers to one pipe that wait for their turn. */
#define ZC_LISTENER_WRITERS 8

/* A process that connected. */
struct zc_writer {
	int sock;
	bool proved; /* it has proved that it can open the pipe */
	bool fresh; /* ... in this look: what follows is for the next one, as the pipe is read before that */
	bool writes; /* it writes bytes, and will send an end */
};

struct zc_listener {
	int listener; /* -1: no writer can connect */
	int epoll;    /* readable when a writer has sent something, or the pipe has bytes */
	struct zc_writer writer[ZC_LISTENER_WRITERS]; /* the oldest first */
	unsigned count;
	bool ended_early; /* a writer of bytes is gone that has sent no end */
	bool failed;	  /* the last writer failed before its first byte */
};

/* A ring that a writer which holds the pipe offers. */
struct zc_ring_offer {
	int sock;
	struct zc_ho_offer offer;
	int fd;	  /* the ring's */
	int page; /* that both ends map, or -1 in version 1 */
};

/* Start to listen. Returns 0 or a negative errno, as zc_ho_listen() does. */
int zc_listener_open(struct zc_listener *c);

/* Stop to listen, and drop the writers. */
void zc_listener_close(struct zc_listener *c);

/*
 * Accept writers and receive their messages. Returns whether one offers a ring, *@offer, which the caller then accepts
 * or refuses. @flags: what a ring is used for (enum zc_use).
 */
bool zc_listener_look(struct zc_listener *c, unsigned flags, struct zc_ring_offer *offer);

/*
 * Returns whether a writer that was to send an end has not. The pipe has ended: what its writers sent came before that.
 */
bool zc_listener_ended_early(struct zc_listener *c);

/* Set the error message: the source's writer ended before its stream did. Returns -EPIPE. */
int zc_writer_ended_early(const struct zcdma_source *src);

/* Accept an offer. Returns 0, or a negative errno if the answer could not be sent. */
int zc_ring_offer_accept(const struct zc_ring_offer *offer);

/* Refuse an offer, and close its descriptors. */
void zc_ring_offer_refuse(const struct zc_ring_offer *offer);

#endif
