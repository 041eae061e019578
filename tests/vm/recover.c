// SPDX-License-Identifier: GPL-2.0-only
/*
 * recover: the PCI device edu is reset, or its link fails, while it captures: the stream goes on, and says that
 * data may be missing. Speaks TAP.
 */
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/pci.h"
#include "shared/ring.h"
#include "shared/tap.h"

/* Every block is right until one is marked, which comes within a ring of those that were full before. */
static void expect_gap(struct ring *r)
{
	struct zcdma_dev_block b;

	WAIT_FOR(ring_stats(r->fd).gaps);
	for (unsigned i = 0; i <= BLOCKS; i++) {
		b = ring_take(r);
		EXPECT(!(b.flags & ZCDMA_DEV_BLOCK_ERROR));
		EXPECT(is_pattern(ring_data(r, &b), b.length, b.offset));
		EXPECT(!ring_give(r, b.index));
		if (b.flags & ZCDMA_DEV_BLOCK_GAP)
			break;
	}
	EXPECT(b.flags & ZCDMA_DEV_BLOCK_GAP);
	/* The blocks after it have no mark. */
	for (unsigned i = 0; i < 2; i++) {
		b = ring_take(r);
		EXPECT(!b.flags && is_pattern(ring_data(r, &b), b.length, b.offset));
		EXPECT(!ring_give(r, b.index));
	}
	EXPECT(ring_stats(r->fd).gaps == 1 && ring_stats(r->fd).running);
	EXPECT(!ring_stats(r->fd).failed);
}

static void goes_on_after_reset(unsigned model)
{
	struct ring r = ring_start_small(model);

	if (!pci_reset())
		tap_skip("this kernel knows no way to reset the device");
	expect_gap(&r);
	ring_end(&r);
}

static void goes_on_after_error(unsigned model)
{
	struct ring r = ring_start_small(model);

	pci_fatal_error();
	expect_gap(&r);
	ring_end(&r);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the stream goes on after the device was reset", goes_on_after_reset, TAP_PAGED },
		{ "the stream goes on after a fatal error of the link", goes_on_after_error,
		  TAP_PAGED },
	};

	ring_device = "/dev/zcdma1";
	TAP_RUN_ALL(tests);
	return 0;
}
