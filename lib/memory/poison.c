// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory that is filled before a device has it: what still holds that afterwards was not written. */
#include "memory/poison.h"

#include <sys/random.h>

#include <zcdma/verify.h>

#include "internal.h"

/* Bytes that a device does not write by chance. */
#define LEAST_POISON 64

uint64_t zc_poison(void)
{
	uint64_t poison;

	return getrandom(&poison, sizeof(poison), 0) == sizeof(poison)
		       ? poison
		       : zc_now_ns() * 0x9e3779b97f4a7c15u;
}

void zc_poison_fill(void *data, size_t len, uint64_t poison)
{
	zcdma_pattern_fill(data, len, 0, poison);
}

size_t zc_poison_left(const unsigned char *data, size_t start, size_t end, uint64_t poison)
{
	const size_t page = zc_page_size();
	size_t left = 0;

	for (size_t at = (start + page - 1) / page * page; at < end; at += page) {
		const size_t len = zc_min(page, end - at);

		if (len >= LEAST_POISON && zcdma_pattern_match(data + at, len, at, poison) == len)
			left += len;
	}
	return left;
}
