/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The places that trace events are of. An event looks at the clock only where it, or the one after
 * it, which says how long that took, is enabled.
 */
#ifndef ZCDMA_TRACED_H
#define ZCDMA_TRACED_H

#include "trace.h"

/* Call all of these with zdev->lock held. */
void zcdma_trace_submitted(struct zcdma_block *block);
void zcdma_trace_finished(struct zcdma_ring *ring, struct zcdma_block *block);
void zcdma_trace_taken(struct zcdma_ring *ring, struct zcdma_block *block);
void zcdma_trace_given(struct zcdma_ring *ring, struct zcdma_block *block);
void zcdma_trace_drained(struct zcdma_ring *ring, struct zcdma_block *block);
void zcdma_trace_lost(struct zcdma_ring *ring, u64 bytes);

static inline void zcdma_note_submitted(struct zcdma_block *block)
{
	if (trace_zcdma_filled_enabled() || trace_zcdma_played_enabled())
		zcdma_trace_submitted(block);
	else
		block->since_ns = 0;
}

static inline void zcdma_note_finished(struct zcdma_ring *ring, struct zcdma_block *block)
{
	if (trace_zcdma_filled_enabled() || trace_zcdma_played_enabled())
		zcdma_trace_finished(ring, block);
	else
		block->since_ns = 0;
}

static inline void zcdma_note_taken(struct zcdma_ring *ring, struct zcdma_block *block)
{
	if (trace_zcdma_taken_enabled() || trace_zcdma_given_enabled())
		zcdma_trace_taken(ring, block);
	else
		block->since_ns = 0;
}

static inline void zcdma_note_given(struct zcdma_ring *ring, struct zcdma_block *block)
{
	if (trace_zcdma_given_enabled() || trace_zcdma_drained_enabled())
		zcdma_trace_given(ring, block);
	else
		block->since_ns = 0;
}

static inline void zcdma_note_drained(struct zcdma_ring *ring, struct zcdma_block *block)
{
	if (trace_zcdma_drained_enabled())
		zcdma_trace_drained(ring, block);
	else
		block->since_ns = 0;
}

static inline void zcdma_note_lost(struct zcdma_ring *ring, u64 bytes)
{
	if (trace_zcdma_lost_enabled())
		zcdma_trace_lost(ring, bytes);
}

#endif /* ZCDMA_TRACED_H */
