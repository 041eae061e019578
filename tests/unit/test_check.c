/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks against the pattern: each kind of fault, exactly, and the same however the stream is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "check_stream.h"

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

/* Check gaps at any byte: the length is exact, and the position is at most 7 bytes off. */
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

		/* If the length equals the distance, only the data after it shows that it is not a repeat. */
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

static const struct scene early_blocks_scenes[] = {
	{ "a block from the next lap",
	  { SENT(0, 8192), SENT(8192 + 65536, 12288 + 65536), SENT(12288, 100000) },
	  { { EARLY, 8192, 4096, 65536 } } },
	{ "a block's successor twice",
	  { SENT(0, 8192), SENT(12288, 16384), SENT(12288, 100000) },
	  { { EARLY, 8192, 4096, 4096 } } },
	{ "two blocks, from different laps",
	  { SENT(0, 8192), SENT(8192 + 131072, 12288 + 131072), SENT(12288 + 65536, 16384 + 65536),
	    SENT(16384, 100000) },
	  { { EARLY, 8192, 4096, 131072 }, { EARLY, 12288, 4096, 65536 } } },
	{ "two blocks in each other's place",
	  { SENT(0, 8192), SENT(12288, 16384), SENT(8192, 12288), SENT(16384, 40000) },
	  { { EARLY, 8192, 4096, 4096 }, { STALE, 12288, 4096, 4096 } } },
	{ "newer data came in between, and everything else after it",
	  { SENT(0, 8192), SENT(16384, 20480), SENT(8192, 60000) },
	  { { EARLY, 8192, 4096, 8192 } } },
	{ "a gap, and a repeat much later that happens to be as long: both are what they seem",
	  { SENT(0, 8192), SENT(12288, 60000), SENT(55904, 90000) },
	  { { GAP, 8192, 4096, 0 }, { REPEAT, 55904, 4096, 4096 } } },
};

static void early_blocks(void **state)
{
	(void)state;
	play(early_blocks_scenes, COUNT(early_blocks_scenes));
}

static const struct scene stale_next_to_a_gap_scenes[] = {
	{ "older data in the place of what is lost",
	  { SENT(0, 8192), SENT(100000, 104000), SENT(102000, 103000), SENT(105000, 120000) },
	  { { GAP, 8192, 91808, 0 }, { STALE, 12192, 1000, 2000 } } },
	{ "the last block before a gap once more, in the place of one that is lost",
	  { SENT(0, 16384), SENT(12288, 16384), SENT(24576, 60000) },
	  { { STALE, 16384, 4096, 4096 }, { GAP, 20480, 4096, 0 } } },
};

static void stale_next_to_a_gap(void **state)
{
	(void)state;
	play(stale_next_to_a_gap_scenes, COUNT(stale_next_to_a_gap_scenes));
}

static const struct scene garbage_scenes[] = {
	{ "a block of random bytes",
	  { SENT(0, 8192), RANDOM(4096), SENT(12288, 50000) },
	  { { GARBAGE, 8192, 4096, 0 } } },
	{ "never filled: most of the pattern's bytes are 0 too",
	  { SENT(0, 8192), FILLED(0, 4096), SENT(12288, 50000) },
	  { { GARBAGE, 8192, 4096, 0 } } },
	{ "ones to the end of the stream",
	  { SENT(0, 8192), FILLED(0xff, 4096) },
	  { { GARBAGE, 8192, 4096, 0 } } },
	{ "zeros to the end of the stream",
	  { SENT(0, 8192), FILLED(0, 4096) },
	  { { GARBAGE, 8192, 4096, 0 } } },
	{ "nothing else", { RANDOM(50000) }, { { GARBAGE, 0, 50000, 0 } } },
	{ "words that claim what no stream can have sent",
	  { SENT(0, 800), SENT(UINT64_C(1) << 62, (UINT64_C(1) << 62) + 800), SENT(1600, 3000) },
	  { { GARBAGE, 800, 800, 0 } } },
	{ "then older data, of which no byte is garbage",
	  { SENT(0, 8192), FILLED(0xff, 16), SENT(8208 - 1024, 9216 - 1024), SENT(9216, 30000) },
	  { { GARBAGE, 8192, 16, 0 }, { STALE, 8208, 1008, 1024 } } },
	{ "two faults",
	  { SENT(0, 8192), RANDOM(64), SENT(8256, 30000), RANDOM(64) },
	  { { GARBAGE, 8192, 64, 0 }, { GARBAGE, 30000, 64, 0 } } },
};

static void garbage(void **state)
{
	(void)state;
	play(garbage_scenes, COUNT(garbage_scenes));
}

/* Check that one wrong byte is reported as one, anywhere in the stream, at its start and end too. */
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

/* Insert garbage into a stream of which nothing is missing. */
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
	/* The stream starts again, after garbage that could be the bytes before its start. */
	begin(SEED);
	put(0, 4096);
	put_bytes(0x1f, 5);
	put(0, 9000);
	EXPECT({ GARBAGE, 4096, 5, 0 }, { REPEAT, 4101, 4096, 4101 });
}

/* A byte with which the words right after it agree too, by a carry, from its place on. */
static void inserted_carry(void **state)
{
	(void)state;
	begin(expected_seed = 0);
	put(0, 4096);
	put_bytes(0xff, 1);
	put(4096, 9000);
	EXPECT({ GARBAGE, 4096, 1, 0 });
	expected_seed = SEED;
}

static void short_ends(void **state)
{
	(void)state;
	/* One word and a half do not prove a gap. */
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

/* Feed correct and wrong data in any order and of any length; check_stream() cuts it in several ways. */
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

/* Make a stream of pieces of the right one, of older and newer data, of garbage, and of wrong bits. */
static void put_mixture(unsigned round)
{
	static const uint64_t ranges[] = { 400, 30000, UINT64_C(1) << 40, UINT64_C(1) << 59 };
	const uint64_t range = ranges[round % COUNT(ranges)], longest = round % 3 ? 50 : 3000;
	uint64_t next = 0;

	begin(round % 7 ? SEED : SEED + 1);
	random_state += round * UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < 80 && length < ROOM / 2; i++) {
		uint64_t len = 1 + random_below(longest), from = next;

		switch (random_below(8)) {
		case 0:
			put_garbage(len);
			next += i % 2 ? len : 0;
			continue;
		case 1:
			put_bytes(random_below(2) ? 0xff : 0, len % 64);
			continue;
		case 2:
			stream[length ? random_below(length) : 0] ^=
				(uint8_t)(1 << random_below(8));
			continue;
		case 3:
			from = random_below(range);
			break;
		case 4:
			from = random_below(range) & ~UINT64_C(7);
			len = 24;
			break;
		case 5:
			from += random_below(64);
			break;
		case 6:
			from -= random_below(from < 64 ? from + 1 : 64);
			break;
		}
		put(from, from + len);
		next = from + len;
	}
}

static void digest(uint64_t *sum, uint64_t value)
{
	*sum = (*sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	*sum ^= *sum >> 29;
}

/*
 * A check that is made faster finds what it did: this is the sum of all that was found in mixtures of right and wrong
 * data. Change it where another verdict is meant.
 */
static void verdicts_stay(void **state)
{
	struct zcdma_check_result r;
	struct zcdma_check *check;
	struct zcdma_fault f;
	uint64_t sum = 0;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		put_mixture(round);
		assert_int_equal(zcdma_check_pattern(ctx, SEED, &check), 0);
		zcdma_check_feed(check, stream, length);
		zcdma_check_end(check);
		zcdma_check_get_result(check, &r);
		for (unsigned kind = 0; kind < ZCDMA_FAULT_KINDS; kind++) {
			digest(&sum, r.kind[kind].count);
			digest(&sum, r.kind[kind].bytes);
		}
		for (unsigned i = 0; zcdma_check_get_fault(check, i, &f); i++) {
			digest(&sum, f.kind);
			digest(&sum, f.position);
			digest(&sum, f.length);
			digest(&sum, f.distance);
		}
		digest(&sum, r.other_seed);
		digest(&sum, r.seed);
		zcdma_check_free(check);
	}
	assert_int_equal(sum, UINT64_C(0x16224d8199a7edeb));
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
		cmocka_unit_test(inserted_carry),
		cmocka_unit_test(short_ends),
		cmocka_unit_test(other_seeds_are_named),
		cmocka_unit_test(anything_goes),
		cmocka_unit_test(verdicts_stay),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
