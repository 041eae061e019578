// SPDX-License-Identifier: LGPL-2.1-or-later
/* Blocks that a source has delivered and not got back. */
#include "source/lent.h"

#include <stdlib.h>

#define FIRST_SIZE 32

/* A ticket is the block's place, and above it the number of the delivery among all of this process. */
#define PLACE_BITS 20
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

static atomic_ullong deliveries = 1;

void zc_lent_free(struct zc_lent *l)
{
	free(l->block);
}

int zc_lent_reserve(struct zc_lent *l)
{
	struct zc_lent_block *bigger;
	uint32_t size = l->size ? l->size * 2 : FIRST_SIZE;

	if (l->size && l->free != ZC_LENT_NONE)
		return 0;
	bigger = size > PLACE_MASK ? NULL : realloc(l->block, size * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	l->block = bigger;
	l->free = ZC_LENT_NONE;
	for (uint32_t i = size; i-- > l->size;) {
		l->block[i] = (struct zc_lent_block){ .next = l->free };
		l->free = i;
	}
	l->size = size;
	return 0;
}

/* Returns whether another share of the block of @e is in @state. */
static bool is_shared_with(const struct zc_lent *l, const struct zc_lent_block *e,
			   enum zc_lent_state state)
{
	const struct zc_lent_block *other = &l->block[e->share];

	for (; other != e; other = &l->block[other->share]) {
		if (other->state == state)
			return true;
	}
	return false;
}

static uint32_t *count_of(struct zc_lent *l, enum zc_lent_state state)
{
	return state == ZC_LENT_CALLER ? &l->with_caller : &l->with_paths;
}

static void enter(struct zc_lent *l, struct zc_lent_block *e, enum zc_lent_state state)
{
	e->state = state;
	*count_of(l, state) += !is_shared_with(l, e, state);
}

static void leave(struct zc_lent *l, struct zc_lent_block *e)
{
	*count_of(l, e->state) -= !is_shared_with(l, e, e->state);
}

static struct zc_lent_block *add(struct zc_lent *l, const struct zcdma_block *b)
{
	uint32_t place = l->free;
	struct zc_lent_block *e = &l->block[place];

	l->free = e->next;
	e->b = *b;
	e->next = ZC_LENT_NONE;
	e->share = place;
	e->replace = e->stuck = false;
	e->path = NULL;
	e->b.ticket = deliveries++ << PLACE_BITS | place;
	return e;
}

void zc_lent_add(struct zc_lent *l, struct zcdma_block *b)
{
	struct zc_lent_block *e = add(l, b);

	b->ticket = e->b.ticket;
	enter(l, e, ZC_LENT_CALLER);
}

struct zc_lent_block *zc_lent_share(struct zc_lent *l, uint32_t place)
{
	struct zc_lent_block *e = add(l, &l->block[place].b);

	e->share = l->block[place].share;
	l->block[place].share = (uint32_t)(e - l->block);
	enter(l, e, ZC_LENT_CALLER);
	return e;
}

struct zc_lent_block *zc_lent_find(const struct zc_lent *l, uint64_t ticket)
{
	uint64_t place = ticket & PLACE_MASK;
	struct zc_lent_block *e = place < l->size ? &l->block[place] : NULL;

	return e && e->state != ZC_LENT_FREE && e->b.ticket == ticket ? e : NULL;
}

void zc_lent_pass(struct zc_lent *l, struct zc_lent_block *e, struct zcdma_path *path)
{
	leave(l, e);
	e->path = path;
	enter(l, e, ZC_LENT_PATH);
}

bool zc_lent_remove(struct zc_lent *l, struct zc_lent_block *e, bool *replace)
{
	uint32_t place = (uint32_t)(e - l->block);
	struct zc_lent_block *before = e;
	const bool last = e->share == place;

	leave(l, e);
	*replace |= e->replace;
	while (before->share != place)
		before = &l->block[before->share];
	before->share = e->share;
	if (!last)
		before->replace |= *replace;
	e->state = ZC_LENT_FREE;
	e->next = l->free;
	l->free = place;
	return last;
}

void zc_lent_lose(struct zc_lent *l, struct zc_lent_block *e)
{
	leave(l, e);
	l->lost++;
	e->state = ZC_LENT_LOST;
	e->path = NULL;
}

static bool is_stuck(const struct zc_lent_block *e)
{
	return e->state == ZC_LENT_CALLER || e->state == ZC_LENT_LOST;
}

uint32_t zc_lent_stuck(const struct zc_lent *l)
{
	uint32_t count = 0;

	if (!l->lost)
		return l->with_caller;
	for (uint32_t i = 0; i < l->size; i++) {
		uint32_t other = l->block[i].share;

		if (!is_stuck(&l->block[i]))
			continue;
		/* A block counts once: by its first share. */
		while (other != i && !(other < i && is_stuck(&l->block[other])))
			other = l->block[other].share;
		count += other == i;
	}
	return count;
}
