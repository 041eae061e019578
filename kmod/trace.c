// SPDX-License-Identifier: GPL-2.0-only
/* What trace events say of a block: how long it was where it leaves now. */
#include <linux/ktime.h>

#include "traced.h"

/* Last, as it defines the events, and would do so again with each file that includes it. */
#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * Return how long the block was in the state that it leaves, or 0 where its begin was not traced.
 */
static u64 leave(struct zcdma_block *block)
{
	u64 now = ktime_get_ns(), since = block->since_ns;

	block->since_ns = now;
	return since ? now - since : 0;
}

void zcdma_trace_submitted(struct zcdma_block *block)
{
	block->since_ns = ktime_get_ns();
}

void zcdma_trace_finished(struct zcdma_ring *ring, struct zcdma_block *block)
{
	if (ring->out)
		trace_zcdma_played(ring, block, leave(block));
	else
		trace_zcdma_filled(ring, block, leave(block));
}

void zcdma_trace_taken(struct zcdma_ring *ring, struct zcdma_block *block)
{
	/* Since it became full, traced or not; an empty block of a new ring never did. */
	block->since_ns = block->time_ns;
	trace_zcdma_taken(ring, block, leave(block));
}

void zcdma_trace_given(struct zcdma_ring *ring, struct zcdma_block *block)
{
	trace_zcdma_given(ring, block, leave(block));
}

void zcdma_trace_drained(struct zcdma_ring *ring, struct zcdma_block *block)
{
	trace_zcdma_drained(ring, block, leave(block));
}

void zcdma_trace_lost(struct zcdma_ring *ring, u64 bytes)
{
	trace_zcdma_lost(ring, bytes);
}
