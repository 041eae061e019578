/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last bytes that one end of a connection sent, by their offset in the stream, with gaps where none
 * were captured: what came out of order waits here, and what comes again is compared with what is here.
 */
#ifndef ZCDMA_PACKET_SEGMENT_BUFFER_H
#define ZCDMA_PACKET_SEGMENT_BUFFER_H

#include "internal.h"
#include "packet/gaps.h"

/* After zc_segment_buffer_init() it is empty, and begins at offset 0. */
struct zc_segment_buffer {
	struct zc_budget *budget;
	uint8_t *ring;
	size_t room; /* bytes in the ring: 0 or a power of two */
	/* Offsets. What is from .base to .top is in the ring, but for the gaps. */
	uint64_t base, top;
	struct zc_gaps gaps;
};

/* The most that one connection has in each direction. */
#define ZC_SEGMENT_BUFFER_MAX (16u << 20)

/* What zc_segment_buffer_put() found. */
struct zc_segment_result {
	uint64_t fresh;	    /* bytes that had not been there */
	uint64_t again;	    /* that had */
	uint64_t differing; /* of those */
	uint64_t first;	    /* the first of them: its offset, and values */
	uint8_t was, is;
};

void zc_segment_buffer_init(struct zc_segment_buffer *b, struct zc_budget *budget);

/* So much more shall fit in, from @keep on. Does it? There may not be memory. */
bool zc_segment_buffer_grow(struct zc_segment_buffer *b, uint64_t keep, uint64_t to);

/* Forget what is before @base, which is not behind .top. */
void zc_segment_buffer_slide(struct zc_segment_buffer *b, uint64_t base);

/* The stream goes on to @top: with a gap, until somebody puts something there. False: no memory. */
bool zc_segment_buffer_extend(struct zc_segment_buffer *b, uint64_t top);

/*
 * Put bytes in, none of them outside of .base and .top, and compare where there are some already; those
 * stay. Adds to *@res. False: no memory to note what is missing.
 */
bool zc_segment_buffer_put(struct zc_segment_buffer *b, uint64_t offset, const uint8_t *data,
			   size_t len, struct zc_segment_result *res);

/* Compare @len bytes, of offset @offset on, with those that were there before; adds to *@res. */
void zc_segment_compare(const uint8_t *before, const uint8_t *now, uint64_t offset, size_t len,
			struct zc_segment_result *res);

/* The first gap that does not end before @offset, or NULL. */
const struct zc_gap *zc_segment_buffer_gap(const struct zc_segment_buffer *b, uint64_t offset);

/* Bytes at @offset, which is in no gap: as many as lie in one piece, at most @len, which is set. */
const uint8_t *zc_segment_buffer_at(const struct zc_segment_buffer *b, uint64_t offset,
				    uint64_t *len);

/* Give all memory back; what follows is put into an empty one that begins at .top. */
void zc_segment_buffer_drop(struct zc_segment_buffer *b);

#endif
