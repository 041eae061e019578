/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reassembles one direction of a TCP connection: captured segments, in any order, become the stream. */
#ifndef ZCDMA_PACKET_TCP_REASSEMBLY_H
#define ZCDMA_PACKET_TCP_REASSEMBLY_H

#include <zcdma/verify.h>

#include "packet/frame.h"
#include "packet/segment_buffer.h"

/* What takes the stream. Offsets count from the byte after the SYN or, without one, from the first byte. */
struct zc_reassembly_ops {
	/* Take the next bytes in order. */
	void (*data)(void *arg, const uint8_t *data, size_t len);
	/* Pass over the next @len bytes, which were sent but not captured. */
	void (*uncaptured)(void *arg, uint64_t len);
	/* Take bytes that were passed over, and are captured late. Returns whether they were checked. */
	bool (*late)(void *arg, uint64_t offset, const uint8_t *data, size_t len);
	/* Write the bytes that were captured at @offset long ago into @buf. Returns false if they are not known. */
	bool (*recall)(void *arg, uint64_t offset, uint8_t *buf, size_t len);
	/* Note retransmitted bytes that differ. @seq is the sequence number of the first. */
	void (*differs)(void *arg, uint32_t seq, const struct zc_segment_result *what);
};

/* What is known of a reset by this end. */
enum zc_tcp_reset {
	ZC_TCP_NO_RESET,
	ZC_TCP_RESET_AHEAD, /* its number is ahead of what was captured: the receiver may ignore it */
	ZC_TCP_RESET,
};

enum zc_segment_verdict {
	ZC_SEGMENT_TAKEN,
	ZC_SEGMENT_STRAY,   /* too far from the others: skipped, with its acknowledgement */
	ZC_SEGMENT_FOREIGN, /* of another stream, which has begun between the same ports */
};

/* Valid after zc_reassembly_init(); zc_reassembly_end() or zc_reassembly_drop() free what it holds. */
struct zc_reassembly {
	const struct zc_reassembly_ops *ops;
	void *arg;
	const struct zc_reassembly *peer; /* the other direction, or NULL */
	struct zc_segment_buffer buffer;
	struct zc_gaps passed_over; /* gaps before .next, from .forgotten on */
	bool started, from_syn;
	bool has_end;
	bool is_acked;	/* an acknowledgement by the other end was captured */
	bool has_stray; /* .stray is valid */
	bool has_ack;	/* .ack is valid */
	bool doubtful;	/* packets with a wrong checksum were taken: other bytes prove nothing */
	enum zc_tcp_reset reset;
	uint32_t reset_seq, reset_ack; /* of the RST */
	uint32_t first;		       /* sequence number of offset 0 */
	uint32_t stray;		       /* sequence number after the last stray segment */
	uint32_t last_ack;	       /* by the other end */
	uint32_t ack;		       /* the highest that this end has sent */
	/* Offsets. */
	uint64_t next;	    /* bytes before it were passed on or passed over */
	uint64_t forgotten; /* gaps before it are not remembered */
	uint64_t acked;	    /* by the other end */
	uint64_t end;	    /* of the stream: its FIN */
	struct zcdma_wire_counters counters;
};

/* Start without a segment. The data that waits is taken from @budget. */
void zc_reassembly_init(struct zc_reassembly *r, const struct zc_reassembly_ops *ops, void *arg,
			struct zc_budget *budget);

/* Begin the stream at sequence number @first, as a SYN announces it. */
void zc_reassembly_begin(struct zc_reassembly *r, uint32_t first);

/* Take a captured segment; @duplicate: it was captured before, at another point. */
enum zc_segment_verdict zc_reassembly_take(struct zc_reassembly *r, const struct zc_frame *frame,
					   bool duplicate);

/* Note that the other end has acknowledged what is before @ack. */
void zc_reassembly_acked(struct zc_reassembly *r, uint32_t ack, bool from_syn);

/* Returns whether the stream begins at @first, as far as is known. */
static inline bool zc_reassembly_begins_at(const struct zc_reassembly *r, uint32_t first)
{
	return !r->started || r->first == first;
}

/* Returns whether the segment can be one of this stream, from before its FIN. */
bool zc_reassembly_reaches(const struct zc_reassembly *r, const struct zc_frame *frame);

/* Returns whether the FIN was sent and acknowledged; what is before it may still be missing. */
static inline bool zc_reassembly_is_over(const struct zc_reassembly *r)
{
	return r->has_end && (!r->is_acked || r->acked > r->end);
}

/* Returns whether all up to the FIN was captured and acknowledged. */
bool zc_reassembly_is_complete(const struct zc_reassembly *r);

/* Pass on what waits, as nothing more will come, and free what was allocated. */
void zc_reassembly_end(struct zc_reassembly *r);

/* Free what was allocated, and drop what waits. */
void zc_reassembly_drop(struct zc_reassembly *r);

#endif
