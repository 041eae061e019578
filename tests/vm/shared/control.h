/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring with a control page, as <linux/zcdma.h> says to use it. All of these end a test that fails. */
#ifndef CONTROL_H
#define CONTROL_H

#include "ring.h"

struct control {
	struct ring ring;
	struct zcdma_dev_control *page;
	unsigned long kicks; /* calls of poll() that the kernel asked for */
};

/* Set up a ring with a control page, and map both, without starting it. */
struct control control_create(struct zcdma_dev_setup setup);
/* Start the usual ring with a control page. */
struct control control_start(unsigned model);
/* Unmap and close. */
void control_end(struct control *c);

/* Take the next block, if there is one. Returns whether there was. Calls nothing. */
bool control_try_take(struct control *c, struct zcdma_dev_block *b);
/* Take the next block, and wait for it by poll(). */
struct zcdma_dev_block control_take(struct control *c);
/* Return a block through the page, and call poll() where the kernel asks for it. */
void control_give(struct control *c, unsigned index, uint64_t length);

/* The two halves of it: write an entry, and have it collected whatever the kernel asks for. */
void control_put(struct control *c, unsigned index, uint64_t length);
void control_kick(const struct control *c);

/* Take and give back until @blocks have gone round, and check their data and their order. */
void control_run_for(struct control *c, unsigned blocks);

#endif /* CONTROL_H */
