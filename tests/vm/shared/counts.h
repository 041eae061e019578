/* SPDX-License-Identifier: GPL-2.0-only */
/* The reference counts of a ring, as the driver shows them in debugfs. */
#ifndef COUNTS_H
#define COUNTS_H

#include <stddef.h>

#define COUNTS_MAX 32768

/* A line of /sys/kernel/debug/zcdma/zcdma0/pages, of blocks in order. */
struct count {
	unsigned block;
	unsigned number; /* of the page, or of the compound page, in the block */
	int refs;
	int maps;
	int in_flight;
};

struct counts {
	size_t n;
	struct count count[COUNTS_MAX];
};

void counts_read(struct counts *c);

/* Return the sums over @block. */
int counts_maps(const struct counts *c, unsigned block);
int counts_in_flight(const struct counts *c, unsigned block);

/* Copy the state of @block, from the file `blocks` of that folder, to @state of 16 bytes. */
void counts_state(unsigned block, char *state);

#endif /* COUNTS_H */
