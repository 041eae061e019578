// SPDX-License-Identifier: GPL-2.0-only
/* Find out whether touching memory raises a signal. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

#include "fault.h"
#include "tap.h"

static __thread sigjmp_buf fault;

static void on_fault(int signo)
{
	siglongjmp(fault, signo);
}

int fault_of_reading(const volatile char *byte)
{
	const struct sigaction action = { .sa_handler = on_fault };
	int signo;

	EXPECT(!sigaction(SIGBUS, &action, NULL) && !sigaction(SIGSEGV, &action, NULL));
	signo = sigsetjmp(fault, 1);
	if (!signo)
		(void)*byte;
	return signo;
}
