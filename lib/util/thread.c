// SPDX-License-Identifier: LGPL-2.1-or-later
/* Starts threads of the library's own. */
#include "util/thread.h"

#include <signal.h>

int zc_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}
