/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tcp: - what receiving bytes, mapping them, and receiving frames share. */
#ifndef ZCDMA_SOURCE_TCP_H
#define ZCDMA_SOURCE_TCP_H

#include <xxhash.h>

#include "net/frame.h"
#include "source/endpoint.h"
#include "source/pool_source.h"
#include "util/alarm.h"

/* How long bytes may wait for a block to be full. */
#define ZC_TCP_PATIENCE_NS 10000000u

/* How long a connection may take to greet: a sender of frames does so at once, and waits for 5 s for the answer. */
#define ZC_TCP_HELLO_NS 3000000000u

/* What receives frames. */
struct zc_tcp_frames {
	uint8_t head[ZC_FRAME_HEAD];
	size_t head_len;
	uint64_t hello_ns; /* until when to wait for the greeting; 0: not decided */
	bool greeted;	   /* the greeting has come on this connection ... */
	bool resumed; /* ... of a stream that has come before, and its next frame may overlap what did */
	struct zc_frame frame; /* whose data is coming ... */
	bool inside;	       /* ... if one is */
	uint32_t left,
		skip; /* of its data: bytes that have not come; .skip of them came before the connection broke */
	XXH3_state_t *hash; /* of its data until now */

	/* The stream. */
	bool known;
	bool broken; /* a connection ended without the mark, and nothing has shown since what did not come */
	uint64_t stream;
	uint64_t offset, seq; /* that come next */
	int64_t clock_ns;     /* what to add to CLOCK_MONOTONIC */
	uint64_t deadline_ns; /* until when the sender may come back; 0: it is not waited for */
	uint64_t wake_ns;     /* when to look again although nothing came; 0: not */

	/* What is missing before the block that is being filled. */
	struct zcdma_loss sender, connection;
	bool doubt;
};

/* A connection that came while another one has the place. */
struct zc_tcp_pending {
	int fd;		 /* or -1 */
	uint64_t due_ns; /* when its greeting is; 0: without one, and the next one is taken */
	uint8_t head[ZC_FRAME_HEAD];
	size_t head_len;
	char peer[72];
};

#define ZC_TCP_MAP_SLOTS 16

/* Blocks of address space, which get other pages with each use. */
struct zc_tcp_map {
	struct zc_pool slots; /* blocks of address space; .ring.base is NULL if nothing is mapped */
	bool filling;	      /* the block with .index ... */
	uint32_t index;
	size_t filled; /* ... has this many bytes, after those of the block that is copied into */
	size_t skip;   /* bytes that come next and cannot be mapped */
	bool local;    /* the sender is on this machine ... */
	bool unknown; /* ... or the device is not real, so that the kernel may have copied into the pages */
	char device[16];
	unsigned mtu;
	char reason[224], hint[128]; /* why bytes were copied */
};

struct tcp_source {
	struct zc_pool_source base;
	uint64_t receive; /* enum receive */
	struct zc_endpoint end;
	struct zc_alarm alarm;
	int fd;	   /* the connection, or -1 */
	int lowat; /* its SO_RCVLOWAT */
	bool ended;
	struct zcdma_source *lender; /* without a ring: it lends the connection */
	uint64_t due_ns;      /* when the block goes on although it is not full; 0: not decided */
	uint64_t deadline_ns; /* 0: not stopping */
	struct zc_tcp_frames frames;
	struct zc_tcp_pending pending;
	struct zc_tcp_map map;
};

/* Have the connection be readable from @bytes on. */
void zc_tcp_set_lowat(struct tcp_source *t, size_t bytes);

/*
 * Wait for more data, of which the block lacks @missing bytes; @any says whether there is something to go on with.
 * Returns 1 if a block goes on as it is, or -EAGAIN: then the next bytes, or those that are missing, or the time wake the
 * receiver.
 */
int zc_tcp_wait(struct tcp_source *t, size_t missing, bool any);

/* Set the error message for @err of the connection. Returns -@err. */
int zc_tcp_fail(struct tcp_source *t, int err);

/* Prepare to receive frames. Returns 0 or a negative errno with the error message set. */
int zc_tcp_frames_open(struct tcp_source *t);
void zc_tcp_frames_close(struct tcp_source *t);

/*
 * Receive frames into the block that is being filled, until one is whole, or the block is full. Returns 1 if the block
 * goes on; 0 at the end of the stream; -EAGAIN if nothing more is there, also where the connection broke and the sender
 * is waited for; or another negative errno with the error message set.
 */
int zc_tcp_frames_fill(struct tcp_source *t);

/* Set what is unknown of the losses after a connection broke. */
void zc_tcp_frames_get_stats(const struct tcp_source *t, struct zcdma_source_stats *stats);

/* Describe the block, which holds bytes of a frame, and what is missing before it. */
void zc_tcp_frames_describe(struct tcp_source *t, struct zcdma_block *b);

/* Returns -ETIMEDOUT with the error message set if the sender has not come back in time, else 0. */
int zc_tcp_frames_wait(struct tcp_source *t);

/* Have a connection that comes wake the receiver. Returns 0 or a negative errno. */
int zc_tcp_listen(struct tcp_source *t);

/*
 * Look for another connection than the one that there is, and read its greeting. Returns whether it gets the place: call
 * zc_tcp_pending_begin() then, when the one that has it is closed.
 */
bool zc_tcp_pending_look(struct tcp_source *t);

/* Make the one that is pending, as far as it has greeted, the connection to receive from. Returns false without one. */
bool zc_tcp_pending_begin(struct tcp_source *t);

void zc_tcp_pending_close(struct tcp_source *t);

/*
 * Have segments that hold whole pages be asked for, unless mss= says otherwise: to be called before the source listens.
 * A segment has 12 bytes of options (RFC 7323, appendix A).
 */
void zc_tcp_map_choose_mss(struct tcp_source *t);

/* Reserve the address space. Returns 0, or a negative errno with the error message set. */
int zc_tcp_map_open(struct tcp_source *t);
void zc_tcp_map_close(struct tcp_source *t);

/* Note where the sender of the connection is. */
void zc_tcp_map_begin(struct tcp_source *t);

/*
 * Map what has come, or copy it into the block of the pool, up to @max bytes. Returns 1 if a block goes on, 0 at the
 * end of the stream, -EAGAIN, or another negative errno.
 */
int zc_tcp_map_fill(struct tcp_source *t, size_t max);

/* Describe the block that was mapped in *@b. */
void zc_tcp_map_finish(struct tcp_source *t, struct zcdma_block *b);

/* Take back a block. Returns false if it is the pool's. */
bool zc_tcp_map_put(struct tcp_source *t, const struct zcdma_block *b);

/* Say in @stats what was copied, and why. */
void zc_tcp_map_get_stats(struct tcp_source *t, struct zcdma_source_stats *stats);

#endif
