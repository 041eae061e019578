/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One descriptor for an event loop of the caller's, readable when any of several others is ready. */
#ifndef ZCDMA_UTIL_WATCH_H
#define ZCDMA_UTIL_WATCH_H

#include <poll.h>

#include "internal.h"

#define ZC_WATCH_MOST 3

struct zc_watch {
	int fd;	    /* the descriptor */
	int timer;  /* among those that are watched */
	bool timed; /* it is set */
	struct pollfd set[ZC_WATCH_MOST];
	unsigned count;
};

/* Make one, which watches nothing yet. Returns 0 or a negative errno. */
int zc_watch_new(struct zcdma_ctx *ctx, struct zc_watch **watch);

/* Free it; NULL is fine. */
void zc_watch_free(struct zc_watch *w);

/* Watch @p, @count of them, and nothing else; and be readable in @ms, which are 0 for at once, and -1 for not at all. NULL is fine. */
void zc_watch_set(struct zc_watch *w, const struct pollfd *p, unsigned count, int ms);

#endif
