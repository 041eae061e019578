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

void zc_lent_add(struct zc_lent *l, struct zcdma_block *b)
{
	uint32_t place = l->free;
	struct zc_lent_block *e = &l->block[place];

	l->free = e->next;
	b->ticket = deliveries++ << PLACE_BITS | place;
	*e = (struct zc_lent_block){ .b = *b, .state = ZC_LENT_CALLER, .next = ZC_LENT_NONE };
	l->with_caller++;
}

struct zc_lent_block *zc_lent_find(const struct zc_lent *l, uint64_t ticket)
{
	uint64_t place = ticket & PLACE_MASK;
	struct zc_lent_block *e = place < l->size ? &l->block[place] : NULL;

	return e && e->state != ZC_LENT_FREE && e->b.ticket == ticket ? e : NULL;
}

void zc_lent_pass(struct zc_lent *l, struct zc_lent_block *e, struct zcdma_path *path)
{
	e->state = ZC_LENT_PATH;
	e->path = path;
	l->with_caller--;
	l->with_paths++;
}

static void leave(struct zc_lent *l, struct zc_lent_block *e)
{
	*(e->state == ZC_LENT_CALLER ? &l->with_caller : &l->with_paths) -= 1;
}

void zc_lent_remove(struct zc_lent *l, struct zc_lent_block *e)
{
	leave(l, e);
	*e = (struct zc_lent_block){ .next = l->free };
	l->free = (uint32_t)(e - l->block);
}

void zc_lent_lose(struct zc_lent *l, struct zc_lent_block *e)
{
	leave(l, e);
	e->state = ZC_LENT_LOST;
	e->path = NULL;
}
