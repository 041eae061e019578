// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Checks datagrams of the pattern. Each of them shows where in the stream it belongs, so that lost, late and
 * duplicate datagrams are distinguished from wrong ones.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "util/gaps.h"
#include "verify/check.h"
#include "verify/pattern_words.h"

#define WORD sizeof(uint64_t)
/* Bytes that hold two whole words, wherever in the stream they begin. */
#define PLACED (3 * WORD - 1)
/* The most gaps that are remembered for late datagrams: a bound on the memory that a sender can use; a power of two. */
#define MOST_GAPS 1024

/* Bytes of a datagram that belong together. */
struct part {
	size_t at, len;
	int64_t place; /* where in the stream the datagram would begin if all were like this part */
	bool garbage;
};

/*
 * The last short datagrams, which are not placed: bytes that follow on each other, of which PLACED show where all of
 * them belong.
 */
struct shorts {
	uint8_t data[3 * PLACED];
	uint8_t lens[3 * PLACED];
	size_t len;
	unsigned count;
};

struct datagram_check {
	struct zcdma_check base;
	uint64_t seed;
	uint64_t forgotten; /* gaps before this offset are not remembered */
	struct zc_gaps gaps;
	struct shorts shorts;
};

static struct datagram_check *to_datagrams(struct zcdma_check *check)
{
	return (struct datagram_check *)check; /* .base comes first */
}

/*
 * What has arrived
 */

static void count_lost(struct zc_gap gap, struct zcdma_check_result *result)
{
	result->lost_bytes += gap.to - gap.from;
	result->lost += (gap.to - gap.from + result->datagram_bytes - 1) / result->datagram_bytes;
}

/* Forget the oldest gap: what is missing in it is lost. */
static void forget_oldest(struct datagram_check *d)
{
	count_lost(d->gaps.gap[0], &d->base.result);
	d->forgotten = d->gaps.gap[0].to;
	zc_gaps_forget(&d->gaps, 1);
}

static void add_gap(struct datagram_check *d, struct zc_gap gap)
{
	d->gaps.budget = d->base.budget;
	if (zc_gaps_append(&d->gaps, gap.from, gap.to))
		return;
	if (d->gaps.count) {
		forget_oldest(d);
		zc_gaps_append(&d->gaps, gap.from, gap.to);
		return;
	}
	count_lost(gap, &d->base.result);
	d->forgotten = gap.to;
}

/* Fill gaps by data from before the newest. Returns whether it fills any. */
static bool fill_gaps(struct datagram_check *d, uint64_t from, uint64_t to)
{
	bool fills = from < d->forgotten;

	for (;;) {
		const unsigned i = zc_gaps_find(&d->gaps, from);
		const struct zc_gap *gap = &d->gaps.gap[i];
		uint64_t end;

		if (i == d->gaps.count || gap->from >= to)
			return fills;
		fills = true;
		end = zc_min(to, gap->to);
		if (zc_gaps_fill(&d->gaps, i, zc_max(from, gap->from), end))
			from = end;
		else
			forget_oldest(d);
	}
}

/* Count [@from, @from + @len) as arrived. */
static void arrived(struct datagram_check *d, uint64_t from, uint64_t len)
{
	struct zcdma_check_result *r = &d->base.result;
	uint64_t to = from + len;

	if (from < r->end_offset) {
		if (fill_gaps(d, from, to) || to > r->end_offset) {
			r->late++;
		} else {
			r->duplicates++;
			r->duplicate_bytes += len;
		}
	} else if (from > r->end_offset) {
		add_gap(d, (struct zc_gap){ r->end_offset, from });
	}
	r->end_offset = zc_max(r->end_offset, to);
}

/*
 * What is in a datagram
 */

static uint64_t load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* Returns the part that begins at @from, and ends where something else begins. */
static struct part next_part(const struct datagram_check *d, const uint8_t *data, size_t len,
			     size_t from)
{
	struct part part = { .at = from, .garbage = true };
	size_t at = from, first;
	uint64_t offset;

	if (!zc_pattern_find(data, len, d->seed, &at)) {
		part.len = len - from;
		return part;
	}
	offset = (load(data + at) ^ d->seed) * WORD;
	/* The bytes before these words may be the end of the word before. */
	for (first = at; first > from && at - first < WORD && offset >= at - first + 1; first--) {
		if (!zcdma_pattern_match(data + first - 1, 1, offset - (at - first) - 1, d->seed))
			break;
	}
	if (first > from) {
		part.len = first - from;
		return part;
	}
	part.garbage = false;
	part.place = (int64_t)(offset - at);
	part.len = at - from + zcdma_pattern_match(data + at, len - at, offset, d->seed);
	return part;
}

/* Place a datagram by its largest part. Returns false if no part has a place. */
static bool find_place(const struct datagram_check *d, const uint8_t *data, size_t len,
		       int64_t *place)
{
	size_t most = 0;
	struct part part;

	for (size_t at = 0; at < len; at += part.len) {
		part = next_part(d, data, len, at);
		if (part.garbage || part.len <= most)
			continue;
		most = part.len;
		*place = part.place;
	}
	return most;
}

static void count_faults(struct datagram_check *d, const uint8_t *data, size_t len, int64_t place)
{
	uint64_t pos = d->base.result.bytes - len;
	struct part part;

	for (size_t at = 0; at < len; at += part.len) {
		part = next_part(d, data, len, at);
		if (part.garbage)
			zc_check_fault(&d->base, ZCDMA_FAULT_GARBAGE, pos + at, part.len, 0);
		else if (part.place > place)
			zc_check_fault(&d->base, ZCDMA_FAULT_OVERWRITTEN, pos + at, part.len,
				       (uint64_t)(part.place - place));
		else if (part.place < place)
			zc_check_fault(&d->base, ZCDMA_FAULT_STALE, pos + at, part.len,
				       (uint64_t)(place - part.place));
	}
}

/* Look whether the first datagram, which is wrong, begins a stream with another seed. */
static void look_for_seed(struct datagram_check *d, const uint8_t *data, size_t len)
{
	uint64_t seed = len >= PLACED ? load(data) : 0;

	if (seed == d->seed || zcdma_pattern_match(data, len, 0, seed) < len)
		return;
	d->base.result.other_seed = true;
	d->base.result.seed = seed;
}

/*
 * Short datagrams
 */

static void remove_short(struct shorts *s, unsigned i)
{
	size_t at = 0, len = s->lens[i];

	for (unsigned k = 0; k < i; k++)
		at += s->lens[k];
	memmove(&s->data[at], &s->data[at + len], s->len - at - len);
	memmove(&s->lens[i], &s->lens[i + 1], s->count - i - 1);
	s->len -= len;
	s->count--;
}

static bool matches(const struct datagram_check *d, const uint8_t *data, size_t len,
		    uint64_t offset)
{
	return zcdma_pattern_match(data, len, offset, d->seed) == len;
}

/* Place the last @count short datagrams, which end at @end of the stream. */
static void place_shorts(struct datagram_check *d, unsigned count, uint64_t end)
{
	struct shorts *s = &d->shorts;

	for (unsigned i = s->count - count; i < s->count; i++)
		end -= s->lens[i];
	for (unsigned i = s->count - count; i < s->count; i++) {
		arrived(d, end, s->lens[i]);
		end += s->lens[i];
	}
	d->base.result.unplaced -= count;
	s->count = 0;
	s->len = 0;
}

/* Returns how many datagrams, to the last one, belong to the two words at @at, or 0 if they do not hold both. */
static unsigned count_agreeing(const struct datagram_check *d, size_t at, uint64_t end)
{
	const struct shorts *s = &d->shorts;
	size_t from = s->len;
	unsigned n = 0;

	for (; n < s->count; n++) {
		size_t len = s->lens[s->count - n - 1];

		if (end - (s->len - from) < len ||
		    !matches(d, &s->data[from - len], len, end - (s->len - from) - len))
			break;
		from -= len;
	}
	return from <= at ? n : 0;
}

/* Keep a datagram that is too short to place, and try to place it together with those before it. */
static void keep_short(struct datagram_check *d, const uint8_t *data, size_t len)
{
	struct shorts *s = &d->shorts;
	unsigned count = 0;
	uint64_t end = 0;

	while (s->count && s->len - s->lens[0] >= PLACED)
		remove_short(s, 0);
	memcpy(&s->data[s->len], data, len);
	s->lens[s->count++] = (uint8_t)len;
	s->len += len;
	d->base.result.unplaced++;
	for (size_t at = 0; !count && zc_pattern_find(s->data, s->len, d->seed, &at); at++) {
		end = (load(&s->data[at]) ^ d->seed) * WORD + (s->len - at);
		count = count_agreeing(d, at, end);
	}
	if (count)
		place_shorts(d, count, end);
}

/*
 * Find a short datagram that belongs right before @from or, as it was overtaken, right after @to. Fewer bytes than a
 * word may fit by chance. Returns its index, or -1.
 */
static int find_neighbour(const struct datagram_check *d, uint64_t from, uint64_t to, bool *before)
{
	const struct shorts *s = &d->shorts;
	const uint8_t *data = s->data;

	for (unsigned i = 0; i < s->count; data += s->lens[i++]) {
		size_t len = s->lens[i];

		if (len < WORD)
			continue;
		*before = len <= from && matches(d, data, len, from - len);
		if (*before || matches(d, data, len, to))
			return (int)i;
	}
	return -1;
}

/* Count [@from, @from + @len) as arrived, and then the short datagrams that belong beside it. */
static void place(struct datagram_check *d, uint64_t from, size_t len)
{
	uint64_t to = from + len;
	bool before;
	int i;

	arrived(d, from, len);
	while ((i = find_neighbour(d, from, to, &before)) >= 0) {
		len = d->shorts.lens[i];
		arrived(d, before ? from - len : to, len);
		from -= before ? len : 0;
		to += before ? 0 : len;
		d->base.result.unplaced--;
		remove_short(&d->shorts, (unsigned)i);
	}
}

/* Place a late or duplicate datagram by one whole word, in what was sent before. Returns false if it fits nowhere. */
static bool find_earlier(const struct datagram_check *d, const uint8_t *data, size_t len,
			 uint64_t *from)
{
	for (size_t at = 0; at + WORD <= len; at++) {
		uint64_t word = load(data + at) ^ d->seed;

		if (word > INT64_MAX / WORD || word * WORD < at)
			continue;
		*from = word * WORD - at;
		if (*from + len <= d->base.result.end_offset && matches(d, data, len, *from))
			return true;
	}
	return false;
}

static void judge_short(struct datagram_check *d, const uint8_t *data, size_t len)
{
	uint64_t at;

	if (find_earlier(d, data, len, &at))
		place(d, at, len);
	else
		keep_short(d, data, len);
}

static void judge(struct datagram_check *d, const uint8_t *data, size_t len)
{
	struct zcdma_check_result *r = &d->base.result;
	int64_t at = (int64_t)r->end_offset;
	bool placed;

	/* While others wait for a place, a few zeros that fit may do so by chance. */
	if ((len >= WORD || !d->shorts.count) && matches(d, data, len, r->end_offset)) {
		place(d, r->end_offset, len);
		return;
	}
	placed = find_place(d, data, len, &at);
	if (!placed && len < PLACED) {
		judge_short(d, data, len);
		return;
	}
	count_faults(d, data, len, at);
	if (r->faults && r->datagrams == 1)
		look_for_seed(d, data, len);
	if (placed && at >= 0)
		place(d, (uint64_t)at, len);
}

/*
 * The check
 */

static void datagrams_feed(struct zcdma_check *check, const uint8_t *data, size_t len)
{
	struct datagram_check *d = to_datagrams(check);

	if (!len)
		return;
	check->result.bytes += len;
	check->result.datagrams++;
	check->result.datagram_bytes = zc_max(check->result.datagram_bytes, len);
	judge(d, data, len);
}

static void datagrams_peek(const struct zcdma_check *check, struct zcdma_check_result *result)
{
	const struct datagram_check *d = (const struct datagram_check *)check;

	*result = check->result;
	for (unsigned i = 0; i < d->gaps.count; i++)
		count_lost(d->gaps.gap[i], result);
}

static void datagrams_end(struct zcdma_check *check)
{
	datagrams_peek(check, &check->result);
}

static void datagrams_free(struct zcdma_check *check)
{
	struct datagram_check *d = to_datagrams(check);

	zc_gaps_drop(&d->gaps);
	free(d);
}

static const struct zc_check_ops datagrams_ops = {
	.feed = datagrams_feed,
	.peek = datagrams_peek,
	.end = datagrams_end,
	.free = datagrams_free,
};

ZC_PUBLIC int zcdma_check_datagrams(struct zcdma_ctx *ctx, uint64_t seed,
				    struct zcdma_check **check)
{
	struct datagram_check *d = calloc(1, sizeof(*d));

	if (!d)
		return zc_fail(ctx, ENOMEM, "check");
	d->base.ops = &datagrams_ops;
	d->base.size = sizeof(*d);
	d->base.ctx = ctx;
	d->seed = seed;
	d->gaps.most = MOST_GAPS;
	*check = &d->base;
	return 0;
}
