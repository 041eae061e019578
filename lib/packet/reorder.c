// SPDX-License-Identifier: LGPL-2.1-or-later
/* Datagrams in the order of their numbers. */
#include "packet/reorder.h"

#include <stdlib.h>
#include <string.h>

/* Of a number in the window, and of the one that is a window before it. */
struct slot {
	uint8_t *data; /* which waits, or NULL */
	size_t len;
	bool passed; /* the other one came in time */
};

struct zc_reorder {
	struct zc_reorder_stats *stats;
	uint64_t mask; /* of the bits that a number has */
	unsigned window;
	bool started;
	bool flushing;	  /* until nothing waits */
	uint64_t next;	  /* number */
	uint64_t give_up; /* so many from that on are not waited for */
	unsigned waiting;
	uint8_t *last; /* what zc_reorder_next() returned */
	struct slot slot[ZC_REORDER_WINDOW];
};

struct zc_reorder *zc_reorder_new(const struct zc_order_field *field,
				  struct zc_reorder_stats *stats)
{
	struct zc_reorder *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->stats = stats;
	o->mask = UINT64_MAX >> (64 - field->width * 8);
	o->window = field->width > 1 ? ZC_REORDER_WINDOW : ZC_REORDER_SMALL_WINDOW;
	return o;
}

void zc_reorder_free(struct zc_reorder *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < o->window; i++) {
		if (o->slot[i].data)
			o->stats->waiting_bytes -= o->slot[i].len;
		free(o->slot[i].data);
	}
	free(o->last);
	free(o);
}

bool zc_reorder_read(const struct zc_order_field *field, const uint8_t *data, size_t len,
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

bool zc_reorder_is_waiting(const struct zc_reorder *o)
{
	return o->waiting;
}

static struct slot *slot_of(struct zc_reorder *o, uint64_t number)
{
	return &o->slot[number % o->window];
}

/* Hostile numbers may leap further than can be counted, and again: then it stays at the most. */
static void lose(struct zc_reorder *o, uint64_t numbers)
{
	if (__builtin_add_overflow(o->stats->lost, numbers, &o->stats->lost))
		o->stats->lost = UINT64_MAX;
}

static void advance(struct zc_reorder *o, bool passed)
{
	slot_of(o, o->next)->passed = passed;
	lose(o, !passed);
	o->next = (o->next + 1) & o->mask;
	o->give_up -= !!o->give_up;
}

/* Where nothing waits, all but the last window's worth of what is given up is lost at once. */
static void leap(struct zc_reorder *o)
{
	uint64_t numbers = o->give_up > o->window ? o->give_up - o->window : 0;

	o->next = (o->next + numbers) & o->mask;
	lose(o, numbers);
	o->give_up -= numbers;
}

const uint8_t *zc_reorder_next(struct zc_reorder *o, bool flush, size_t *len)
{
	struct slot *slot;

	free(o->last);
	o->last = NULL;
	while (!(slot = slot_of(o, o->next))->data) {
		if (!o->waiting)
			leap(o);
		if (!o->give_up && !(o->waiting && (flush || o->flushing))) {
			o->flushing = false;
			return NULL;
		}
		advance(o, false);
	}
	o->last = slot->data;
	*len = slot->len;
	slot->data = NULL;
	o->waiting--;
	o->stats->waiting_bytes -= slot->len;
	advance(o, true);
	return o->last;
}

static int leave_out(struct zc_reorder *o, uint64_t number)
{
	if (slot_of(o, number)->passed)
		o->stats->duplicates++;
	else
		o->stats->late++;
	return ZC_REORDER_SKIPPED;
}

static int flush_first(struct zc_reorder *o)
{
	o->flushing = true;
	return ZC_REORDER_FULL;
}

/* Whatever the numbers were, they begin with this one. */
static void start(struct zc_reorder *o, uint64_t number)
{
	for (unsigned i = 0; i < o->window; i++)
		o->slot[i].passed = false;
	o->stats->restarts += o->started;
	o->started = true;
	o->next = number;
}

static int keep(struct zc_reorder *o, struct slot *slot, const uint8_t *data, size_t len)
{
	if (slot->data) {
		o->stats->duplicates++;
		return ZC_REORDER_SKIPPED;
	}
	if (o->waiting && o->stats->waiting_bytes + len > ZC_REORDER_BYTES) {
		o->stats->overflows++;
		return flush_first(o);
	}
	slot->data = malloc(len ? len : 1);
	if (!slot->data)
		return -ENOMEM;
	memcpy(slot->data, data, len);
	slot->len = len;
	o->waiting++;
	o->stats->reordered++;
	o->stats->waiting_bytes += len;
	return ZC_REORDER_BUFFERED;
}

int zc_reorder_put(struct zc_reorder *o, uint64_t number, const uint8_t *data, size_t len)
{
	uint64_t ahead = (number - o->next) & o->mask, behind = (o->next - number) & o->mask;

	if (o->started && behind && behind <= o->window)
		return leave_out(o, number);
	if (!o->started || ahead > o->mask / 2) {
		if (o->waiting)
			return flush_first(o);
		start(o, number);
		ahead = 0;
	}
	if (!ahead) {
		advance(o, true);
		return ZC_REORDER_PASS;
	}
	if (ahead >= o->window) {
		o->give_up = ahead - o->window + 1;
		return ZC_REORDER_FULL;
	}
	return keep(o, slot_of(o, number), data, len);
}
