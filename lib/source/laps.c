// SPDX-License-Identifier: LGPL-2.1-or-later
/* A stream that begins anew where it ends, with its blocks kept in the ring. */
#include "source/laps.h"

#include <stdlib.h>

int zc_laps_open(struct zc_laps *laps, unsigned blocks)
{
	*laps = (struct zc_laps){ .kept = calloc(blocks, sizeof(*laps->kept)) };
	if (!laps->kept)
		return -ENOMEM;
	laps->state = ZC_LAPS_KEEP;
	return 0;
}

void zc_laps_close(struct zc_laps *laps)
{
	free(laps->kept);
	*laps = (struct zc_laps){ .kept = NULL };
}

void zc_laps_keep(struct zc_laps *laps, uint32_t index, size_t len)
{
	if (laps->state == ZC_LAPS_KEEP)
		laps->kept[laps->count++] =
			(struct zc_kept){ .index = index, .len = len, .out = true };
}

bool zc_laps_put(struct zc_laps *laps, uint32_t index, enum zc_put how)
{
	if (laps->state == ZC_LAPS_OFF)
		return false;
	for (unsigned i = 0; i < laps->count; i++) {
		if (laps->kept[i].index != index)
			continue;
		laps->kept[i].out = false;
		laps->kept[i].replace |= how == ZC_PUT_REPLACE;
		return true;
	}
	return false;
}

const struct zc_kept *zc_laps_next(struct zc_laps *laps)
{
	struct zc_kept *k = &laps->kept[laps->next];

	if (k->out)
		return NULL;
	k->out = true;
	laps->next = (laps->next + 1) % laps->count;
	return k;
}

unsigned zc_laps_give_up(struct zc_laps *laps, struct zc_pool *pool)
{
	unsigned replaced = 0;

	for (unsigned i = 0; i < laps->count; i++) {
		const struct zc_kept *k = &laps->kept[i];

		if (k->out)
			continue;
		zc_pool_put(pool, k->index, k->replace ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
		replaced += k->replace;
	}
	laps->state = ZC_LAPS_OFF;
	return replaced;
}
