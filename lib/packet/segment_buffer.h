/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The newest bytes that one end of a connection sent, by their offset in the stream, with gaps where none were
 * captured. Segments that arrive early wait here, and retransmissions are compared with what is here.
 */
#ifndef ZCDMA_PACKET_SEGMENT_BUFFER_H
#define ZCDMA_PACKET_SEGMENT_BUFFER_H

#include "internal.h"
#include "util/gaps.h"

/* Empty after zc_segment_buffer_init(), and begins at offset 0. */
struct zc_segment_buffer {
	struct zc_budget *budget;
	uint8_t *ring;
	size_t room; /* bytes in the ring: 0 or a power of two */
	/* Offsets. The ring holds the bytes from .base to .top, but for the gaps. */
	uint64_t base, top;
	struct zc_gaps gaps;
};

/* The most bytes of one direction of a connection. */
#define ZC_SEGMENT_BUFFER_MAX (16u << 20)

/* What was found of bytes that were put in. */
struct zc_segment_result {
	uint64_t fresh;	    /* bytes that had not been there, ... */
	uint64_t repeated;  /* ... that had, ... */
	uint64_t differing; /* ... and of those, with another value */
	uint64_t first;	    /* the offset of the first that differs, and its values */
	uint8_t was, is;
};

void zc_segment_buffer_init(struct zc_segment_buffer *b, struct zc_budget *budget);

/* Make room for the bytes from @keep to @to. Returns false if there is not enough memory. */
bool zc_segment_buffer_grow(struct zc_segment_buffer *b, uint64_t keep, uint64_t to);

/* Forget the bytes before @base, which is at most .top. */
void zc_segment_buffer_slide(struct zc_segment_buffer *b, uint64_t base);

/* Extend the buffer to @top by a gap. Returns false if there is not enough memory. */
bool zc_segment_buffer_extend(struct zc_segment_buffer *b, uint64_t top);

/*
 * Put bytes in, between .base and .top or after it, and compare those that are there already, which stay. Adds
 * to *@res. Returns false if there is not enough memory to note a gap.
 */
bool zc_segment_buffer_put(struct zc_segment_buffer *b, uint64_t offset, const uint8_t *data,
			   size_t len, struct zc_segment_result *res);

/* Compare @len bytes at offset @offset with those that were there before. Adds to *@res. */
void zc_segment_compare(const uint8_t *before, const uint8_t *now, uint64_t offset, size_t len,
			struct zc_segment_result *res);

/* Returns the first gap that ends after @offset, or NULL. */
const struct zc_gap *zc_segment_buffer_gap(const struct zc_segment_buffer *b, uint64_t offset);

/* Returns the bytes at @offset, which is in no gap, and reduces *@len to those that lie in one piece. */
const uint8_t *zc_segment_buffer_at(const struct zc_segment_buffer *b, uint64_t offset,
				    uint64_t *len);

/* Free the memory; the buffer is empty then, and begins at .top. */
void zc_segment_buffer_drop(struct zc_segment_buffer *b);

#endif
