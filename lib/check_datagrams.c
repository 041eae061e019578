// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Checks datagrams of the pattern. Each says by itself where in the stream it belongs, so that what is
 * lost, late or there twice can be told from what is wrong.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define WORD sizeof(uint64_t)
/* So many bytes hold two whole words, wherever in the stream they begin. */
#define PLACED (3 * WORD - 1)
/* Holes that are remembered, for what comes late: a sender cannot have us keep more than that. */
#define HOLES 1024

/* Bytes of the stream that have not come. */
struct hole {
	uint64_t from, to;
};

/* Bytes of a datagram that belong together. */
struct part {
	size_t at, len;
	int64_t place; /* where in the stream the datagram would begin if all were like this part */
	bool garbage;
};

struct datagram_check {
	struct zcdma_check base;
	uint64_t seed;
	uint64_t forgotten; /* holes before this offset are not known any more */
	unsigned count;
	struct hole holes[HOLES]; /* in the order of the stream */
};

static struct datagram_check *to_datagrams(struct zcdma_check *check)
{
	return (struct datagram_check *)check; /* .base comes first */
}

/*
 * What has come
 */

static void count_lost(const struct hole *h, struct zcdma_check_result *result)
{
	result->lost_bytes += h->to - h->from;
	result->lost += (h->to - h->from + result->datagram_bytes - 1) / result->datagram_bytes;
}

static void remove_hole(struct datagram_check *d, unsigned i)
{
	memmove(&d->holes[i], &d->holes[i + 1], (--d->count - i) * sizeof(d->holes[0]));
}

static void forget_oldest(struct datagram_check *d)
{
	count_lost(&d->holes[0], &d->base.result);
	d->forgotten = d->holes[0].to;
	remove_hole(d, 0);
}

/* [@from, @to) has come, which takes a part out of the @i-th hole. Returns how many holes are left of it. */
static unsigned take_out(struct datagram_check *d, unsigned i, uint64_t from, uint64_t to)
{
	struct hole *h = &d->holes[i];
	struct hole behind = { zc_min(zc_max(to, h->from), h->to), h->to };

	h->to = zc_min(h->to, from);
	if (h->from >= h->to) {
		*h = behind;
		if (h->from >= h->to)
			remove_hole(d, i);
		return behind.from < behind.to;
	}
	if (behind.from >= behind.to)
		return 1;
	memmove(h + 2, h + 1, (d->count - i - 1) * sizeof(*h));
	h[1] = behind;
	d->count++;
	return 2;
}

/* Data from before the newest has come. Does it bring anything? */
static bool fill_holes(struct datagram_check *d, uint64_t from, uint64_t to)
{
	bool fills = from < d->forgotten;

	/* A hole may become two. */
	if (d->count == HOLES)
		forget_oldest(d);
	for (unsigned i = 0; i < d->count && d->holes[i].from < to;) {
		if (d->holes[i].to <= from) {
			i++;
			continue;
		}
		fills = true;
		i += take_out(d, i, from, to);
	}
	return fills;
}

static void arrived(struct datagram_check *d, uint64_t from, uint64_t len)
{
	struct zcdma_check_result *r = &d->base.result;
	uint64_t to = from + len;

	if (from < r->end_offset) {
		if (fill_holes(d, from, to) || to > r->end_offset) {
			r->late++;
		} else {
			r->duplicates++;
			r->duplicate_bytes += len;
		}
	} else if (from > r->end_offset) {
		if (d->count == HOLES)
			forget_oldest(d);
		d->holes[d->count++] = (struct hole){ r->end_offset, from };
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

/* The part that begins at @from: up to where something else begins, or to the end. */
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
	/* The bytes before may be the end of the word before. */
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

/* The largest part says where a datagram belongs that is of several. False: nothing does. */
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

/* The first datagram is wrong: it may be the beginning of a stream with another seed. */
static void look_for_seed(struct datagram_check *d, const uint8_t *data, size_t len)
{
	uint64_t seed = len >= PLACED ? load(data) : 0;

	if (seed == d->seed || zcdma_pattern_match(data, len, 0, seed) < len)
		return;
	d->base.result.other_seed = true;
	d->base.result.seed = seed;
}

static void judge(struct datagram_check *d, const uint8_t *data, size_t len)
{
	struct zcdma_check_result *r = &d->base.result;
	int64_t place = (int64_t)r->end_offset;
	bool placed;

	if (zcdma_pattern_match(data, len, r->end_offset, d->seed) == len) {
		arrived(d, r->end_offset, len);
		return;
	}
	placed = find_place(d, data, len, &place);
	if (!placed && len < PLACED) {
		r->unplaced++;
		return;
	}
	count_faults(d, data, len, place);
	if (r->faults && r->datagrams == 1)
		look_for_seed(d, data, len);
	if (placed && place >= 0)
		arrived(d, (uint64_t)place, len);
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
	for (unsigned i = 0; i < d->count; i++)
		count_lost(&d->holes[i], result);
}

static void datagrams_end(struct zcdma_check *check)
{
	datagrams_peek(check, &check->result);
}

static void datagrams_free(struct zcdma_check *check)
{
	free(to_datagrams(check));
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
	d->base.ctx = ctx;
	d->seed = seed;
	*check = &d->base;
	return 0;
}
