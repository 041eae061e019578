// SPDX-License-Identifier: GPL-2.0-only
/* The fault of a module that must fail. */
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "mutant.h"

static char *mutant_fault = "reuse";
module_param_named(mutant, mutant_fault, charp, 0444);

bool zcdma_mutant(const char *fault)
{
	return !strcmp(mutant_fault, fault);
}
