/* SPDX-License-Identifier: GPL-2.0-only */
/* A stream that a test makes of pieces, and the check of it against the pattern, however it is cut. */
#ifndef CHECK_STREAM_H
#define CHECK_STREAM_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zcdma/verify.h>

#include "context.h"
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

/* What has been received. */
static uint8_t stream[ROOM];
static size_t length;
static uint64_t stream_seed;
static uint64_t expected_seed = SEED;

static uint64_t random_state;

/* The scene that is played. */
static const char *current;

static inline uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

static inline void begin(uint64_t seed)
{
	length = 0;
	stream_seed = seed;
	random_state = 88172645463325252u;
}

/* Receive the sent stream's bytes [@from, @to). */
static inline void put(uint64_t from, uint64_t to)
{
	assert_true(to - from <= ROOM - length);
	zcdma_pattern_fill(stream + length, (size_t)(to - from), from, stream_seed);
	length += (size_t)(to - from);
}

static inline void put_garbage(size_t len)
{
	assert_true(len <= ROOM - length);
	while (len--)
		stream[length++] = (uint8_t)(random_below(1 << 20) >> 5);
}

static inline void put_bytes(uint8_t byte, size_t len)
{
	assert_true(len <= ROOM - length);
	memset(stream + length, byte, len);
	length += len;
}

/* Check the stream in pieces of at most @most bytes; each is memory of its own, for a sanitizer. */
static inline struct zcdma_check_result check_in_pieces(size_t most)
{
	struct zcdma_check_result result, peek;
	struct zcdma_check *check;
	size_t n;

	assert_int_equal(zcdma_check_pattern(ctx, expected_seed, &check), 0);
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
static inline void assert_sound(const struct zcdma_check_result *r)
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
static inline void assert_kept(const struct zcdma_check *check, const struct zcdma_check_result *r)
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
static inline struct zcdma_check_result check_stream(void)
{
	static const size_t most[] = { 1, 2, 3, 8, 9, 17, 40, 100, 1000, 5000 };
	struct zcdma_check_result whole, cut;
	struct zcdma_check *check;

	assert_int_equal(zcdma_check_pattern(ctx, expected_seed, &check), 0);
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
static inline void expect(const struct zcdma_fault *fault, size_t count)
{
	struct zcdma_check_result r = check_stream();
	uint64_t counts[ZCDMA_FAULT_KINDS] = { 0 }, bytes[ZCDMA_FAULT_KINDS] = { 0 };

	if (current && (r.faults != count || r.first.position != fault->position ||
			r.first.kind != fault->kind || r.first.length != fault->length ||
			r.first.distance != fault->distance))
		print_error("%s:\n", current);
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

/* What a stream is made of: bytes [a, b) of the one that was sent, @a bytes at random, or @b times the byte @a. */
struct piece {
	enum { END, SENT_BYTES, RANDOM_BYTES, FILLED_BYTES } of;
	uint64_t a, b;
};
#define SENT(from, to)               \
	{                            \
		SENT_BYTES, from, to \
	}
#define RANDOM(len)                  \
	{                            \
		RANDOM_BYTES, len, 0 \
	}
#define FILLED(byte, len)               \
	{                               \
		FILLED_BYTES, byte, len \
	}

/* A stream, and the faults that are found in it; the first of length 0 ends them. */
struct scene {
	const char *what;
	struct piece pieces[8];
	struct zcdma_fault faults[4];
};

static inline void play(const struct scene *scene, size_t count)
{
	for (; count; count--, scene++) {
		size_t faults = 0;

		begin(SEED);
		for (const struct piece *p = scene->pieces; p->of != END; p++) {
			if (p->of == SENT_BYTES)
				put(p->a, p->b);
			else if (p->of == RANDOM_BYTES)
				put_garbage(p->a);
			else
				put_bytes((uint8_t)p->a, p->b);
		}
		while (scene->faults[faults].length)
			faults++;
		current = scene->what;
		expect(scene->faults, faults);
	}
	current = NULL;
}

#endif
