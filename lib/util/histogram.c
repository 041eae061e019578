// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Latency histogram: values below ZCDMA_HIST_STEPS have a bucket each; above, every power of two is
 * cut into that many.
 */
#include "internal.h"

#define STEP_BITS 4

_Static_assert(ZCDMA_HIST_STEPS == 1 << STEP_BITS, "steps to a power of two");

static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < ZCDMA_HIST_STEPS)
		return (unsigned)value;
	shift = 63 - STEP_BITS - (unsigned)__builtin_clzll(value);
	return (shift << STEP_BITS) + (unsigned)(value >> shift);
}

/* Returns the largest value that bucket @i counts. */
static uint64_t bucket_top(unsigned i)
{
	unsigned shift;

	if (i < 2 * ZCDMA_HIST_STEPS)
		return i;
	shift = (i >> STEP_BITS) - 1;
	return ((uint64_t)(i % ZCDMA_HIST_STEPS + ZCDMA_HIST_STEPS + 1) << shift) - 1;
}

ZC_PUBLIC void zcdma_hist_add(struct zcdma_hist *h, uint64_t value)
{
	h->bucket[bucket_of(value)]++;
	h->count++;
	if (value > h->max)
		h->max = value;
}

ZC_PUBLIC uint64_t zcdma_hist_quantile(const struct zcdma_hist *h, double q)
{
	double rank = q * (double)h->count;
	uint64_t seen = 0;

	for (unsigned i = 0; i < ZCDMA_HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen && (double)seen >= rank)
			return zc_min(bucket_top(i), h->max);
	}
	return h->max;
}
