// SPDX-License-Identifier: GPL-2.0-only
/* What a child inherits of a mapping. */
#include <errno.h>
#include <sys/mman.h>

#include "inherit.h"
#include "tap.h"

void inherit(void *map, size_t bytes)
{
	if (madvise(map, bytes, MADV_DOFORK)) {
		EXPECT(errno == EINVAL);
		tap_skip(
			"this kernel leaves a driver's mapping out of fork(), whatever madvise() says");
	}
}

void inherit_all(void *map, size_t bytes)
{
	inherit(map, bytes);
	EXPECT(!madvise(map, bytes, MADV_KEEPONFORK));
}
