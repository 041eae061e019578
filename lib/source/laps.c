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
		laps->kept[laps->count++] = (struct zc_kept){ index, len, true };
}

bool zc_laps_put(struct zc_laps *laps, uint32_t index)
{
	if (laps->state == ZC_LAPS_OFF)
		return false;
	for (unsigned i = 0; i < laps->count; i++) {
		if (laps->kept[i].index != index)
			continue;
		laps->kept[i].out = false;
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

void zc_laps_give_up(struct zc_laps *laps, struct zc_pool *pool)
{
	for (unsigned i = 0; i < laps->count; i++) {
		if (!laps->kept[i].out)
			zc_pool_put(pool, laps->kept[i].index, ZC_PUT_REUSE);
	}
	laps->state = ZC_LAPS_OFF;
}
