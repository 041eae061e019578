/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connections of a capture, as long as there is room to list them. */
#ifndef ZCDMA_PACKET_WIRE_CONNECTIONS_H
#define ZCDMA_PACKET_WIRE_CONNECTIONS_H

#include <sys/queue.h>

#include "packet/stray_syn.h"
#include "packet/wire_stream.h"

enum zc_connection_state {
	ZC_CONNECTION_OPEN,
	ZC_CONNECTION_CLOSING, /* its end was captured, but not all that is before it */
	ZC_CONNECTION_ENDED,   /* its results are final */
};

struct zc_connection {
	struct zc_flow flow; /* comes first */
	TAILQ_ENTRY(zc_connection) in_all, in_queue;
	struct zc_connection_queue *queue; /* the one that it is in, or NULL */
	struct zc_wire_stream dir[2];	   /* by the end that sends */
	struct zc_stray_syn stray_syn;
	enum zc_connection_state state;
	uint64_t last_ns; /* the time of its last datagram */
	bool has_end;	  /* and it was counted */
};

TAILQ_HEAD(zc_connection_queue, zc_connection);

struct zc_connections {
	struct zc_flow_table *table;
	struct zc_wire_streams streams;
	struct zc_connection_queue all; /* in the order in which they began */
	unsigned count;			/* in .all */
	/* Those whose end was captured, in that order: waiting for late packets; ended; ended with something to report. */
	struct zc_connection_queue closing, clean, noted;
	struct zc_connection_queue
		datagrams; /* flows that have not ended, the one silent for longest first */
	unsigned closing_count;
	uint64_t now_ns;       /* the time of the newest packet */
	uint64_t begun, ended; /* .ended: with data, and their end was captured */
	uint64_t unlisted;     /* streams that were dropped from the list */
	bool listing;
	struct zc_connection *listed; /* the next one to list, if .listing, ... */
	unsigned listed_dir;	      /* ... and its stream */
};

/* Prepare an all-zero *@c, whose .streams the caller fills in. Returns 0 or -ENOMEM. */
int zc_connections_init(struct zc_connections *c);

/* Free all connections. */
void zc_connections_drop(struct zc_connections *c);

/*
 * Find the connection of @frame, or add it; sets *@from to the end that sent the frame. Returns NULL without
 * room for another connection.
 */
struct zc_connection *zc_connections_get(struct zc_connections *c, const struct zc_frame *frame,
					 unsigned *from);

/* Replace @one, as another connection uses its ports. Returns NULL without room for it. */
struct zc_connection *zc_connections_replace(struct zc_connections *c, struct zc_connection *one);

/* Note that the end of @one was captured, unless no data was: then it may be of an earlier connection. */
void zc_connections_note_end(struct zc_connections *c, struct zc_connection *one);

/* Note that a datagram of @one was captured. */
void zc_connections_note_datagram(struct zc_connections *c, struct zc_connection *one);

/* Look at the state of a TCP connection after a segment: it may end, or go on after a reset. */
void zc_connections_note_state(struct zc_connections *c, struct zc_connection *one);

/* Make the results of all connections final. */
void zc_connections_end(struct zc_connections *c);

/* Get the next stream of the list, the oldest first. Returns false after the last, and then begins again. */
bool zc_connections_next_stream(struct zc_connections *c, struct zcdma_wire_stream *stream);

#endif
