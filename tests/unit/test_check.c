/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks against the pattern: each kind of fault, exactly, and the same however the stream is cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <zcdma.h>
#include "results.h"

#define KIB	 1024
#define ROOM	 (256 * KIB)
#define SEED	 UINT64_C(0x5eed)
#define GAP	 ZCDMA_FAULT_GAP
#define REPEAT	 ZCDMA_FAULT_REPEAT
#define STALE	 ZCDMA_FAULT_STALE
#define EARLY	 ZCDMA_FAULT_OVERWRITTEN
#define GARBAGE	 ZCDMA_FAULT_GARBAGE
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct zcdma_ctx *ctx;

/* What has been received. */
static uint8_t stream[ROOM];
static size_t length;
static uint64_t stream_seed;

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

static int setup(void **state)
{
	(void)state;
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return 0;
}

static void begin(uint64_t seed)
{
	length = 0;
	stream_seed = seed;
	random_state = 88172645463325252u;
}

/* Receive the sent stream's bytes [@from, @to). */
static void put(uint64_t from, uint64_t to)
{
	assert_true(to - from <= ROOM - length);
	zcdma_pattern_fill(stream + length, (size_t)(to - from), from, stream_seed);
	length += (size_t)(to - from);
}

static void put_garbage(size_t len)
{
	assert_true(len <= ROOM - length);
	while (len--)
		stream[length++] = (uint8_t)(random_below(1 << 20) >> 5);
}

static void put_bytes(uint8_t byte, size_t len)
{
	assert_true(len <= ROOM - length);
	memset(stream + length, byte, len);
	length += len;
}

/* Check the stream in pieces of at most @most bytes; each is memory of its own, for a sanitizer. */
static struct zcdma_check_result check_in_pieces(size_t most)
{
	struct zcdma_check_result result, peek;
	struct zcdma_check *check;
	size_t n;

	assert_int_equal(zcdma_check_pattern(ctx, SEED, &check), 0);
	for (size_t done = 0; done < length; done += n) {
		uint8_t *piece;

		n = 1 + random_below(most);
		if (n > length - done)
			n = length - done;
		piece = malloc(n);
		assert_non_null(piece);
		memcpy(piece, stream + done, n);
		assert_int_equal(zcdma_check_feed(check, piece, n), 0);
		free(piece);
		if (!random_below(64))
			zcdma_check_get_result(check, &peek);
	}
	zcdma_check_get_result(check, &peek);
	assert_int_equal(zcdma_check_end(check), 0);
	assert_int_equal(zcdma_check_end(check), 0);
	zcdma_check_get_result(check, &result);
	assert_same_result(&peek, &result);
	assert_int_equal(zcdma_check_feed(check, stream, 1), -EINVAL);
	zcdma_check_free(check);
	return result;
}

/* Whatever is found, it has to add up. */
static void assert_sound(const struct zcdma_check_result *r)
{
	uint64_t count = 0, bytes = 0;

	for (unsigned kind = 0; kind < ZCDMA_FAULT_KINDS; kind++) {
		count += r->kind[kind].count;
		bytes += r->kind[kind].bytes;
		assert_true(!r->kind[kind].count == !r->kind[kind].bytes);
	}
	assert_int_equal(r->bytes, length);
	assert_int_equal(r->faults, count);
	assert_int_equal(r->bad_bytes + r->missing_bytes, bytes);
	assert_int_equal(r->missing_bytes, r->kind[GAP].bytes);
	assert_true(r->bad_bytes <= r->bytes);
	if (r->faults) {
		assert_true(r->kind[r->first.kind].count > 0);
		assert_true(r->first.position <= r->bytes);
		assert_true(r->first.length && r->first.length <= r->kind[r->first.kind].bytes);
		assert_true(!r->first.distance ==
			    (r->first.kind == GAP || r->first.kind == GARBAGE));
	}
}

/* The first faults are remembered, and the others counted. */
static void assert_kept(const struct zcdma_check *check, const struct zcdma_check_result *r)
{
	struct zcdma_fault f, before = { 0 };
	uint64_t bytes = 0;
	unsigned i = 0;

	for (; zcdma_check_get_fault(check, i, &f); i++) {
		assert_true(f.position >= before.position);
		if (!i)
			assert_same_fault(&f, &r->first);
		bytes += f.length;
		before = f;
	}
	assert_int_equal(i, r->faults < ZCDMA_FAULTS_KEPT ? r->faults : ZCDMA_FAULTS_KEPT);
	if (i == r->faults)
		assert_int_equal(bytes, r->bad_bytes + r->missing_bytes);
}

/* Check the stream whole and cut in many ways. */
static struct zcdma_check_result check_stream(void)
{
	static const size_t most[] = { 1, 2, 3, 8, 9, 17, 40, 100, 1000, 5000 };
	struct zcdma_check_result whole, cut;
	struct zcdma_check *check;

	assert_int_equal(zcdma_check_pattern(ctx, SEED, &check), 0);
	assert_int_equal(zcdma_check_feed(check, stream, length), 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &whole);
	assert_kept(check, &whole);
	zcdma_check_free(check);
	assert_sound(&whole);
	for (size_t i = 0; i < COUNT(most); i++) {
		cut = check_in_pieces(most[i]);
		assert_same_result(&cut, &whole);
	}
	return whole;
}

/* The faults that are expected, in order. */
static void expect(const struct zcdma_fault *fault, size_t count)
{
	struct zcdma_check_result r = check_stream();
	uint64_t counts[ZCDMA_FAULT_KINDS] = { 0 }, bytes[ZCDMA_FAULT_KINDS] = { 0 };

	assert_int_equal(r.faults, count);
	for (size_t i = 0; i < count; i++) {
		counts[fault[i].kind]++;
		bytes[fault[i].kind] += fault[i].length;
	}
	for (unsigned kind = 0; kind < ZCDMA_FAULT_KINDS; kind++) {
		assert_int_equal(r.kind[kind].count, counts[kind]);
		assert_int_equal(r.kind[kind].bytes, bytes[kind]);
	}
	if (!count)
		return;
	assert_same_fault(&r.first, fault);
	assert_false(r.other_seed);
}

#define EXPECT(...)                                         \
	expect((const struct zcdma_fault[]){ __VA_ARGS__ }, \
	       COUNT(((const struct zcdma_fault[]){ __VA_ARGS__ })))

static void right_streams_are_right(void **state)
{
	(void)state;
	for (size_t len = 0; len < 70; len++) {
		begin(SEED);
		put(0, len);
		expect(NULL, 0);
	}
	begin(SEED);
	put(0, 100003);
	expect(NULL, 0);
}

static void gaps(void **state)
{
	static const uint64_t sizes[] = {
		1, 3, 7, 8, 9, 2048, 4096, 65536, 1 << 24, 5 << 20, UINT64_C(1) << 40
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		begin(SEED);
		put(0, 8192);
		put(8192 + sizes[i], 8192 + sizes[i] + 20000);
		EXPECT({ GAP, 8192, sizes[i], 0 });
		/* The stream's beginning is missing. */
		begin(SEED);
		put(sizes[i], sizes[i] + 20000);
		EXPECT({ GAP, 0, sizes[i], 0 });
	}
}

/* Cut anywhere, a gap's length is exact; where it is can be off by as many bytes as look the same. */
static void gaps_at_any_byte(void **state)
{
	(void)state;
	for (uint64_t from = 5000; from < 5008; from++) {
		for (uint64_t len = 1; len < 40; len++) {
			struct zcdma_check_result r;

			begin(SEED);
			put(0, from);
			put(from + len, 9000);
			r = check_stream();
			assert_int_equal(r.faults, 1);
			assert_int_equal(r.first.kind, GAP);
			assert_int_equal(r.missing_bytes, len);
			assert_in_range(r.first.position, from - 7, from + 7);
		}
	}
}

static void many_gaps(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	/* A reader that is late again and again: what comes between two gaps is shorter than they. */
	for (unsigned gaps = 2; gaps < 60; gaps += 19) {
		begin(SEED);
		for (unsigned i = 0; i <= gaps; i++)
			put(i * 20000, i * 20000 + 3000);
		r = check_stream();
		assert_int_equal(r.faults, gaps);
		assert_int_equal(r.kind[GAP].count, gaps);
		assert_int_equal(r.missing_bytes, gaps * 17000);
		assert_int_equal(r.first.position, 3000);
		assert_int_equal(r.first.length, 17000);
	}
}

static void stale_blocks(void **state)
{
	static const uint64_t distances[] = { 16, 64, 4096, 8192, 65536 };

	(void)state;
	for (size_t i = 0; i < COUNT(distances); i++) {
		uint64_t d = distances[i];
		uint64_t len = d < 4096 ? d : 4096;

		/* With the same length as distance, only what follows shows that it is no repeat. */
		begin(SEED);
		put(0, 80000);
		put(80000 - d, 80000 - d + len);
		put(80000 + len, 120000);
		EXPECT({ STALE, 80000, len, d });
	}
	/* Torn: the older data ends within the block. */
	begin(SEED);
	put(0, 70000);
	put(70000 - 65536, 71000 - 65536);
	put(71000, 90000);
	EXPECT({ STALE, 70000, 1000, 65536 });
	/* To the end of the stream. */
	begin(SEED);
	put(0, 70000);
	put(4464, 6000);
	EXPECT({ STALE, 70000, 1536, 65536 });
}

static void repeats(void **state)
{
	static const uint64_t lengths[] = { 1, 5, 8, 16, 4096, 30000 };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		begin(SEED);
		put(0, 40000);
		put(40000 - lengths[i], 80000);
		EXPECT({ REPEAT, 40000, lengths[i], lengths[i] });
	}
	/* The same block three times more. */
	begin(SEED);
	put(0, 8192);
	for (unsigned i = 0; i < 3; i++)
		put(4096, 8192);
	put(8192, 50000);
	EXPECT({ REPEAT, 8192, 4096, 4096 }, { REPEAT, 12288, 4096, 4096 },
	       { REPEAT, 16384, 4096, 4096 });
	/* The last block once more. */
	begin(SEED);
	put(0, 8192);
	put(4096, 8192);
	EXPECT({ REPEAT, 8192, 4096, 4096 });
	/* After that, right data is right and a gap is a gap. */
	begin(SEED);
	put(0, 8192);
	put(4096, 20000);
	put(20800, 40000);
	EXPECT({ REPEAT, 8192, 4096, 4096 }, { GAP, 24096, 800, 0 });
}

static void early_blocks(void **state)
{
	(void)state;
	begin(SEED);
	put(0, 8192);
	put(8192 + 65536, 12288 + 65536);
	put(12288, 100000);
	EXPECT({ EARLY, 8192, 4096, 65536 });
	/* A block's successor twice. */
	begin(SEED);
	put(0, 8192);
	put(12288, 16384);
	put(12288, 100000);
	EXPECT({ EARLY, 8192, 4096, 4096 });
	/* Two blocks, from different laps. */
	begin(SEED);
	put(0, 8192);
	put(8192 + 131072, 12288 + 131072);
	put(12288 + 65536, 16384 + 65536);
	put(16384, 100000);
	EXPECT({ EARLY, 8192, 4096, 131072 }, { EARLY, 12288, 4096, 65536 });
	/* Two blocks in each other's place. */
	begin(SEED);
	put(0, 8192);
	put(12288, 16384);
	put(8192, 12288);
	put(16384, 40000);
	EXPECT({ EARLY, 8192, 4096, 4096 }, { STALE, 12288, 4096, 4096 });
	/* Newer data came in between, and everything else behind it. */
	begin(SEED);
	put(0, 8192);
	put(16384, 20480);
	put(8192, 60000);
	EXPECT({ EARLY, 8192, 4096, 8192 });
	/* A gap, and a repeat much later that happens to be as long: both are what they seem. */
	begin(SEED);
	put(0, 8192);
	put(12288, 60000);
	put(55904, 90000);
	EXPECT({ GAP, 8192, 4096, 0 }, { REPEAT, 55904, 4096, 4096 });
}

static void stale_next_to_a_gap(void **state)
{
	(void)state;
	begin(SEED);
	put(0, 8192);
	put(100000, 104000);
	put(102000, 103000);
	put(105000, 120000);
	EXPECT({ GAP, 8192, 91808, 0 }, { STALE, 12192, 1000, 2000 });
	/* The last block before a gap once more, in the place of one that is lost. */
	begin(SEED);
	put(0, 16384);
	put(12288, 16384);
	put(24576, 60000);
	EXPECT({ STALE, 16384, 4096, 4096 }, { GAP, 20480, 4096, 0 });
}

static void garbage(void **state)
{
	(void)state;
	begin(SEED);
	put(0, 8192);
	put_garbage(4096);
	put(12288, 50000);
	EXPECT({ GARBAGE, 8192, 4096, 0 });
	/* Never filled: most of the pattern's bytes are 0 too. */
	begin(SEED);
	put(0, 8192);
	put_bytes(0, 4096);
	put(12288, 50000);
	EXPECT({ GARBAGE, 8192, 4096, 0 });
	begin(SEED);
	put(0, 8192);
	put_bytes(0xff, 4096);
	EXPECT({ GARBAGE, 8192, 4096, 0 });
	begin(SEED);
	put(0, 8192);
	put_bytes(0, 4096);
	EXPECT({ GARBAGE, 8192, 4096, 0 });
	begin(SEED);
	put_garbage(50000);
	EXPECT({ GARBAGE, 0, 50000, 0 });
	/* Words that claim what no stream can have sent. */
	begin(SEED);
	put(0, 800);
	put(UINT64_C(1) << 62, (UINT64_C(1) << 62) + 800);
	put(1600, 3000);
	EXPECT({ GARBAGE, 800, 800, 0 });
	/* Then older data, of which no byte is garbage. */
	begin(SEED);
	put(0, 8192);
	put_bytes(0xff, 16);
	put(8208 - 1024, 9216 - 1024);
	put(9216, 30000);
	EXPECT({ GARBAGE, 8192, 16, 0 }, { STALE, 8208, 1008, 1024 });
	/* Two faults. */
	begin(SEED);
	put(0, 8192);
	put_garbage(64);
	put(8256, 30000);
	put_garbage(64);
	EXPECT({ GARBAGE, 8192, 64, 0 }, { GARBAGE, 30000, 64, 0 });
}

/* One wrong byte is one wrong byte, wherever it is, also where the stream begins and ends. */
static void single_bytes(void **state)
{
	(void)state;
	for (size_t at = 0; at < 100; at++) {
		begin(SEED);
		put(0, 100);
		stream[at] ^= 0x40;
		EXPECT({ GARBAGE, at, 1, 0 });
	}
}

/* Bytes that do not belong there came in between; nothing is missing. */
static void inserted_garbage(void **state)
{
	(void)state;
	for (uint64_t at = 1000; at < 1009; at++) {
		for (size_t len = 1; len < 50; len++) {
			struct zcdma_check_result r;

			for (unsigned byte = 0; byte <= 0xee; byte += 0xee) {
				begin(SEED);
				put(0, at);
				put_bytes((uint8_t)byte, len);
				put(at, 5000);
				r = check_stream();
				assert_int_equal(r.faults, 1);
				/* Some zeros look like zeros of the word before, repeated. */
				assert_true(r.first.kind == GARBAGE ||
					    (!byte && r.first.kind == REPEAT));
				assert_int_equal(r.bad_bytes, len);
				assert_in_range(r.first.position, at - 7, at + 7);
			}
		}
	}
	/* Sent again from the start, behind what could be the byte before that. */
	begin(SEED);
	put(0, 4096);
	put_bytes(0x1f, 5);
	put(0, 9000);
	EXPECT({ GARBAGE, 4096, 5, 0 }, { REPEAT, 4101, 4096, 4101 });
}

static void short_ends(void **state)
{
	(void)state;
	/* One word and a half are no proof of a gap. */
	begin(SEED);
	put(0, 4096);
	put(8192, 8204);
	EXPECT({ GARBAGE, 4096, 12, 0 });
	begin(SEED);
	put(0, 4096);
	put(8192, 8208);
	EXPECT({ GAP, 4096, 4096, 0 });
	/* But few bytes suffice where they are expected. */
	begin(SEED);
	put(0, 4096);
	put(0, 800);
	put(4896, 4901);
	EXPECT({ STALE, 4096, 800, 4096 });
	begin(SEED);
	put(0, 4096);
	put(0, 800);
	stream[length - 5] ^= 1;
	EXPECT({ STALE, 4096, 795, 4096 }, { GARBAGE, 4891, 1, 0 }, { STALE, 4892, 4, 4096 });
}

static void assert_seed(uint64_t seed)
{
	struct zcdma_check_result r = check_stream();

	assert_true(r.other_seed);
	assert_true(r.seed == seed);
	assert_true(r.faults > 0);
}

static void other_seeds_are_named(void **state)
{
	static const uint64_t others[] = {
		0, 1, SEED + 1, SEED ^ 2, SEED ^ 256, SEED ^ (1 << 12), UINT64_MAX, 0x123456789abc
	};
	struct zcdma_check_result r;

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		begin(others[i]);
		put(0, 100000);
		r = check_stream();
		assert_seed(others[i]);
		assert_int_equal(r.faults, 1);
		assert_int_equal(r.bad_bytes, 100000);
		/* Even if it has a fault. */
		begin(others[i]);
		put(0, 50000);
		put(60000, 70000);
		assert_seed(others[i]);
	}
	begin(SEED + 1);
	put(0, 40);
	assert_seed(SEED + 1);
	/* Too little to say. */
	begin(SEED + 1);
	put(0, 24);
	assert_false(check_stream().other_seed);
	/* Some of another, then right. */
	begin(SEED + 1);
	put(0, 64);
	stream_seed = SEED;
	put(64, 20000);
	EXPECT({ GARBAGE, 0, 64, 0 });
}

/* Bounded memory, and no way to get lost: anything may come, in any order, cut in any way. */
static void anything_goes(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		begin(SEED);
		random_state += round * UINT64_C(0x9e3779b97f4a7c15);
		for (unsigned i = 0; i < 60 && length < ROOM / 2; i++) {
			uint64_t from = random_below(30000);
			uint64_t len = random_below(i % 3 ? 40 : 2000);

			if (random_below(4))
				put(from, from + len);
			else
				put_garbage(len);
		}
		check_stream();
	}
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(zcdma_fault_name(GAP), "gap");
	assert_string_equal(zcdma_fault_name(REPEAT), "repeat");
	assert_string_equal(zcdma_fault_name(STALE), "stale");
	assert_string_equal(zcdma_fault_name(EARLY), "overwritten");
	assert_string_equal(zcdma_fault_name(GARBAGE), "garbage");
	assert_string_equal(zcdma_fault_name(ZCDMA_FAULT_KINDS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_streams_are_right),
		cmocka_unit_test(gaps),
		cmocka_unit_test(gaps_at_any_byte),
		cmocka_unit_test(many_gaps),
		cmocka_unit_test(stale_blocks),
		cmocka_unit_test(repeats),
		cmocka_unit_test(early_blocks),
		cmocka_unit_test(stale_next_to_a_gap),
		cmocka_unit_test(garbage),
		cmocka_unit_test(single_bytes),
		cmocka_unit_test(inserted_garbage),
		cmocka_unit_test(short_ends),
		cmocka_unit_test(other_seeds_are_named),
		cmocka_unit_test(anything_goes),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
