/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives datagrams, many with one system call: into memory of its own, or one after the other into the caller's.
 * The kernel merges those of one sender, where it can (UDP_GRO).
 */
#ifndef ZCDMA_NET_UDP_RECEIVER_H
#define ZCDMA_NET_UDP_RECEIVER_H

#include "internal.h"

/* More bytes than a datagram, or several that are merged, can have, so that none is cut. */
#define ZC_DATAGRAM_ROOM 65536

/* The most bytes that go apart at the start of a datagram. */
#define ZC_DATAGRAM_HEAD 1024

/* Where the bytes of datagrams may be put, one after the other. */
struct zc_udp_room {
	uint8_t *data;
	size_t len;
	size_t head; /* bytes at the start of each that go apart */
	size_t size; /* take no more than this after the head; 0: all */
};

/* Datagrams that came merged, or one. */
struct zc_datagrams {
	const uint8_t *head; /* what went apart, and ... */
	size_t head_len;     /* ... how much of it there is */
	const uint8_t *data; /* what comes after that */
	size_t len;
	size_t segment; /* bytes of each but the last, which may have fewer; 0 for an empty one */
	bool shortened; /* it had more than the size that the room asked for */
	const struct sockaddr_storage *from;
	socklen_t from_len;
};

/* Have the kernel merge datagrams, which a receiver does at first, or not. Merged ones have no heads that go apart. */
void zc_receiver_merge(struct zcdma_receiver *r, bool merge);

/*
 * Returns how many bytes a room needs for what zc_receiver_fill() would receive next to be in its place. With less,
 * it is received into memory of the receiver.
 */
size_t zc_receiver_needs(const struct zcdma_receiver *r, const struct zc_udp_room *room);

/*
 * Receive, after zc_receiver_peek() has returned false, without waiting: into @room, or with NULL into memory of the
 * receiver. What is not where the datagrams before it end is in the receiver's memory. Returns 0, -EAGAIN, or another
 * negative errno without a message.
 */
int zc_receiver_fill(struct zcdma_receiver *r, const struct zc_udp_room *room);

/* Look at what comes next of what was received. Returns false if nothing is left. */
bool zc_receiver_peek(const struct zcdma_receiver *r, struct zc_datagrams *d);

/* Go on after the first @len bytes of what zc_receiver_peek() sets, which end a datagram. */
void zc_receiver_advance(struct zcdma_receiver *r, size_t len);

/* Move what is left into memory of the receiver, so that the caller may write to the room. */
void zc_receiver_evacuate(struct zcdma_receiver *r);

#endif
