/* SPDX-License-Identifier: GPL-2.0-only */
/* Comparing results of checks. Field by field: their padding may hold anything. */
#ifndef RESULTS_H
#define RESULTS_H

#include <zcdma.h>
#include <zcdma/verify.h>

static inline void assert_same_fault(const struct zcdma_fault *a, const struct zcdma_fault *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->position, b->position);
	assert_int_equal(a->length, b->length);
	assert_int_equal(a->distance, b->distance);
}

static inline void assert_same_result(const struct zcdma_check_result *a,
				      const struct zcdma_check_result *b)
{
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->bad_bytes, b->bad_bytes);
	assert_int_equal(a->missing_bytes, b->missing_bytes);
	assert_int_equal(a->faults, b->faults);
	assert_same_fault(&a->first, &b->first);
	assert_memory_equal(a->kind, b->kind, sizeof(a->kind));
	assert_int_equal(a->other_seed, b->other_seed);
	assert_int_equal(a->seed, b->seed);
	assert_int_equal(a->blocks, b->blocks);
	assert_int_equal(a->blocks_good, b->blocks_good);
	assert_int_equal(a->blocks_expected, b->blocks_expected);
}

#endif
