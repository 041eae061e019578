/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pace of a source that has none of its own. */
#ifndef ZCDMA_SOURCE_PACE_H
#define ZCDMA_SOURCE_PACE_H

#include "internal.h"

struct zc_pace {
	uint64_t rate;	 /* bytes per second; 0: as fast as they are taken */
	uint64_t due_ns; /* when the next block may come */
	int timer_fd;	 /* readable then; 0: not made */
};

/*
 * Check whether a block is due, and limit *@most to the bytes that one may have. Returns 0, or -EAGAIN, and then .timer_fd
 * is readable when it is; or another negative errno without a message.
 */
int zc_pace_check(struct zc_pace *p, size_t *most);

/* Count a block of @len bytes. */
void zc_pace_count(struct zc_pace *p, size_t len);

/* Close the timer, if there is one. */
void zc_pace_close(struct zc_pace *p);

#endif
