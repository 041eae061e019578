// SPDX-License-Identifier: LGPL-2.1-or-later
/* Datagrams in the order of their numbers. */
#include "packet/reorder.h"

#include <stdlib.h>
#include <string.h>

/* A number in the window, and the one that is a window before it. */
struct slot {
	uint8_t *data; /* of the datagram that waits, or NULL */
	size_t len;
	bool passed; /* the earlier number came in time */
};

struct zc_reorder {
	struct zc_reorder_stats *stats;
	uint64_t mask; /* of the bits that a number has */
	unsigned window;
	bool started;
	bool flushing;	  /* until nothing waits */
	uint64_t next;	  /* number */
	uint64_t give_up; /* how many numbers from .next on are not waited for */
	unsigned waiting;
	uint8_t *last; /* what zc_reorder_next() returned */
	struct slot slot[ZC_REORDER_WINDOW];
};

struct zc_reorder *zc_reorder_new(const struct zc_reorder_field *field,
				  struct zc_reorder_stats *stats)
{
	struct zc_reorder *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->stats = stats;
	r->mask = UINT64_MAX >> (64 - field->width * 8);
	r->window = field->width > 1 ? ZC_REORDER_WINDOW : ZC_REORDER_SMALL_WINDOW;
	return r;
}

void zc_reorder_free(struct zc_reorder *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->window; i++) {
		if (r->slot[i].data)
			r->stats->waiting_bytes -= r->slot[i].len;
		free(r->slot[i].data);
	}
	free(r->last);
	free(r);
}

bool zc_reorder_read(const struct zc_reorder_field *field, const uint8_t *data, size_t len,
		     uint64_t *number)
{
	if (len < (size_t)field->offset + field->width)
		return false;
	*number = 0;
	for (uint32_t i = 0; i < field->width; i++) {
		uint32_t at = field->little_endian ? field->width - 1 - i : i;

		*number = *number << 8 | data[field->offset + at];
	}
	return true;
}

bool zc_reorder_is_waiting(const struct zc_reorder *r)
{
	return r->waiting;
}

static struct slot *slot_of(struct zc_reorder *r, uint64_t number)
{
	return &r->slot[number % r->window];
}

/* Count lost numbers. Hostile ones may leap further than can be counted: then it stays at the most. */
static void lose(struct zc_reorder *r, uint64_t numbers)
{
	if (__builtin_add_overflow(r->stats->lost, numbers, &r->stats->lost))
		r->stats->lost = UINT64_MAX;
}

static void advance(struct zc_reorder *r, bool passed)
{
	slot_of(r, r->next)->passed = passed;
	lose(r, !passed);
	r->next = (r->next + 1) & r->mask;
	r->give_up -= !!r->give_up;
}

/* Give up at once all but the last window, as nothing waits. */
static void leap(struct zc_reorder *r)
{
	uint64_t numbers = r->give_up > r->window ? r->give_up - r->window : 0;

	r->next = (r->next + numbers) & r->mask;
	lose(r, numbers);
	r->give_up -= numbers;
}

const uint8_t *zc_reorder_next(struct zc_reorder *r, bool flush, size_t *len)
{
	struct slot *slot;

	free(r->last);
	r->last = NULL;
	while (!(slot = slot_of(r, r->next))->data) {
		if (!r->waiting)
			leap(r);
		if (!r->give_up && !(r->waiting && (flush || r->flushing))) {
			r->flushing = false;
			return NULL;
		}
		advance(r, false);
	}
	r->last = slot->data;
	*len = slot->len;
	slot->data = NULL;
	r->waiting--;
	r->stats->waiting_bytes -= slot->len;
	advance(r, true);
	return r->last;
}

static int skip(struct zc_reorder *r, uint64_t number)
{
	if (slot_of(r, number)->passed)
		r->stats->duplicates++;
	else
		r->stats->late++;
	return ZC_REORDER_SKIPPED;
}

static int flush_first(struct zc_reorder *r)
{
	r->flushing = true;
	return ZC_REORDER_FULL;
}

/* Begin with @number, whatever the numbers were before. */
static void start(struct zc_reorder *r, uint64_t number)
{
	for (unsigned i = 0; i < r->window; i++)
		r->slot[i].passed = false;
	r->stats->restarts += r->started;
	r->started = true;
	r->next = number;
}

static int keep(struct zc_reorder *r, struct slot *slot, const uint8_t *data, size_t len)
{
	if (slot->data) {
		r->stats->duplicates++;
		return ZC_REORDER_SKIPPED;
	}
	if (r->waiting && r->stats->waiting_bytes + len > ZC_REORDER_BYTES) {
		r->stats->overflows++;
		return flush_first(r);
	}
	slot->data = malloc(len ? len : 1);
	if (!slot->data)
		return -ENOMEM;
	memcpy(slot->data, data, len);
	slot->len = len;
	r->waiting++;
	r->stats->reordered++;
	r->stats->waiting_bytes += len;
	return ZC_REORDER_BUFFERED;
}

int zc_reorder_put(struct zc_reorder *r, uint64_t number, const uint8_t *data, size_t len)
{
	uint64_t ahead = (number - r->next) & r->mask, back = (r->next - number) & r->mask;

	if (r->started && back && back <= r->window)
		return skip(r, number);
	if (!r->started || ahead > r->mask / 2) {
		if (r->waiting)
			return flush_first(r);
		start(r, number);
		ahead = 0;
	}
	if (!ahead) {
		advance(r, true);
		return ZC_REORDER_PASS;
	}
	if (ahead >= r->window) {
		r->give_up = ahead - r->window + 1;
		return ZC_REORDER_FULL;
	}
	return keep(r, slot_of(r, number), data, len);
}
