// SPDX-License-Identifier: GPL-2.0-only
/*
 * cold: a ring is all zeros before the device has filled it, also where the CPU's zeros were in its
 * cache alone. Uses the PCI device edu. Speaks TAP.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/tap.h"

static bool is_zero(const char *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/* A block that is rounded up, to its end. */
static void nothing_is_seen(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;

	setup.block_size = 3 * PAGE + ring_align();
	r = ring_create(O_RDONLY, setup);
	EXPECT(is_zero(r.map, r.setup.ring_bytes));
	ring_end(&r);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a ring that was not filled is all zeros", nothing_is_seen, TAP_ALL },
	};

	ring_device = "/dev/zcdma1";
	if (access(ring_device, F_OK)) {
		tap_run(nothing_is_seen, 0, "there is the PCI device edu");
		return 0;
	}
	TAP_RUN_ALL(tests);
	return 0;
}
