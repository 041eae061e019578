// SPDX-License-Identifier: LGPL-2.1-or-later
/* Starts threads of the library's own. */
#include "util/thread.h"

#include <signal.h>

#include <zcdma/util.h>

#include "internal.h"

#define SMALL_STACK (512u << 10)

static int start(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

int zc_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	return start(thread, NULL, run, arg);
}

int zc_thread_start_small(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	int rc = -pthread_attr_init(&attr);

	if (rc)
		return rc;
	rc = -pthread_attr_setstacksize(&attr, SMALL_STACK);
	if (!rc)
		rc = start(thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return rc;
}

ZC_PUBLIC const char *zcdma_thread_hint(int rc)
{
	/* pthread_create(3) */
	return rc == -EAGAIN ? "raise the limit on threads: ulimit -u, or pids.max of the cgroup"
			     : NULL;
}

int zc_thread_fail(struct zcdma_ctx *ctx, int rc, const char *what)
{
	const char *hint = zcdma_thread_hint(rc);

	zc_fail(ctx, -rc, "start a thread for %s", what);
	if (hint)
		zc_hint(ctx, "%s", hint);
	return rc;
}
