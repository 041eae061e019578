// SPDX-License-Identifier: GPL-2.0-only
#include "bench/child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

pid_t bench_fork(void)
{
	const pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it has ended before that */
		_exit(0);
	return 0;
}
