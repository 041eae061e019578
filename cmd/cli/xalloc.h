/* SPDX-License-Identifier: GPL-2.0-only */
/* Small allocations of the command: without them there is nothing sensible left to do. */
#ifndef CLI_XALLOC_H
#define CLI_XALLOC_H

#include <stdio.h>
#include <unistd.h>

#include "cli/status.h"

/* Return @allocated, or end the program if it is NULL. */
static inline void *xalloc(void *allocated)
{
	if (allocated)
		return allocated;
	fputs("zcdma: out of memory\n", stderr);
	_exit(STATUS_ERROR);
}

#endif
