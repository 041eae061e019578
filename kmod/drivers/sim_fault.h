/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults of simulated devices, in a module that only proves that tests notice them: see Kbuild. */
#ifndef ZCDMA_SIM_FAULT_H
#define ZCDMA_SIM_FAULT_H

#include <linux/types.h>

#ifdef ZCDMA_MUTANT
/*
 * "fail": it cannot fill or play block 1; "one": it takes one piece for a block; "gap": data may be
 * missing before block 1; "long": it reports a page more than a block has. And a device that is
 * slow: "stall": the first stop lasts until a signal comes; "refuse": so does the first start, and
 * fails with -ETIME.
 */
bool zcdma_sim_mutant(const char *fault);
/* Sleep until a signal comes, where the module has the fault, the first time. Returns whether. */
bool zcdma_sim_stall(const char *fault);
#else
static inline bool zcdma_sim_mutant(const char *fault)
{
	return false;
}

static inline bool zcdma_sim_stall(const char *fault)
{
	return false;
}
#endif

#endif /* ZCDMA_SIM_FAULT_H */
