/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults on purpose, in a module that only proves that the tests notice them: see Kbuild. */
#ifndef ZCDMA_FAULT_INJECT_H
#define ZCDMA_FAULT_INJECT_H

#include <linux/dma-mapping.h>
#include <linux/types.h>

#ifdef ZCDMA_MUTANT
/*
 * "reuse": blocks are filled while they are in flight; "sync": bounce buffers and caches are not
 * synced with what the device wrote; "phys": the device is given physical addresses; "get": a block
 * that is read from is not held meanwhile; "put": a large page is not let go when its ring goes;
 * "lock": two readers may be at the same place of the stream; "leak": the list of a ring's blocks
 * is not freed; "order": a block is queued before those that were; "hold": pages of a pipe are not
 * held for the device; "charge": nor uncharged; "keep": nor let go where they are dropped; "trust":
 * what is given back need not be held; "kick": user space is not asked to have it collected; "map":
 * what an importer of a dma-buf maps is not held meanwhile; "unmap": it is held for ever; "whole":
 * what was sent from a mapping of the whole ring is not waited for; "some": of a group those before
 * one that runs already start; "race": the counters are read without their lock too. And machines
 * that QEMU is not: "pieces": memory has single pages alone; "cache": memory that is mapped for a
 * device to write to loses what the CPU wrote to it, unless it was mapped for one to read before;
 * "dirty": the same, with a driver that does not. And a processor that is slow: "linger": to let go
 * of what a stop dropped lasts until a signal comes; "late": so does to make the first block of the
 * ring ready for the device; "add": a device cannot be added after all, once one came.
 */
bool zcdma_mutant(const char *fault);
/* Sleep until a signal comes, where the module has the fault. */
void zcdma_mutant_wait(const char *fault);
int zcdma_dma_map_sgtable(struct device *dev, struct sg_table *sgt, enum dma_data_direction dir,
			  unsigned long attrs);
#else
static inline bool zcdma_mutant(const char *fault)
{
	return false;
}

static inline void zcdma_mutant_wait(const char *fault)
{
}

#define zcdma_dma_map_sgtable dma_map_sgtable
#endif

#endif /* ZCDMA_FAULT_INJECT_H */
