/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults of simulated devices, in a module that only proves that tests notice them: see Kbuild. */
#ifndef ZCDMA_SIM_FAULT_H
#define ZCDMA_SIM_FAULT_H

#include <linux/types.h>

#ifdef ZCDMA_MUTANT
/*
 * "fail": it cannot fill or play block 1; "one": it takes one piece for a block; "gap": data may be
 * missing before block 1; "long": it reports a page more than a block has.
 */
bool zcdma_sim_mutant(const char *fault);
#else
static inline bool zcdma_sim_mutant(const char *fault)
{
	return false;
}
#endif

#endif /* ZCDMA_SIM_FAULT_H */
