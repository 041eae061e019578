/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that both ends of a hand-over map: one lane of blocks, which the producer puts in, and one of releases, which
 * the consumer does. Each lane has one end that puts and one that takes. What the other end writes is not believed: an
 * entry is copied out before it is looked at, and each end counts by itself.
 */
#ifndef ZCDMA_HANDOVER_SHARED_PAGE_H
#define ZCDMA_HANDOVER_SHARED_PAGE_H

#include "handover/protocol.h"

#define ZC_LANE_LINE 64 /* bytes of a cache line, for what only one end writes to */

/* Whether the end that takes waits for a ZC_HO_WAKE. */
enum zc_lane_sleeps {
	ZC_LANE_AWAKE,
	ZC_LANE_SLEEPS,	 /* ... which may come when it is worth it */
	ZC_LANE_HURRIES, /* ... with the next entry, as there may be no other */
	ZC_LANE_PATIENT, /* ... which may come late: nothing is lost anywhere while it sleeps */
};

/* What the page begins with, for each lane. */
struct zc_lane_head {
	_Atomic uint32_t put; /* entries, a number that wraps */
	unsigned char pad[ZC_LANE_LINE - sizeof(uint32_t)];
	_Atomic uint32_t
		sleeps; /* enum zc_lane_sleeps, of the end that takes, until the other one clears it */
	unsigned char more[ZC_LANE_LINE - sizeof(uint32_t)];
};

/* One end's view of a lane. */
struct zc_lane {
	struct zc_lane_head *head;
	volatile uint64_t *entries; /* each word is read, and written, once */
	unsigned words;		    /* of an entry */
	uint32_t mask;
	uint32_t done; /* entries that this end has put, or taken */
	bool asleep;   /* this end takes, and has set .sleeps */
	bool rung;     /* the other end has cleared it: its message has come, or is about to */
};

struct zc_shared_page {
	void *map; /* NULL: blocks and releases go by messages */
	size_t size;
	struct zc_lane blocks, releases;
};

/* Make the page for a ring of @blocks, sealed. Returns its descriptor, or a negative errno. */
int zc_shared_page_create(struct zc_shared_page *s, uint32_t blocks);

/* Map the page for a ring of @blocks that the producer made. Returns 0, -EPROTO if it is not one, or another negative errno. */
int zc_shared_page_map(struct zc_shared_page *s, int fd, uint32_t blocks);

/* Unmap the page, if there is one. */
void zc_shared_page_unmap(struct zc_shared_page *s);

/* Put an entry into the lane, which has room for as many as the ring has blocks. */
void zc_lane_put(struct zc_lane *lane, const void *entry);

/* Returns whether the lane is empty, for the end that takes. */
bool zc_lane_is_empty(const struct zc_lane *lane);

/*
 * Take an entry. @most: how many there can be, as far as this end knows. Returns 1, 0 if the lane is empty, or -EPROTO if
 * there are more.
 */
int zc_lane_take(struct zc_lane *lane, uint32_t most, void *entry);

/* Ask for a message before going to sleep, and say @how soon. Returns false if an entry has come meanwhile. */
bool zc_lane_sleep(struct zc_lane *lane, enum zc_lane_sleeps how);

/*
 * Returns for how many releases the writer of a ring of @blocks is woken: each message costs it a turn. Its device needs them,
 * and a reader may hold three quarters of the ring, so that is the fourth, as far as one message names.
 */
uint32_t zc_lane_few(uint32_t blocks);

/*
 * The same of a writer that says in the page how it sleeps. A patient one can wait for three quarters, as long as the reader has
 * @more to take: when that is gone, it asks again.
 */
uint32_t zc_lane_worth_waking(struct zc_lane *lane, uint32_t blocks, bool more);

/* Returns whether the end that takes asked for a message, which the caller then sends. */
bool zc_lane_must_wake(struct zc_lane *lane);

#endif
