// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads a stream of the pattern: every word shows where in the stream it belongs. Two consecutive words that
 * agree are believed, at any byte, so that a gap may have any length.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "verify/check.h"
#include "verify/pattern_words.h"

#define WORD   sizeof(uint64_t)
#define PROOF  (2 * WORD) /* bytes that prove where they belong */
#define CHANCE (WORD - 1) /* bytes that may look right by chance after a change */
#define WINDOW 64
#define FEW    64 /* bytes that are compared at once before many are */

/* Bytes from the start that prove another seed; in a shorter stream all bytes, but at least SEED_LEAST. */
#define SEED_PROOF 4096
#define SEED_LEAST 32

struct pattern_check {
	struct zcdma_check base;
	uint64_t seed;
	uint64_t pos;	  /* of the next byte to look at */
	struct zc_run at; /* the run that is going on, without its length */

	/* Valid after the stream has left that run, until two words agree: */
	bool searching;
	uint64_t left; /* position of the first byte that differs */
	size_t held;   /* bytes in window[], those before .pos */
	size_t tried;  /* where in window[] to look for two words next */
	uint8_t window[WINDOW];

	/* A stream with another seed begins with that seed. */
	uint64_t other_seed;
	uint64_t other_len; /* bytes that came from the start on, and follow it */
	uint64_t other_pos; /* in the stream, of the byte after them */
	bool other;	    /* all bytes follow it until now */
	uint64_t first_len; /* bytes from the start that the first run explains */
};

static struct pattern_check *to_pattern(struct zcdma_check *check)
{
	return (struct pattern_check *)check; /* .base comes first */
}

static uint64_t load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* Returns whether @byte, at position @pos of the stream, belongs there according to @delta. */
static bool follows(const struct pattern_check *p, uint8_t byte, uint64_t pos, int64_t delta)
{
	return byte == zc_pattern_byte(pos + (uint64_t)delta, p->seed);
}

/* Returns how many bytes before @pos its word begins. */
static uint64_t into_word(uint64_t pos, int64_t delta)
{
	return (pos + (uint64_t)delta) % WORD;
}

/* End the run that goes on, at @to. */
static void end_run(struct pattern_check *p, uint64_t to)
{
	p->at.len = to - p->at.pos;
	if (!p->at.pos && p->at.len)
		p->first_len = p->at.len;
	zc_check_run(&p->base, &p->at);
}

/* Begin the run that follows @delta at @to; the one before has ended. */
static void begin_run(struct pattern_check *p, uint64_t to, int64_t delta)
{
	p->at.pos = to;
	p->at.delta = delta;
	p->searching = false;
}

/*
 * Change to the run that follows @delta from @found on, whose first whole word begins at @word, as the stream left the
 * run before at p->left. Which bytes between belong to neither is not exact, as bytes of different words can be the same.
 */
static void change_after_garbage(struct pattern_check *p, uint64_t found, uint64_t word,
				 int64_t delta)
{
	uint64_t garbage = p->left; /* the position of what belongs to neither */
	uint64_t left_word = p->left - into_word(p->left, p->at.delta);
	int64_t inserted = p->at.delta - delta;
	uint64_t to = found;

	if (left_word < p->at.pos)
		left_word = p->at.pos;
	if (inserted >= (int64_t)(found - p->left) &&
	    inserted <= (int64_t)(found - p->left + 2 * CHANCE)) {
		/* The run before goes on after the garbage, which was inserted. */
		if (left_word + (uint64_t)inserted >= found)
			garbage = left_word;
		to = garbage + (uint64_t)inserted;
	} else if (found - p->left > WORD) {
		/* Overwritten by more than a word: by chance some bytes at both ends look right. */
		garbage = left_word;
		to = word;
	}
	to = zc_min(to, p->pos);
	end_run(p, garbage);
	if (to > garbage) {
		const struct zc_run run = { garbage, to - garbage, 0, true };

		zc_check_run(&p->base, &run);
	}
	begin_run(p, to, delta);
}

/* Change to the run that follows @delta from @found on; the stream left the run before at p->left. */
static void change_run(struct pattern_check *p, uint64_t found, int64_t delta)
{
	uint64_t word = found + (WORD - into_word(found, delta)) % WORD;
	uint64_t to;

	if (found > p->left) {
		change_after_garbage(p, found, word, delta);
		return;
	}
	/* The first word that the new run has whole, or where the one before ends: no byte is in neither. */
	to = zc_min(zc_min(word, p->left), p->pos);
	end_run(p, to);
	begin_run(p, to, delta);
}

/*
 * Returns the position of the first of the bytes right before @pos, at most @most, that follow @delta; they are those
 * before @end.
 */
static uint64_t extend_back(const struct pattern_check *p, const uint8_t *end, uint64_t pos,
			    size_t most, int64_t delta)
{
	/* No run begins before the first byte that was sent. */
	while (most-- && pos + (uint64_t)delta && follows(p, *--end, pos - 1, delta))
		pos--;
	return pos;
}

/*
 * Change to the run that is proven by the two words before @end, which stand before p->pos; @before bytes precede them.
 */
static void change_to_proof(struct pattern_check *p, const uint8_t *end, size_t before)
{
	const uint8_t *proof = end - PROOF;
	uint64_t pos = p->pos - PROOF, word = load(proof) ^ p->seed;
	int64_t delta = (int64_t)(word * WORD - pos);
	uint64_t wrong;

	if (before < CHANCE || !word) {
		change_run(p, extend_back(p, proof, pos, zc_min(before, CHANCE), delta), delta);
		return;
	}
	/* The same, for the bytes of the word before at once: all but its lowest. */
	wrong = (load(proof - CHANCE) << 8 ^ (word - 1) ^ p->seed) | 0xff;
	change_run(p, pos - (uint64_t)__builtin_clzll(wrong) / 8, delta);
}

/* Keep what the search still needs of the @len bytes before p->pos, the next of which to try is @at. */
static void keep_window(struct pattern_check *p, const uint8_t *data, size_t len, size_t at)
{
	size_t drop = at - zc_min(at, CHANCE);

	p->held = len - drop;
	p->tried = at - drop;
	memmove(p->window, data + drop, p->held);
}

/*
 * Search the @len bytes at @data, of which @known stand before p->pos, and the next to try is @at. Returns how many of
 * the others were used.
 */
static size_t search_in(struct pattern_check *p, const uint8_t *data, size_t known, size_t len,
			size_t at)
{
	bool found = zc_pattern_find(data, len, p->seed, &at);
	size_t used = (found ? at + PROOF : len) - known;

	p->pos += used;
	if (found)
		change_to_proof(p, data + at + PROOF, at);
	else
		keep_window(p, data, len, at);
	return used;
}

/* Search @len more bytes: first those that p->window has room for, then where they are. Returns how many were used. */
static size_t search(struct pattern_check *p, const uint8_t *data, size_t len)
{
	size_t known = p->held, n = zc_min(len, sizeof(p->window) - known);
	size_t used;

	memcpy(&p->window[known], data, n);
	used = search_in(p, p->window, known, known + n, p->tried);
	if (!p->searching || n == len)
		return used;
	return n + search_in(p, data + n - p->held, p->held, p->held + len - n, p->tried);
}

/*
 * Returns whether two words prove another run right at @data, as where blocks or pages follow each other. A search would
 * say so too (those that agree a byte earlier, by a carry, do so with them), but where it finds them the processor has to
 * wait for, while it predicts a branch and looks at the next words meanwhile.
 */
static bool goes_on(const struct pattern_check *p, const uint8_t *data)
{
	return *data != (uint8_t)~p->seed && zc_words_agree(data, p->seed);
}

/*
 * Search from where the stream leaves its run, at @data, before which @before bytes are in memory. Returns how many of
 * the @len bytes were used.
 */
static size_t leave(struct pattern_check *p, const uint8_t *data, size_t before, size_t len)
{
	size_t known = zc_min(p->pos - p->at.pos, CHANCE);

	p->searching = true;
	p->left = p->pos;
	if (known <= before) {
		if (known == CHANCE && len >= PROOF && goes_on(p, data)) {
			p->pos += PROOF;
			change_to_proof(p, data + PROOF, CHANCE);
			return PROOF;
		}
		return search_in(p, data - known, known, known + len, 0);
	}
	p->held = known;
	p->tried = 0;
	zcdma_pattern_fill(p->window, known, p->pos - known + (uint64_t)p->at.delta, p->seed);
	return search(p, data, len);
}

/* Compare with the pattern of another seed, as long as the whole stream has followed it. */
static void feed_other(struct pattern_check *p, const uint8_t *data, size_t len)
{
	size_t n;

	for (; p->other_pos < WORD && len; len--, p->other_len++)
		p->other_seed |= (uint64_t)*data++ << 8 * p->other_pos++;
	if (p->other_pos == WORD && p->other_seed == p->seed) {
		p->other = false;
		return;
	}
	n = zcdma_pattern_match(data, len, p->other_pos, p->other_seed);
	p->other_pos += n;
	p->other_len += n;
	if (n < len)
		p->other = false;
}

/* Returns how many of the next bytes follow the run that goes on. */
static size_t match(const struct pattern_check *p, const uint8_t *data, size_t len)
{
	uint64_t offset = p->pos + (uint64_t)p->at.delta;
	size_t few = zc_min(len, FEW), n = 0;

	if (offset % WORD == 0)
		n = zc_match_words(data, few, offset, p->seed);
	else
		few = 0;
	return n < few ? n : n + zcdma_pattern_match(data + n, len - n, offset + n, p->seed);
}

static __attribute__((flatten)) void pattern_feed(struct zcdma_check *check, const uint8_t *data,
						  size_t len)
{
	struct pattern_check *p = to_pattern(check);
	const uint8_t *next = data, *end = data + len;

	check->result.bytes += len;
	if (p->other)
		feed_other(p, data, len);
	while (next < end) {
		size_t n;

		if (p->searching) {
			next += search(p, next, (size_t)(end - next));
			continue;
		}
		n = match(p, next, (size_t)(end - next));
		p->pos += n;
		next += n;
		if (next < end)
			next += leave(p, next, (size_t)(next - data), (size_t)(end - next));
	}
}

/* End a search, as the stream ends: fewer bytes than two words may still be where they belong. */
static void end_search(struct pattern_check *p)
{
	int64_t home = p->base.judge.home;
	const uint8_t *end = &p->window[p->held];
	uint64_t at_home = extend_back(p, end, p->pos, p->held, home);
	uint64_t as_before = extend_back(p, end, p->pos, p->held, p->at.delta);

	if (at_home < as_before)
		change_run(p, at_home, home);
	else
		change_run(p, as_before, p->at.delta);
}

/* Returns whether another seed explains more of the stream's beginning than the first run does. */
static bool has_other_seed(const struct pattern_check *p)
{
	return p->other_len > p->first_len && p->other_len >= SEED_LEAST &&
	       p->other_len >= zc_min(p->base.result.bytes, (uint64_t)SEED_PROOF);
}

/* Skip bytes that were not captured: the stream is expected to go on in its place after them. */
static void pattern_skip(struct zcdma_check *check, uint64_t len)
{
	struct pattern_check *p = to_pattern(check);

	if (p->searching)
		end_search(p);
	end_run(p, p->pos);
	zc_check_runs_settle(check);
	if (len == UINT64_MAX)
		len = 0;
	check->result.uncaptured_bytes += len;
	p->pos += len;
	p->at = (struct zc_run){ .pos = p->pos, .delta = check->judge.home };
	if (p->other_pos >= WORD)
		p->other_pos += len;
	else
		p->other = false;
}

static void pattern_end(struct zcdma_check *check)
{
	struct pattern_check *p = to_pattern(check);

	if (p->searching)
		end_search(p);
	end_run(p, p->pos);
	zc_check_runs_end(check);
	if (!has_other_seed(p))
		return;
	check->result.other_seed = true;
	check->result.seed = p->other_seed;
	if (p->other_len == check->result.bytes) {
		/* Runs that were right by chance, as those of seeds 0 and 256 are, mean nothing. */
		check->result = (struct zcdma_check_result){
			.bytes = check->result.bytes,
			.uncaptured_bytes = check->result.uncaptured_bytes,
			.other_seed = true,
			.seed = p->other_seed,
		};
		zc_check_fault(check, ZCDMA_FAULT_GARBAGE, 0, check->result.bytes, 0);
	}
}

static void pattern_peek(const struct zcdma_check *check, struct zcdma_check_result *result)
{
	struct pattern_check copy = *(const struct pattern_check *)check;

	copy.base.peeking = true;
	pattern_end(&copy.base);
	*result = copy.base.result;
}

static void pattern_free(struct zcdma_check *check)
{
	free(to_pattern(check));
}

static const struct zc_check_ops pattern_ops = {
	.feed = pattern_feed,
	.skip = pattern_skip,
	.peek = pattern_peek,
	.end = pattern_end,
	.free = pattern_free,
};

ZC_PUBLIC int zcdma_check_pattern(struct zcdma_ctx *ctx, uint64_t seed, struct zcdma_check **check)
{
	struct pattern_check *p = calloc(1, sizeof(*p));

	if (!p)
		return zc_fail(ctx, ENOMEM, "check");
	p->base.ops = &pattern_ops;
	p->base.size = sizeof(*p);
	p->base.ctx = ctx;
	p->seed = seed;
	p->other = true;
	*check = &p->base;
	return 0;
}
