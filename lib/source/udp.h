/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* udp: - what receiving datagrams and placing them in blocks share. */
#ifndef ZCDMA_SOURCE_UDP_H
#define ZCDMA_SOURCE_UDP_H

#include "net/udp_receiver.h"
#include "packet/reorder.h"
#include "source/endpoint.h"
#include "source/pool_source.h"
#include "util/alarm.h"

struct udp_options {
	uint64_t size, skip, seq;
};

struct udp_source {
	struct zc_pool_source base;
	struct udp_options opt;
	struct zc_endpoint end;
	struct zc_alarm alarm;
	struct zcdma_receiver *rx;

	/* The sender. */
	struct sockaddr_storage from;
	socklen_t from_len; /* 0: it has not come yet */
	char wanted[64];    /* how its name has to begin: "10.0.0.5:" or "[fe80::1]:"; or empty */
	uint64_t mark_ns;   /* when the mark of its end came, or 0 */
	bool ended;

	/* The order. */
	struct zc_reorder *order; /* or NULL: datagrams have no numbers */
	struct zc_reorder_field field;
	struct zc_reorder_stats order_stats;
	uint64_t lost;	     /* of .order_stats, before what was taken last */
	uint64_t order_ns;   /* when the wait for a missing one ends; or 0 */
	bool passed;	     /* the next one of .rx is the next in order */
	bool draining;	     /* look what waits in .order ... */
	bool flushing;	     /* ... even if one before it is missing */
	const uint8_t *late; /* what came from there, and has no place yet, or NULL */
	size_t late_len;

	/* The block that is being filled. */
	uint64_t due_ns;      /* when it goes on although it is not full */
	uint64_t lost_before; /* datagrams */

	bool came;	      /* something did since the last nap */
	uint64_t deadline_ns; /* 0: not stopping */
};

/*
 * Place what was received, and what waited for it, in the block that is being filled. Returns 1 if the block goes on
 * first, 0 if nothing is left, or a negative errno with the error message set.
 */
int zc_udp_place(struct udp_source *u);

#endif
