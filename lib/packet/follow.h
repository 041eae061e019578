/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follows one direction of a TCP connection: segments as they were captured, to the stream in order. */
#ifndef ZCDMA_FOLLOW_H
#define ZCDMA_FOLLOW_H

#include "frame.h"
#include "kept.h"

/* Where the stream goes. Offsets count from the byte behind the SYN or, without one, from the first. */
struct zc_follow_ops {
	/* The next bytes in order. */
	void (*data)(void *arg, const uint8_t *data, size_t len);
	/* So many bytes that were sent were not captured. */
	void (*unseen)(void *arg, uint64_t len);
	/* What stood at @offset long ago, where that can be known: into @buf. */
	bool (*recall)(void *arg, uint64_t offset, uint8_t *buf, size_t len);
	/* Bytes came again, and were others. @seq is that of the first. */
	void (*differs)(void *arg, uint32_t seq, const struct zc_kept_put *what);
};

struct zc_follow_stats {
	uint64_t segments;	     /* with data */
	uint64_t data_bytes;	     /* in them, whatever came of it */
	uint64_t again, again_bytes; /* segments with bytes that had come before, and those */
	uint64_t differing, differing_bytes; /* of those: that were others */
	uint64_t out_of_order; /* segments before which others had come that belong behind */
	uint64_t keepalives;
	uint64_t unseen_bytes; /* of the stream, that were not captured in time */
	uint64_t cut_bytes;    /* of segments, that were beyond the snap length */
	uint64_t late_bytes;   /* that came when they had been given up */
	uint64_t
		uncompared_bytes; /* came again when what they were to be compared with was forgotten */
	uint64_t given_up;	  /* times that there was no room to wait for what is missing */
	uint64_t strayed;	  /* segments so far from the others that they were left out */
};

/* All-zero, but for .ops, .arg and .kept.pool, is one before its first segment. */
struct zc_follow {
	const struct zc_follow_ops *ops;
	void *arg;
	struct zc_kept kept;
	bool started, from_syn;
	bool has_end, reset;
	bool told;	/* what it acknowledged has been heard of */
	uint32_t first; /* sequence number of offset 0 */
	/* Offsets. */
	uint64_t next;	/* what was before it has been passed on, or given up */
	uint64_t acked; /* by the other end */
	uint64_t end;	/* of the stream: its FIN */
	uint64_t stray; /* end of a segment that was far away */
	struct zc_follow_stats stats;
};

/* A segment that was captured. */
void zc_follow_take(struct zc_follow *f, const struct zc_frame *frame);

/* The other end has acknowledged what was before @ack. */
void zc_follow_acked(struct zc_follow *f, uint32_t ack, bool from_syn);

/* Does the stream begin at @first, as far as anybody knows? */
bool zc_follow_begins_at(const struct zc_follow *f, uint32_t first);

/* Everything up to the FIN was sent, and acknowledged. */
bool zc_follow_is_complete(const struct zc_follow *f);

/* Nothing more will come: pass on what waits. */
void zc_follow_end(struct zc_follow *f);

#endif
