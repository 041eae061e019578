/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recording around an event: blocks stay in the ring, the oldest are given back, and when a trigger comes all that are
 * there are written, with those that follow for a while. Each event has a file of its own.
 */
#ifndef RECORD_TRIGGER_H
#define RECORD_TRIGGER_H

#include "transfer/transfer.h"

struct trigger {
	bool on;
	uint64_t before_ns, after_ns;

	/* Its own. */
	struct zcdma_block *held; /* a circle of .room */
	unsigned room, first, count;
	unsigned seen;	   /* triggers that were heeded */
	bool open;	   /* an event is being recorded ... */
	uint64_t until_ns; /* ... until then, by the time of blocks */
	uint64_t events;
	bool full_noted;
};

/* Parse the three options, of which each may be NULL. Returns false after a reported usage error. */
bool trigger_parse(struct report *r, const char *before, const char *after, const char *trigger,
		   struct trigger *tr);

/* Listen for triggers. */
void trigger_open(struct trigger *tr);

/* Returns whether a trigger has come; then the event is open, or goes on longer. */
bool trigger_fired(struct trigger *tr);

/* Keep @b for an event to come, and give back what is too old for that. */
void trigger_hold(struct trigger *tr, struct transfer *t, const struct zcdma_block *b);

/* Take the oldest block that is held. Returns false if there is none. */
bool trigger_take(struct trigger *tr, struct zcdma_block *b);

/* Give back all blocks that are held. Returns whether there were any. */
bool trigger_give_back(struct trigger *tr, struct zcdma_source *src);

/* The same, and free the rest. */
void trigger_close(struct trigger *tr, struct zcdma_source *src);

#endif
