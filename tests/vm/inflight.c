// SPDX-License-Identifier: GPL-2.0-only
/*
 * inflight: a block is not filled again while its pages are in use, whichever way. Speaks TAP.
 *
 * Every test here fails with a driver that does not look, and guest.sh checks that it does.
 */
#include <fcntl.h>
#include <unistd.h>

#include "shared/flight.h"
#include "shared/tap.h"

static const struct way *way;

static void is_waited_for(unsigned model)
{
	struct ring r = ring_create(FLIGHT_OPEN, ring_wanted(model));
	struct zcdma_dev_block held;
	struct flight f;
	bool reused = false;

	ring_go(&r);
	held = ring_take(&r);
	f = flight_leave(way, &r, &held);
	EXPECT(!ring_give(&r, held.index));
	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		reused |= b.index == held.index;
		EXPECT(!ring_give(&r, b.index));
	}
	/* The data first: it shows what the reuse does. */
	EXPECT(ring_stats(r.fd).draining == !reused);
	flight_arrive(&f);
	EXPECT(!reused);

	ring_run_until(&r, held.index);
	EXPECT(ring_stats(r.fd).drained == 1);
}

int main(void)
{
	for (size_t i = 0; i < flight_way_count; i++) {
		way = &flight_ways[i];
		for (unsigned model = ZCDMA_DEV_PAGES; model <= ZCDMA_DEV_SCATTER; model++)
			tap_run(is_waited_for, model, "%s: a block is waited for in %s",
				tap_models[model], way->name);
	}
	return 0;
}
