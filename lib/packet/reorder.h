/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Datagrams in the order of a number that each of them holds: those that come early wait, in a window,
 * for what is missing.
 */
#ifndef ZCDMA_PACKET_REORDER_H
#define ZCDMA_PACKET_REORDER_H

#include "internal.h"

/* Where the number stands. */
struct zc_order_field {
	uint32_t offset; /* in the payload */
	uint32_t width;	 /* bytes: 1 to 8 */
	bool little_endian;
};

/* How many numbers are waited for at once, which divides 2^8; of numbers of one byte fewer. */
#define ZC_REORDER_WINDOW	128
#define ZC_REORDER_SMALL_WINDOW 64

/* Bytes that may wait, of all flows together. */
#define ZC_REORDER_BYTES (16u << 20)

/* Of all flows. */
struct zc_reorder_stats {
	uint64_t lost;	     /* numbers that did not come in time */
	uint64_t late;	     /* datagrams left out, as they were not waited for any more ... */
	uint64_t duplicates; /* ... or had come before */
	uint64_t reordered;  /* that waited for another one */
	uint64_t restarts;   /* times that the numbers went back, further than the window */
	uint64_t overflows;  /* times that there was no room to wait any longer */
	uint64_t waiting_bytes;
};

struct zc_reorder;

enum zc_reorder_verdict {
	ZC_REORDER_PASS,     /* it is the next: pass it on, then see what zc_reorder_next() has */
	ZC_REORDER_BUFFERED, /* a copy waits */
	ZC_REORDER_SKIPPED,  /* it is left out */
	ZC_REORDER_FULL,     /* take what zc_reorder_next() has, then offer it again */
};

/* A flow. @stats outlives it. NULL: no memory. */
struct zc_reorder *zc_reorder_new(const struct zc_order_field *field,
				  struct zc_reorder_stats *stats);

/* NULL is fine. What waits is lost. */
void zc_reorder_free(struct zc_reorder *o);

/* Read the number. False: the datagram is too short. */
bool zc_reorder_read(const struct zc_order_field *field, const uint8_t *data, size_t len,
		     uint64_t *number);

/* A datagram came, and zc_reorder_next() had none. enum zc_reorder_verdict, or -ENOMEM. */
int zc_reorder_put(struct zc_reorder *o, uint64_t number, const uint8_t *data, size_t len);

/*
 * The next one of those that waited, or NULL: it is not there. Good until the next call. @flush: what is
 * missing is lost.
 */
const uint8_t *zc_reorder_next(struct zc_reorder *o, bool flush, size_t *len);

/* Does anything wait? */
bool zc_reorder_is_waiting(const struct zc_reorder *o);

#endif
