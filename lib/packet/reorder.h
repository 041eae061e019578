/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Datagrams in the order of a number that each of them holds: those that come early wait, in a window, for those
 * that are missing.
 */
#ifndef ZCDMA_PACKET_REORDER_H
#define ZCDMA_PACKET_REORDER_H

#include "internal.h"

/* Where the number is. */
struct zc_reorder_field {
	uint32_t offset; /* in the payload */
	uint32_t width;	 /* bytes: 1 to 8 */
	bool little_endian;
};

/* Numbers that are waited for at once, which divides 2^8; for numbers of one byte a smaller window. */
#define ZC_REORDER_WINDOW	128
#define ZC_REORDER_SMALL_WINDOW 64

/* The most bytes that wait, of all flows together. */
#define ZC_REORDER_BYTES (16u << 20)

/* Counters over all flows. */
struct zc_reorder_stats {
	uint64_t lost;	     /* numbers that did not come in time */
	uint64_t late;	     /* datagrams skipped as they were not waited for any more ... */
	uint64_t duplicates; /* ... or had come before */
	uint64_t reordered;  /* datagrams that waited for another one */
	uint64_t restarts;   /* times that the numbers went back further than the window */
	uint64_t overflows;  /* times that the buffer was full and waiting ended early */
	uint64_t waiting_bytes;
};

/* Copy the counters, which the public statistics have too, into those. */
static inline void zc_reorder_report(const struct zc_reorder_stats *r,
				     struct zcdma_packet_stats *stats)
{
	stats->lost = r->lost;
	stats->late = r->late;
	stats->duplicates = r->duplicates;
	stats->reordered = r->reordered;
	stats->restarts = r->restarts;
	stats->overflows = r->overflows;
}

struct zc_reorder;

enum zc_reorder_verdict {
	ZC_REORDER_PASS,     /* it is the next: pass it on, then call zc_reorder_next() */
	ZC_REORDER_BUFFERED, /* a copy of it waits */
	ZC_REORDER_SKIPPED,
	ZC_REORDER_FULL, /* take all that zc_reorder_next() returns, then put it again */
};

/* Create the buffer of one flow. @stats outlives it. Returns NULL if no memory is left. */
struct zc_reorder *zc_reorder_new(const struct zc_reorder_field *field,
				  struct zc_reorder_stats *stats);

/* Free the buffer and the datagrams that wait; NULL is fine. */
void zc_reorder_free(struct zc_reorder *r);

/* Read the number into *@number. Returns false if the datagram is too short. */
bool zc_reorder_read(const struct zc_reorder_field *field, const uint8_t *data, size_t len,
		     uint64_t *number);

/* Put a datagram, after zc_reorder_next() has returned NULL. Returns enum zc_reorder_verdict, or -ENOMEM. */
int zc_reorder_put(struct zc_reorder *r, uint64_t number, const uint8_t *data, size_t len);

/*
 * Take the next datagram of those that wait; it is valid until the next call. @flush: count what is missing
 * before it as lost. Returns NULL if the next one is missing.
 */
const uint8_t *zc_reorder_next(struct zc_reorder *r, bool flush, size_t *len);

/* Returns whether a datagram waits. */
bool zc_reorder_is_waiting(const struct zc_reorder *r);

#endif
