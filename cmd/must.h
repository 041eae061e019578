/* SPDX-License-Identifier: GPL-2.0-only */
/* Small allocations of the command: without them there is nothing sensible left to do. */
#ifndef MUST_H
#define MUST_H

#include <stdio.h>
#include <unistd.h>

#include "applet.h"

static inline void *must(void *allocated)
{
	if (allocated)
		return allocated;
	fputs("zcdma: out of memory\n", stderr);
	_exit(STATUS_ERROR);
}

#endif
