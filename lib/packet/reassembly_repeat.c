// SPDX-License-Identifier: LGPL-2.1-or-later
/* Data from before .next, which was passed on or passed over: retransmitted, or captured late. */
#include "packet/reassembly_parts.h"

/* Compare with bytes that are not in the buffer any more, where they can be recalled. */
static void compare_recalled(struct zc_reassembly *r, uint64_t offset, const uint8_t *data,
			     uint64_t len, struct zc_segment_result *res)
{
	uint8_t before[4096];

	for (uint64_t n; len; offset += n, data += n, len -= n) {
		n = zc_min(len, (uint64_t)sizeof(before));
		if (r->ops->recall(r->arg, offset, before, (size_t)n)) {
			zc_segment_compare(before, data, offset, (size_t)n, res);
		} else {
			res->repeated += n;
			r->counters.uncompared_bytes += n;
		}
	}
}

/* Compare bytes that were captured before. */
static void compare(struct zc_reassembly *r, uint64_t offset, const uint8_t *data, uint64_t len,
		    struct zc_segment_result *res)
{
	uint64_t kept = zc_min(zc_max(offset, r->buffer.base), offset + len);

	compare_recalled(r, offset, data, kept - offset, res);
	zc_segment_buffer_put(&r->buffer, kept, data + (kept - offset),
			      (size_t)(offset + len - kept), res);
}

/* Take bytes of gap @i, which was passed over: they are captured for the first time. */
static void take_late(struct zc_reassembly *r, unsigned i, uint64_t offset, const uint8_t *data,
		      uint64_t len, struct zc_segment_result *res)
{
	uint64_t kept = zc_min(zc_max(offset, r->buffer.base), offset + len);

	r->counters.late_bytes += len;
	if (r->ops->late(r->arg, offset, data, (size_t)len))
		r->counters.uncaptured_bytes -= len;
	res->fresh += kept - offset;
	zc_segment_buffer_put(&r->buffer, kept, data + (kept - offset),
			      (size_t)(offset + len - kept), res);
	if (zc_gaps_fill(&r->passed_over, i, offset, offset + len))
		return;
	r->forgotten = zc_max(r->forgotten, r->passed_over.gap[i].to);
	zc_gaps_forget(&r->passed_over, i + 1);
}

void zc_reassembly_take_old(struct zc_reassembly *r, uint64_t offset, const uint8_t *data,
			    uint64_t len, struct zc_segment_result *res)
{
	for (uint64_t n; len; offset += n, data += n, len -= n) {
		unsigned i = zc_gaps_find(&r->passed_over, offset);
		const struct zc_gap *gap = i < r->passed_over.count ? &r->passed_over.gap[i] : NULL;

		if (offset < r->forgotten) {
			n = zc_min(len, r->forgotten - offset);
			res->repeated += n;
			r->counters.uncompared_bytes += n;
		} else if (gap && gap->from <= offset) {
			n = zc_min(len, gap->to - offset);
			take_late(r, i, offset, data, n, res);
		} else {
			n = gap ? zc_min(len, gap->from - offset) : len;
			compare(r, offset, data, n, res);
		}
	}
}
