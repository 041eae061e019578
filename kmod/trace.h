/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events, below events/zcdma of tracefs: the way of each block, and how long each part of it
 * took.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM zcdma

#if !defined(ZCDMA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ZCDMA_TRACE_H

#include <linux/tracepoint.h>

#include "types.h"

DECLARE_EVENT_CLASS(zcdma_block,
	TP_PROTO(const struct zcdma_ring *ring, const struct zcdma_block *block, u64 ns),
	TP_ARGS(ring, block, ns),
	TP_STRUCT__entry(
		__field(int, device)
		__field(u32, index)
		__field(u64, seq)
		__field(u64, offset)
		__field(u64, length)
		__field(int, error)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->device = ring->zdev->id;
		__entry->index = block->index;
		__entry->seq = block->seq;
		__entry->offset = block->offset;
		__entry->length = block->length;
		__entry->error = block->error;
		__entry->ns = ns;
	),
	TP_printk("zcdma%d block=%u seq=%llu offset=%llu length=%llu error=%d ns=%llu",
		  __entry->device, __entry->index, __entry->seq, __entry->offset,
		  __entry->length, __entry->error, __entry->ns)
);

/* The device filled, or fetched, a block, which it had for @ns. */
DEFINE_EVENT(zcdma_block, zcdma_filled,
	TP_PROTO(const struct zcdma_ring *ring, const struct zcdma_block *block, u64 ns),
	TP_ARGS(ring, block, ns)
);
DEFINE_EVENT(zcdma_block, zcdma_played,
	TP_PROTO(const struct zcdma_ring *ring, const struct zcdma_block *block, u64 ns),
	TP_ARGS(ring, block, ns)
);
/* User space took a block, which had waited for @ns. */
DEFINE_EVENT(zcdma_block, zcdma_taken,
	TP_PROTO(const struct zcdma_ring *ring, const struct zcdma_block *block, u64 ns),
	TP_ARGS(ring, block, ns)
);
/* User space gave it back, or queued it, after @ns. */
DEFINE_EVENT(zcdma_block, zcdma_given,
	TP_PROTO(const struct zcdma_ring *ring, const struct zcdma_block *block, u64 ns),
	TP_ARGS(ring, block, ns)
);
/* The last reference to its pages was found to be gone, @ns after that. */
DEFINE_EVENT(zcdma_block, zcdma_drained,
	TP_PROTO(const struct zcdma_ring *ring, const struct zcdma_block *block, u64 ns),
	TP_ARGS(ring, block, ns)
);

TRACE_EVENT(zcdma_lost,
	TP_PROTO(const struct zcdma_ring *ring, u64 bytes),
	TP_ARGS(ring, bytes),
	TP_STRUCT__entry(
		__field(int, device)
		__field(u64, seq)
		__field(u64, offset)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__entry->device = ring->zdev->id;
		__entry->seq = ring->zdev->stats.next_seq;
		__entry->offset = ring->offset;
		__entry->bytes = bytes;
	),
	TP_printk("zcdma%d seq=%llu offset=%llu bytes=%llu",
		  __entry->device, __entry->seq, __entry->offset, __entry->bytes)
);

#endif /* ZCDMA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
