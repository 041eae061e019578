// SPDX-License-Identifier: GPL-2.0-only
/* What checks find by a manifest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "manifest_run.h"
#include "results.h"

#define GAP	ZCDMA_FAULT_GAP
#define REPEAT	ZCDMA_FAULT_REPEAT
#define STALE	ZCDMA_FAULT_STALE
#define EARLY	ZCDMA_FAULT_OVERWRITTEN
#define GARBAGE ZCDMA_FAULT_GARBAGE
#define OTHER	(-1) /* a block that is not of the run */
#define END	(-2)

/* Receive the blocks @order (END ends it), then @extra bytes of something; check by the manifest. */
static struct zcdma_check_result check_blocks(const int *order, size_t extra)
{
	struct zcdma_check_result result, cut;
	uint8_t *stream = calloc(4 * BLOCKS, BLOCK);
	uint8_t data[BLOCK];
	struct zcdma_check *check;
	size_t len = 0;

	assert_non_null(stream);
	for (; *order != END; order++) {
		unsigned i = *order == OTHER ? 5 : (unsigned)*order;

		make_block(*order == OTHER ? 99 : 0, i, data);
		memcpy(stream + len, data, block_len(i));
		len += block_len(i);
	}
	make_block(0, 5, data);
	memcpy(stream + len, data, extra);
	len += extra;

	for (size_t most = 1; most < 5000; most = most * 7 + 3) {
		assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
		for (size_t done = 0; done < len; done += most) {
			size_t n = len - done < most ? len - done : most;

			assert_int_equal(zcdma_check_feed(check, stream + done, n), 0);
			zcdma_check_get_result(check, &cut);
			assert_int_equal(cut.bytes, done + n);
		}
		zcdma_check_end(check);
		zcdma_check_get_result(check, most == 1 ? &result : &cut);
		if (most > 1)
			assert_same_result(&cut, &result);
		zcdma_check_free(check);
	}
	free(stream);
	assert_int_equal(result.bytes, len);
	return result;
}

#define ORDER(...) ((const int[]){ __VA_ARGS__, END })

static void expect(const int *order, size_t extra, unsigned good, const struct zcdma_fault *fault,
		   size_t count)
{
	struct zcdma_check_result r = check_blocks(order, extra);
	uint64_t bytes[ZCDMA_FAULT_KINDS] = { 0 };
	unsigned blocks = 0;

	while (order[blocks] != END)
		blocks++;
	assert_int_equal(r.blocks, blocks);
	assert_int_equal(r.blocks_good, good);
	assert_int_equal(r.faults, count);
	for (size_t i = 0; i < count; i++)
		bytes[fault[i].kind] += fault[i].length;
	for (unsigned kind = 0; kind < ZCDMA_FAULT_KINDS; kind++)
		assert_int_equal(r.kind[kind].bytes, bytes[kind]);
	assert_int_equal(r.missing_bytes, bytes[GAP]);
	if (count)
		assert_same_fault(&r.first, fault);
}

#define EXPECT(order, extra, good, ...)                                         \
	expect(order, extra, good, (const struct zcdma_fault[]){ __VA_ARGS__ }, \
	       COUNT(((const struct zcdma_fault[]){ __VA_ARGS__ })))

static void streams_are_checked(void **state)
{
	(void)state;
	write_manifest(0);
	expect(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0, 12, NULL, 0);
	/* Lost on the way. */
	EXPECT(ORDER(0, 1, 2, 5, 6, 7, 8, 9, 10, 11), 0, 10, { GAP, 3000, 2000, 0 });
	EXPECT(ORDER(4, 5, 6, 7, 8, 9, 10, 11), 0, 8, { GAP, 0, 4000, 0 });
	EXPECT(ORDER(0, 1, 2, 11), 0, 4, { GAP, 3000, 8000, 0 });
	/* Cut. */
	EXPECT(ORDER(0, 1, 2), 0, 3, { GAP, 3000, TOTAL - 3000, 0 });
	EXPECT(ORDER(0, 1, 2, 3, 4), 400, 5, { GAP, 5400, TOTAL - 5400, 0 });
	EXPECT(ORDER(END), 0, 0, { GAP, 0, TOTAL, 0 });
	/* In the place of others. */
	EXPECT(ORDER(0, 1, 2, 0, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { STALE, 3000, 1000, 3000 });
	EXPECT(ORDER(0, 1, 2, 7, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { EARLY, 3000, 1000, 4000 });
	EXPECT(ORDER(0, 1, OTHER, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { GARBAGE, 2000, 1000, 0 });
	EXPECT(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 200, 12, { GARBAGE, TOTAL, 200, 0 });
	EXPECT(ORDER(0, 1, 2, 10, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { EARLY, 3000, 1000, 7000 });
	/* Twice. */
	EXPECT(ORDER(0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0, 12,
	       { REPEAT, 3000, 2000, 2000 });
	EXPECT(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11), 0, 12,
	       { REPEAT, TOTAL, LAST, LAST });
	/* More than was sent. */
	EXPECT(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 3), 0, 12,
	       { STALE, TOTAL, 1000, TOTAL - 3000 });
	/* Several. */
	EXPECT(ORDER(0, OTHER, 2, 3, 5, 6, 7, 8, 9), 0, 8, { GARBAGE, 1000, 1000, 0 },
	       { GAP, 4000, 1000, 0 }, { GAP, 9000, TOTAL - 10000, 0 });
}

static void another_run_has_no_good_block(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	write_manifest(1);
	r = check_blocks(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0);
	assert_int_equal(r.blocks, BLOCKS);
	assert_int_equal(r.blocks_good, 0);
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.bad_bytes, TOTAL);
	assert_int_equal(r.first.kind, GARBAGE);
}

/* The manifest lists the blocks @listed, and @received come. */
static struct zcdma_check_result check_listed(const int *listed, const int *received)
{
	struct zcdma_check_result result;
	uint8_t data[BLOCK];
	struct zcdma_block b = { .data = data, .len = BLOCK };
	struct zcdma_check *check;
	struct zcdma_manifest *m;

	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	for (; *listed != END; listed++) {
		make_block(0, (unsigned)*listed, data);
		assert_int_equal(zcdma_manifest_add(m, &b), 0);
	}
	assert_int_equal(zcdma_manifest_close(m), 0);
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	for (; *received != END; received++) {
		make_block(0, (unsigned)*received, data);
		assert_int_equal(zcdma_check_feed(check, data, BLOCK), 0);
	}
	zcdma_check_end(check);
	zcdma_check_get_result(check, &result);
	zcdma_check_free(check);
	return result;
}

/* Check that blocks with the same bytes are not a fault, wherever they are. */
static void blocks_may_be_the_same(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	r = check_listed(ORDER(3, 3, 3, 3, 3, 3), ORDER(3, 3, 3, 3, 3, 3));
	assert_int_equal(r.faults, 0);
	assert_int_equal(r.blocks_good, 6);
	/* The second 1 is nearer than the first. */
	r = check_listed(ORDER(0, 1, 2, 0, 1, 2, 4), ORDER(0, 1, 2, 1, 2, 4));
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.kind[GAP].bytes, BLOCK);
	/* The second 3 follows 4, though the first is nearer. */
	r = check_listed(ORDER(0, 1, 2, 3, 4, 3, 6, 7), ORDER(0, 4, 3, 6, 7));
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.kind[GAP].bytes, 3 * BLOCK);
}

static void a_manifest_may_have_no_blocks(void **state)
{
	struct zcdma_check_result r;
	struct zcdma_check *check;

	(void)state;
	write_text(HEAD "# end 0 0\n", strlen(HEAD "# end 0 0\n"));
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	assert_int_equal(r.faults, 0);
	zcdma_check_free(check);
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	assert_int_equal(zcdma_check_feed(check, "abc", 3), 0);
	assert_int_equal(zcdma_check_feed(check, "abc", 3), 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	assert_int_equal(r.bad_bytes, 6);
	assert_int_equal(r.first.kind, GARBAGE);
	zcdma_check_free(check);
}

/* Check that data after the last block of a manifest without an end is neither correct nor wrong. */
static void what_follows_a_cut_one_is_not_judged(void **state)
{
	struct zcdma_check_result r;
	struct zcdma_check *check;
	uint8_t data[BLOCK];
	FILE *file;

	(void)state;
	write_manifest(0);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, -(long)strlen("# end 12 11300\n"), SEEK_END), 0);
	assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
	fclose(file);
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	for (unsigned i = 0; i < BLOCKS + 3; i++) {
		make_block(i < BLOCKS ? 0 : 1, i, data);
		assert_int_equal(zcdma_check_feed(check, data, i == BLOCKS - 1 ? LAST : BLOCK), 0);
	}
	zcdma_check_get_result(check, &r);
	assert_int_equal(r.faults, 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	zcdma_check_free(check);
	assert_true(r.unended);
	assert_int_equal(r.faults, 0);
	assert_int_equal(r.blocks_good, BLOCKS);
	assert_int_equal(r.bytes, TOTAL + 3 * BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_checked),
		cmocka_unit_test(another_run_has_no_good_block),
		cmocka_unit_test(blocks_may_be_the_same),
		cmocka_unit_test(a_manifest_may_have_no_blocks),
		cmocka_unit_test(what_follows_a_cut_one_is_not_judged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
