/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults on purpose, in a module that only proves that the tests notice them: see Kbuild. */
#ifndef ZCDMA_MUTANT_H
#define ZCDMA_MUTANT_H

#include <linux/types.h>

#ifdef ZCDMA_MUTANT
/*
 * "reuse": blocks are filled while they are in flight; "sync": bounce buffers and caches are not synced
 * with what the device wrote; "phys": the device is given physical addresses. And devices that are as
 * they should not be: "fail": the simulated one cannot fill block 1; "one": it takes one piece for a
 * block.
 */
bool zcdma_mutant(const char *fault);
#else
static inline bool zcdma_mutant(const char *fault)
{
	return false;
}
#endif

#endif /* ZCDMA_MUTANT_H */
