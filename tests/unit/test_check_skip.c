// SPDX-License-Identifier: GPL-2.0-only
/* Streams that were captured in part: captured data is checked, and data not captured is not a fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "internal.h"

#define SEED  9
#define BLOCK 1000
#define TOTAL 50000

static struct zcdma_ctx *ctx;
static char manifest[64];
static uint8_t stream[TOTAL];
static uint64_t random_state = 1;

static uint64_t below(uint64_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % limit;
}

static int setup(void **state)
{
	struct zcdma_manifest *m;
	int rc = zcdma_new(&ctx);

	(void)state;
	zcdma_pattern_fill(stream, TOTAL, 0, SEED);
	snprintf(manifest, sizeof(manifest), "/tmp/zcdma-skip-%d.xxh", (int)getpid());
	if (rc || zcdma_manifest_create(ctx, manifest, &m))
		return -1;
	for (size_t at = 0; at < TOTAL; at += BLOCK)
		zcdma_manifest_add(m, &(struct zcdma_block){ .data = stream + at, .len = BLOCK });
	return zcdma_manifest_close(m);
}

static int teardown(void **state)
{
	(void)state;
	unlink(manifest);
	zcdma_free(ctx);
	return 0;
}

static struct zcdma_check *begin(bool by_manifest)
{
	struct zcdma_check *check;

	if (by_manifest)
		assert_int_equal(zcdma_check_manifest(ctx, manifest, &check), 0);
	else
		assert_int_equal(zcdma_check_pattern(ctx, SEED, &check), 0);
	return check;
}

static struct zcdma_check_result finish(struct zcdma_check *check)
{
	struct zcdma_check_result r;

	assert_int_equal(zcdma_check_end(check), 0);
	zcdma_check_get_result(check, &r);
	assert_int_equal(zcdma_check_skip(check, 1), -EINVAL);
	zcdma_check_free(check);
	return r;
}

/* Feed and skip pieces of any length in turns, and check the verdict on each block. */
static void test_right(void **state)
{
	(void)state;
	for (int round = 0; round < 2000; round++) {
		bool by_manifest = round % 2;
		struct zcdma_check *check = begin(by_manifest);
		struct zcdma_check_result r;
		bool whole[TOTAL / BLOCK];
		uint64_t unseen = 0, good = 0, most = 1 + below(9000);

		memset(whole, 1, sizeof(whole));
		for (uint64_t at = 0, n; at < TOTAL; at += n) {
			n = 1 + below(zc_min(most, TOTAL - at));
			if (below(2)) {
				zcdma_check_feed(check, stream + at, (size_t)n);
				continue;
			}
			zcdma_check_skip(check, n);
			unseen += n;
			for (uint64_t i = at / BLOCK; i <= (at + n - 1) / BLOCK; i++)
				whole[i] = false;
		}
		r = finish(check);
		for (size_t i = 0; i < TOTAL / BLOCK; i++)
			good += whole[i];
		assert_int_equal(r.faults, 0);
		assert_int_equal(r.uncaptured_bytes, unseen);
		assert_int_equal(r.bytes + r.uncaptured_bytes, TOTAL);
		assert_int_equal(r.blocks_good, by_manifest ? good : 0);
		assert_int_equal(r.blocks_uncaptured, by_manifest ? TOTAL / BLOCK - good : 0);
	}
}

/* Check that one wrong block is reported at its position, with data skipped on either side. */
static void test_wrong(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		bool by_manifest = round % 2;
		uint64_t at = BLOCK * (1 + below(TOTAL / BLOCK - 2));
		struct zcdma_check *check = begin(by_manifest);
		uint8_t garbage[BLOCK];
		struct zcdma_check_result r;

		memset(garbage, 0xa5, sizeof(garbage));
		zcdma_check_feed(check, stream, 10);
		zcdma_check_skip(check, at - 10);
		zcdma_check_feed(check, garbage, BLOCK);
		if (below(2))
			zcdma_check_skip(check, TOTAL - at - BLOCK);
		else
			zcdma_check_feed(check, stream + at + BLOCK, TOTAL - at - BLOCK);
		r = finish(check);
		assert_int_equal(r.faults, 1);
		assert_int_equal(r.first.kind, ZCDMA_FAULT_GARBAGE);
		assert_int_equal(r.first.position, at);
		assert_int_equal(r.first.length, BLOCK);
	}
}

/* Check that older data before a skipped stretch is stale, and that the data after the stretch is correct. */
static void test_stale(void **state)
{
	struct zcdma_check *check = begin(false);
	struct zcdma_check_result r;

	(void)state;
	zcdma_check_feed(check, stream, 20000);
	zcdma_check_feed(check, stream + 10000, 1000);
	zcdma_check_skip(check, 9000);
	zcdma_check_feed(check, stream + 30000, 20000);
	r = finish(check);
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.first.kind, ZCDMA_FAULT_STALE);
	assert_int_equal(r.first.distance, 10000);
	assert_int_equal(r.bad_bytes, 1000);
}

/* Check that newer data there is not taken for a gap: the bytes that would prove a gap were skipped. */
static void test_overwritten(void **state)
{
	struct zcdma_check *check = begin(false);
	struct zcdma_check_result r;

	(void)state;
	zcdma_check_feed(check, stream, 20000);
	zcdma_check_feed(check, stream + 30000, 100);
	zcdma_check_skip(check, 9900);
	zcdma_check_feed(check, stream + 30000, 20000);
	r = finish(check);
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.first.kind, ZCDMA_FAULT_OVERWRITTEN);
	assert_int_equal(r.bad_bytes, 100);
	assert_int_equal(r.missing_bytes, 0);
}

/* Check a stream of which the rest is missing, or was only not captured. */
static void test_rest(void **state)
{
	struct zcdma_check_result r;
	struct zcdma_check *check;

	(void)state;
	for (int unseen = 0; unseen < 2; unseen++) {
		check = begin(true);
		zcdma_check_feed(check, stream, 10500);
		if (unseen)
			zcdma_check_skip(check, UINT64_MAX);
		r = finish(check);
		assert_int_equal(r.faults, !unseen);
		assert_int_equal(r.blocks_good, 10);
		assert_int_equal(r.blocks_uncaptured, unseen ? 40 : 0);
	}
	check = begin(false);
	zcdma_check_feed(check, stream, 10500);
	zcdma_check_skip(check, UINT64_MAX);
	r = finish(check);
	assert_int_equal(r.faults, 0);
}

/* Check that skipped bytes are reported neither as another seed nor as garbage. */
static void test_seeds(void **state)
{
	struct zcdma_check *check;
	struct zcdma_check_result r;
	uint8_t wrong[BLOCK];

	(void)state;
	for (size_t first = 1; first <= 1000; first += 37) {
		for (int wrong_later = 0; wrong_later < 2; wrong_later++) {
			check = begin(false);
			zcdma_check_feed(check, stream, first);
			zcdma_check_skip(check, 40000 - first);
			memcpy(wrong, stream + 40000, sizeof(wrong));
			wrong[500] ^= 1;
			if (wrong_later)
				zcdma_check_feed(check, wrong, sizeof(wrong));
			r = finish(check);
			assert_int_equal(r.faults, wrong_later);
			assert_int_equal(r.bad_bytes, wrong_later);
			assert_false(r.other_seed);
		}
	}
	/* All captured data follows another seed. */
	check = begin(false);
	for (size_t at = 0; at < TOTAL; at += 10000) {
		zcdma_pattern_fill(wrong, sizeof(wrong), at, SEED + 1);
		zcdma_check_feed(check, wrong, sizeof(wrong));
		zcdma_check_skip(check, 10000 - sizeof(wrong));
	}
	r = finish(check);
	assert_true(r.other_seed);
	assert_int_equal(r.seed, SEED + 1);
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.bytes, 5 * sizeof(wrong));
	assert_int_equal(r.bad_bytes, r.bytes);
	assert_int_equal(r.uncaptured_bytes, TOTAL - r.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right), cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_stale), cmocka_unit_test(test_overwritten),
		cmocka_unit_test(test_rest),  cmocka_unit_test(test_seeds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
