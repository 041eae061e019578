/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One direction of a captured connection: its stream goes into a check. */
#ifndef ZCDMA_PACKET_WIRE_STREAM_H
#define ZCDMA_PACKET_WIRE_STREAM_H

#include "packet/flow_table.h"
#include "packet/tcp_reassembly.h"
#include "packet/checksums.h"

#include <zcdma/verify.h>

/* Bytes of the pattern that show where in the stream they are. */
#define ZC_WIRE_STREAM_PLACED 23
/* Differences that are remembered, over all streams; the others are only counted. */
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
	unsigned faults;
	struct zcdma_wire_fault fault[ZCDMA_FAULTS_KEPT];
	int rc; /* 0, or a negative errno: a check could not be made, and the context has the message */
};

struct zc_wire_stream {
	struct zc_reassembly reassembly;
	struct zc_checksums checksums;
	struct zc_wire_streams *all;
	const struct zc_flow *flow;
	unsigned from;			      /* the end of it that sends */
	bool ended, placed, checked, refused; /* .refused: no memory was left for a check */
	uint64_t bytes;			      /* up to the last that is known of */
	uint64_t begins;		      /* offset here of the first byte that was captured */
	uint64_t shift;			      /* what offsets in the sent stream are larger by */
	struct zcdma_check *check;
	struct zcdma_check_result result;
	uint8_t early[ZC_WIRE_STREAM_PLACED]; /* the first bytes, until their place is known */
	unsigned early_len;
};

/* Start the stream that end @from of @flow sends. */
void zc_wire_stream_begin(struct zc_wire_stream *s, struct zc_wire_streams *all,
			  const struct zc_flow *flow, unsigned from);

/* Take a datagram; @duplicate: it was captured before, at another point. */
void zc_wire_stream_datagram(struct zc_wire_stream *s, const struct zc_frame *frame,
			     bool duplicate);

/* Count a segment from before the FIN, after all of the stream was captured and acknowledged. */
void zc_wire_stream_leftover(struct zc_wire_stream *s, const struct zc_frame *frame,
			     bool duplicate);

/* Returns whether the stream was captured to its end, and nothing about it needs to be reported. */
bool zc_wire_stream_is_clean(const struct zc_wire_stream *s);

/* Make the result final, as nothing more comes, and free what was allocated. */
void zc_wire_stream_end(struct zc_wire_stream *s);

/* Returns whether the connection was reset, by either end. */
bool zc_wire_stream_is_reset(const struct zc_wire_stream *s);

/* Returns whether the stream carried data. */
bool zc_wire_stream_has_data(const struct zc_wire_stream *s);

/* Describe the stream in *@out. */
void zc_wire_stream_get(const struct zc_wire_stream *s, struct zcdma_wire_stream *out);

#endif
