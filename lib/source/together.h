/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels of one device that start at the same time: how their processes, of one user, meet. The first to come listens.
 * The others connect and pass the files of their rings, all of which it starts with one call.
 */
#ifndef ZCDMA_SOURCE_TOGETHER_H
#define ZCDMA_SOURCE_TOGETHER_H

#include "source/dev_ring.h"
#include "util/alarm.h"

struct zc_together_member {
	int sock;
	int fd; /* of its ring, or -1 until it has come */
};

struct zc_together {
	struct zc_dev_ring
		*ring; /* which starts together with others; NULL: it does not, or has started */
	struct zc_alarm alarm; /* for .sock, the members, and when to look for others again */
	int sock;	       /* listens, or is connected to the process that does; or -1 */
	bool leads;	       /* it listens */
	struct zc_together_member member[ZCDMA_DEV_GROUP_MAX];
	unsigned count;	      /* of them */
	unsigned missing;     /* channels that have not come; 0: unknown */
	uint64_t device_time; /* when they started, or 0: they have not, or it is unknown */
};

/* Begin to meet the others. Returns 0, or a negative errno with the error message set. */
int zc_together_begin(struct zc_together *t, struct zc_dev_ring *ring);

/* Look who has come. Returns 0 once all have started, -EAGAIN before that, or the same errors. */
int zc_together_look(struct zc_together *t);

/* Stop waiting. The others wait on, for another one. */
void zc_together_leave(struct zc_together *t);

#endif
