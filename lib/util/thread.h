/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of the library's own. */
#ifndef ZCDMA_UTIL_THREAD_H
#define ZCDMA_UTIL_THREAD_H

#include <pthread.h>

struct zcdma_ctx;

/* Start a thread that gets no signals: they are for the program's own threads. Returns 0 or a negative errno. */
int zc_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* The same with a stack of 512 KiB, for a process whose memory is locked: all of a stack is there then. */
int zc_thread_start_small(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* Set the error message of a thread for @what that was not started, and its hint. Returns @rc, a negative errno. */
int zc_thread_fail(struct zcdma_ctx *ctx, int rc, const char *what);

#endif
