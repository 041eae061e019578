/* SPDX-License-Identifier: GPL-2.0-only */
/* While a receiver is waited for that may come later: a note, and no SIGUSR1. */
#ifndef TRANSFER_CONNECTING_H
#define TRANSFER_CONNECTING_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "transfer/transfer.h"

struct connecting {
	struct report *r;
	const char *to;
	struct zcdma_addr addr;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	sigset_t signals; /* that were blocked before */
	bool waits, started, done;
};

/*
 * Before a call that connects to @to, as that has retry=: have a note say what is waited for in @r, if the call takes long.
 * SIGUSR1 waits meanwhile: a call that is interrupted and made again counts its seconds anew. Nothing else uses @r
 * until connecting_end().
 */
void connecting_begin(struct connecting *c, const struct transfer *t, struct report *r,
		      const char *to);

/* The call has returned. */
void connecting_end(struct connecting *c);

#endif
