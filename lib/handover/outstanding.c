// SPDX-License-Identifier: LGPL-2.1-or-later
/* The blocks that the reader at the other end of a hand-over has, and those that it released. */
#include "handover/outstanding.h"

#include <stdlib.h>

int zc_outstanding_init(struct zc_outstanding *o, uint32_t size, bool by_index)
{
	*o = (struct zc_outstanding){ .size = size, .by_index = by_index };
	o->table = calloc(size, sizeof(*o->table));
	o->done = calloc(size, sizeof(*o->done));
	if (o->table && o->done)
		return 0;
	zc_outstanding_free(o);
	return -ENOMEM;
}

void zc_outstanding_free(struct zc_outstanding *o)
{
	free(o->table);
	free(o->done);
}

struct zc_outstanding_block *zc_outstanding_place(const struct zc_outstanding *o,
						  const struct zcdma_block *b)
{
	if (o->by_index)
		return o->table[b->index].state == ZC_OUTSTANDING_UNUSED ? &o->table[b->index]
									 : NULL;
	for (uint32_t i = 0; i < o->size; i++) {
		if (o->table[i].state == ZC_OUTSTANDING_UNUSED)
			return &o->table[i];
	}
	return NULL;
}

void zc_outstanding_add(struct zc_outstanding *o, struct zc_outstanding_block *place,
			const struct zcdma_block *b, uint64_t id)
{
	*place = (struct zc_outstanding_block){ .b = *b, .id = id, .state = ZC_OUTSTANDING_OUT };
	o->out++;
}

static bool is_out(const struct zc_outstanding_block *e)
{
	return e->state == ZC_OUTSTANDING_OUT;
}

struct zc_outstanding_block *zc_outstanding_at(const struct zc_outstanding *o, uint32_t slot,
					       uint64_t id)
{
	struct zc_outstanding_block *e = slot < o->size ? &o->table[slot] : NULL;

	return e && is_out(e) && e->id == id ? e : NULL;
}

struct zc_outstanding_block *zc_outstanding_find(const struct zc_outstanding *o, uint64_t id)
{
	for (uint32_t i = 0; i < o->size; i++) {
		if (is_out(&o->table[i]) && o->table[i].id == id)
			return &o->table[i];
	}
	return NULL;
}

uint64_t zc_outstanding_first(const struct zc_outstanding *o, uint64_t none)
{
	uint64_t first = none;

	for (uint32_t i = 0; i < o->size; i++) {
		if (is_out(&o->table[i]))
			first = zc_min(first, o->table[i].id);
	}
	return first;
}

uint64_t zc_outstanding_bytes(const struct zc_outstanding *o)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < o->size; i++) {
		if (is_out(&o->table[i]))
			bytes += o->table[i].b.len;
	}
	return bytes;
}

void zc_outstanding_release(struct zc_outstanding *o, struct zc_outstanding_block *e,
			    enum zc_put how)
{
	e->state = ZC_OUTSTANDING_DONE;
	if (how == ZC_PUT_REPLACE)
		e->b.flags |= ZC_BLOCK_REPLACE;
	o->done[(o->done_head + o->done_count++) % o->size] = e;
	o->out--;
}

bool zc_outstanding_reap(struct zc_outstanding *o, struct zcdma_block *b)
{
	struct zc_outstanding_block *e;

	if (!o->done_count)
		return false;
	e = o->done[o->done_head];
	o->done_head = (o->done_head + 1) % o->size;
	o->done_count--;
	e->state = ZC_OUTSTANDING_UNUSED;
	*b = e->b;
	return true;
}
