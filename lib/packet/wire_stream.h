/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One direction of a connection that was captured: what is followed goes into a check. */
#ifndef ZCDMA_PACKET_WIRE_STREAM_H
#define ZCDMA_PACKET_WIRE_STREAM_H

#include "packet/flow_table.h"
#include "packet/tcp_reassembly.h"
#include "packet/checksums.h"

#include <zcdma/verify.h>

/* So many bytes of the pattern tell where in the stream they are. */
#define ZC_WIRE_STREAM_PLACED 23
/* Differences that are remembered, of all streams; the others are counted. */
#define ZC_WIRE_STREAM_DIFFERENCES 64

/* What all streams of a capture have in common. */
struct zc_wire_streams {
	struct zcdma_ctx *ctx;
	const struct zcdma_wire_options *options;
	const struct zcdma_check *manifest; /* of .options, or NULL */
	struct zc_budget budget;	    /* for the data that is kept */
	struct zc_budget checks;	    /* for connections, and what is known of them */
	unsigned differences;
	struct zcdma_wire_difference difference[ZC_WIRE_STREAM_DIFFERENCES];
	int rc; /* a check could not be made: why is the context's */
};

struct zc_wire_stream {
	struct zc_reassembly reassembly;
	struct zc_checksums checksums;
	struct zc_wire_streams *all;
	const struct zc_flow *flow;
	unsigned from;			      /* the end of it that sends */
	bool ended, placed, checked, refused; /* .refused: no memory was left for a check */
	uint64_t bytes;			      /* up to the last that is known of */
	uint64_t packets;		      /* UDP; of TCP the follower counts */
	uint64_t cut_bytes;
	uint64_t begins; /* the first byte that was seen: its offset here ... */
	uint64_t shift;	 /* ... and what its offset in the stream has more */
	struct zcdma_check *check;
	struct zcdma_check_result result;
	uint8_t early[ZC_WIRE_STREAM_PLACED]; /* until it is known where they belong */
	unsigned early_len;
};

void zc_wire_stream_begin(struct zc_wire_stream *s, struct zc_wire_streams *all,
			  const struct zc_flow *flow, unsigned from);

/* Take a datagram; @copy: it is one that was captured before, at another point. */
void zc_wire_stream_datagram(struct zc_wire_stream *s, const struct zc_frame *frame, bool copy);

/* Take a segment from before the FIN, all of which was captured and acknowledged. */
void zc_wire_stream_leftover(struct zc_wire_stream *s, const struct zc_frame *frame, bool copy);

/* Returns whether the stream was captured to its end, and nothing about it needs to be reported. */
bool zc_wire_stream_is_clean(const struct zc_wire_stream *s);

/* Nothing more comes: the result is final, and what it took is given back. */
void zc_wire_stream_end(struct zc_wire_stream *s);

/* Returns whether the connection was reset, by either end. */
bool zc_wire_stream_is_reset(const struct zc_wire_stream *s);

/* Did it carry anything? */
bool zc_wire_stream_has_data(const struct zc_wire_stream *s);

void zc_wire_stream_get(const struct zc_wire_stream *s, struct zcdma_wire_stream *out);

#endif
