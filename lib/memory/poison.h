/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that is filled before a device has it: what still holds that afterwards was not written. Kernels are known that
 * map huge pages wrongly, so that most of what a driver writes goes elsewhere, without an error.
 */
#ifndef ZCDMA_MEMORY_POISON_H
#define ZCDMA_MEMORY_POISON_H

#include <stddef.h>
#include <stdint.h>

/* Returns what to fill memory with: another one each time, which no device writes. */
uint64_t zc_poison(void);

void zc_poison_fill(void *data, size_t len, uint64_t poison);

/* Count the bytes from @start to @end that still hold it, in whole pages; and in the last one, if it is not too short. */
size_t zc_poison_left(const unsigned char *data, size_t start, size_t end, uint64_t poison);

#endif
