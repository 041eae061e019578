/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An fsync() that can be waited for as for anything else: a thread makes the call, which may take as long as a device plays. */
#ifndef ZCDMA_PATH_DRAIN_H
#define ZCDMA_PATH_DRAIN_H

#include <pthread.h>

#include "internal.h"

struct zc_drain {
	bool begun;
	int fd;	     /* to sync */
	int done_fd; /* an eventfd, readable once the call returned */
	int rc;	     /* what it returned, a negative errno */
	pthread_t thread;
};

/*
 * Call fsync(@fd), or go on waiting for the call that was made before, until @timeout_ms. Returns what fsync() did, as a
 * negative errno without a message; -ETIMEDOUT or -EINTR, after which the same call goes on; or the error of making the thread.
 */
int zc_drain(struct zcdma_ctx *ctx, struct zc_drain *d, int fd, int timeout_ms);

/* Wait for a call that is under way, which the caller has made sure to end. */
void zc_drain_end(struct zc_drain *d);

#endif
