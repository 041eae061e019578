// SPDX-License-Identifier: GPL-2.0-only
/* policy: what a mapping shows with each policy. Speaks TAP. */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/fault.h"
#include "shared/ring.h"
#include "shared/tap.h"
static void strict_shows_only_what_is_held(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_STRICT);

	WAIT_FOR(ring_stats(r.fd).full == BLOCKS);
	for (unsigned lap = 0; lap < 2; lap++) {
		struct zcdma_dev_block b;

		EXPECT(fault_of_reading(r.map) == SIGBUS);
		b = ring_take(&r);
		EXPECT(b.index == 0 && !fault_of_reading(r.map));
		EXPECT(is_pattern(r.map, BLOCK, b.offset));
		EXPECT(fault_of_reading(r.map + r.setup.stride) == SIGBUS);
		EXPECT(!ring_give(&r, 0));
		EXPECT(fault_of_reading(r.map) == SIGBUS);
		EXPECT(fault_of_reading(r.map + BLOCK - 1) == SIGBUS);
		ring_run_for(&r, BLOCKS - 1);
		WAIT_FOR(ring_stats(r.fd).full == BLOCKS);
	}
}

/* Every mapping of it, of whichever part. */
static void strict_revokes_every_mapping(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_STRICT);
	struct zcdma_dev_block b = ring_take(&r);
	char *second = ring_map(&r, PROT_READ);
	char *part = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r.fd, (off_t)b.mmap_offset + PAGE);

	EXPECT(part != MAP_FAILED);
	EXPECT(!fault_of_reading(second) && !fault_of_reading(part));
	EXPECT(!ring_give(&r, b.index));
	EXPECT(fault_of_reading(second) == SIGBUS && fault_of_reading(part) == SIGBUS);
}

static void strict_shows_nothing_that_is_read(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_STRICT);
	char data[8];

	EXPECT(read(r.fd, data, sizeof(data)) == sizeof(data) && is_pattern(data, 8, 0));
	EXPECT(fault_of_reading(r.map) == SIGBUS);
}

static void track_shows_the_ring_all_the_time(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	ring_run_for(&r, BLOCKS);
	for (uint64_t at = 0; at < r.setup.ring_bytes; at += PAGE)
		EXPECT(!fault_of_reading(r.map + at));
}

static const struct tap_test tests[] = {
	{ "strict: SIGBUS but for what is held", strict_shows_only_what_is_held, TAP_PAGED },
	{ "strict: every mapping is revoked", strict_revokes_every_mapping, TAP_PAGED },
	{ "strict: SIGBUS for what is read", strict_shows_nothing_that_is_read, TAP_PAGED },
	{ "track: the mapping stays", track_shows_the_ring_all_the_time, TAP_ALL },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
