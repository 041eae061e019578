/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel that refuses submissions to io_uring: in place of liburing's function. Include it after cmocka.h. */
#ifndef REFUSED_SUBMIT_H
#define REFUSED_SUBMIT_H

#include <dlfcn.h>
#include <liburing.h>

static int refusal;	  /* the errno by which the kernel refuses ... */
static unsigned refusals; /* ... this many submissions from now on */
static int unanswered;	  /* the errno of a wait for completions, which never come; or 0 */

int io_uring_submit(struct io_uring *ring)
{
	int (*real)(struct io_uring *) =
		(int (*)(struct io_uring *))dlsym(RTLD_NEXT, "io_uring_submit");

	if (unanswered)
		return 1;
	if (!refusals)
		return real(ring);
	refusals--;
	return -refusal;
}

/* What io_uring_wait_cqe() calls where no completion is there. */
int __io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned submit,
		       unsigned wait, sigset_t *mask)
{
	int (*real)(struct io_uring *, struct io_uring_cqe **, unsigned, unsigned, sigset_t *) =
		(int (*)(struct io_uring *, struct io_uring_cqe **, unsigned, unsigned,
			 sigset_t *))dlsym(RTLD_NEXT, "__io_uring_get_cqe");

	return unanswered && wait ? -unanswered : real(ring, cqe, submit, wait, mask);
}

#endif
