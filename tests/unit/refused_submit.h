/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel that refuses submissions to io_uring: in place of liburing's function. Include it after cmocka.h. */
#ifndef REFUSED_SUBMIT_H
#define REFUSED_SUBMIT_H

#include <dlfcn.h>
#include <liburing.h>

static int refusal;	  /* the errno by which the kernel refuses ... */
static unsigned refusals; /* ... this many submissions from now on */

int io_uring_submit(struct io_uring *ring)
{
	int (*real)(struct io_uring *) =
		(int (*)(struct io_uring *))dlsym(RTLD_NEXT, "io_uring_submit");

	if (!refusals)
		return real(ring);
	refusals--;
	return -refusal;
}

#endif
