/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How fast the processor reads a mapping. */
#ifndef ZCDMA_PROBE_SPEED_H
#define ZCDMA_PROBE_SPEED_H

#include <stddef.h>
#include <stdint.h>

/* Measure how fast @len bytes at @addr are read. Returns bytes a second, or 0 if there are too few to tell. */
uint64_t zc_read_speed(const void *addr, size_t len);

/* Measure the same of anonymous memory. Returns 0 too if memory is short. */
uint64_t zc_read_speed_anonymous(size_t len);

/* Returns whether a mapping that is read at @speed cannot be in the cache, where anonymous memory is read at @anonymous. */
static inline int zc_read_is_uncached(uint64_t speed, uint64_t anonymous)
{
	return speed && anonymous / 10 > speed;
}

#endif
