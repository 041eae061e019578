/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follows one direction of a TCP connection: segments as they were captured, to the stream in order. */
#ifndef ZCDMA_PACKET_TCP_REASSEMBLY_H
#define ZCDMA_PACKET_TCP_REASSEMBLY_H

#include "packet/frame.h"
#include "packet/segment_buffer.h"

/* Where the stream goes. Offsets count from the byte after the SYN or, without one, from the first. */
struct zc_reassembly_ops {
	/* The next bytes in order. */
	void (*data)(void *arg, const uint8_t *data, size_t len);
	/* The next @len bytes were sent, and have not been captured. */
	void (*unseen)(void *arg, uint64_t len);
	/* Bytes that were unseen have been captured after all. Returns whether they were checked. */
	bool (*late)(void *arg, uint64_t offset, const uint8_t *data, size_t len);
	/* Write the bytes that were captured at @offset long ago into @buf. Returns false if they are not known. */
	bool (*recall)(void *arg, uint64_t offset, uint8_t *buf, size_t len);
	/* Bytes were sent again, and differ. @seq is the sequence number of the first. */
	void (*differs)(void *arg, uint32_t seq, const struct zc_segment_result *what);
};

struct zc_reassembly_stats {
	uint64_t segments;	     /* with data */
	uint64_t data_bytes;	     /* in them, whatever came of it */
	uint64_t again, again_bytes; /* segments with bytes that had come before, and those */
	uint64_t copies;	     /* segments captured more than once; not in .again */
	uint64_t differing, differing_bytes; /* of those that came again: that were others */
	uint64_t out_of_order; /* segments before which others had come that belong after them */
	uint64_t keepalives;
	uint64_t
		unseen_bytes; /* of the stream, that were not captured, or too late to be checked */
	uint64_t cut_bytes;   /* of segments, that were beyond the snap length */
	uint64_t late_bytes;  /* that came when they had been given up */
	uint64_t
		uncompared_bytes; /* came again when what they were to be compared with was forgotten */
	uint64_t given_up;	  /* times that there was no room to wait for what is missing */
	uint64_t strayed;	  /* segments so far from the others that they were not followed */
	uint64_t ignored_resets; /* that the receiver did not believe */
};

/* What is known of a reset by this end. */
enum zc_tcp_reset {
	ZC_TCP_NO_RESET,
	ZC_TCP_RESET_AHEAD, /* its number is ahead of what was captured: the receiver may ignore it */
	ZC_TCP_RESET,
};

enum zc_segment_verdict {
	ZC_SEGMENT_TAKEN,
	ZC_SEGMENT_STRAY,   /* too far from the others: left out, with what it acknowledges */
	ZC_SEGMENT_FOREIGN, /* not of this stream: another one has begun between the same ports */
};

/* zc_reassembly_init() makes one before its first segment. */
struct zc_reassembly {
	const struct zc_reassembly_ops *ops;
	void *arg;
	const struct zc_reassembly *peer; /* the other direction, or NULL */
	struct zc_segment_buffer buffer;
	struct zc_gaps missed; /* before .next: what was given up, from .known on */
	bool started, from_syn;
	bool has_end;
	bool told;	/* an acknowledgement by the other end was captured */
	bool has_stray; /* .stray is valid */
	bool has_ack;	/* .ack is valid */
	bool doubtful;	/* packets with a wrong checksum were taken: other bytes prove nothing */
	enum zc_tcp_reset reset;
	uint32_t reset_seq, reset_ack; /* of the RST */
	uint32_t first;		       /* sequence number of offset 0 */
	uint32_t stray;		       /* the one after a segment that was far away */
	uint32_t last_ack;	       /* by the other end */
	uint32_t ack;		       /* the highest that this end has sent */
	/* Offsets. */
	uint64_t next;	/* what is before it was passed on, or given up */
	uint64_t known; /* what was given up before it is forgotten */
	uint64_t acked; /* by the other end */
	uint64_t end;	/* of the stream: its FIN */
	struct zc_reassembly_stats stats;
};

void zc_reassembly_init(struct zc_reassembly *f, const struct zc_reassembly_ops *ops, void *arg,
			struct zc_budget *budget);

/* The stream begins with @first, as a SYN says. */
void zc_reassembly_begin(struct zc_reassembly *f, uint32_t first);

/* Take a segment that was captured; @copy: it is one that was captured before, at another point. */
enum zc_segment_verdict zc_reassembly_take(struct zc_reassembly *f, const struct zc_frame *frame,
					   bool copy);

/* The other end has acknowledged what is before @ack. */
void zc_reassembly_acked(struct zc_reassembly *f, uint32_t ack, bool from_syn);

/* Returns whether the stream begins at @first, as far as is known. */
bool zc_reassembly_begins_at(const struct zc_reassembly *f, uint32_t first);

/* Returns whether the segment can be one of this stream, from before its FIN. */
bool zc_reassembly_reaches(const struct zc_reassembly *f, const struct zc_frame *frame);

/* Returns whether the FIN was sent, and acknowledged; what is before it may still be missing. */
bool zc_reassembly_is_over(const struct zc_reassembly *f);

/* Returns whether all up to the FIN was captured, and acknowledged. */
bool zc_reassembly_is_complete(const struct zc_reassembly *f);

/* Nothing more will come: pass on what waits. */
void zc_reassembly_end(struct zc_reassembly *f);

#endif
