/* SPDX-License-Identifier: GPL-2.0-only */
/* The calls in which nth.c lets something fail, in the order in which they are made. */
#ifndef NTH_H
#define NTH_H

#include <stdbool.h>
#include <stddef.h>

#include "ring.h"

#define NTH_LENGTH  (19UL * PAGE) /* of a block: three pieces, where the model has pieces */
#define NTH_BLOCKS  4
#define NTH_IMPORTS NTH_BLOCKS

/* What the calls work on. A call takes the state as the calls before it in the table leave it. */
struct state {
	struct ring r;
	struct zcdma_dev_control *page;
	struct zcdma_dev_block block;
	int pipe[2];
	int file;    /* what sendfile() plays */
	int channel; /* another of the device, with a ring */
	/* For a block, and for the whole ring. */
	int dmabuf, ring_dmabuf;
	char *dmabuf_map, *ring_dmabuf_map;
	int vgem, handle;
	/* What the ring is made of, where that is not its own. */
	int import[NTH_IMPORTS];
	char *import_map[NTH_IMPORTS];
};

struct call {
	const char *name;
	int (*make)(struct state *s);		/* returns 0 or -errno */
	bool paged;				/* not for memory without pages */
	void (*prepare)(const struct state *s); /* wait until it need not say EAGAIN */
};

/* A device and the calls that are made on it. */
struct direction {
	const char *name;
	const char *device;
	unsigned models; /* bit 1 << model */
	const struct call *calls;
	size_t count;
	/* Ask for more than the usual ring. */
	void (*want)(struct state *s);
	/* The call of which the kernel warns the first time that it fails, or NULL. */
	int (*warns)(struct state *s);
};

extern const struct direction nth_directions[];
extern const size_t nth_direction_count;

/* Make what the first call of a direction begins with. */
struct state nth_begin(const struct direction *direction, unsigned model);
/* Undo all that the calls did, and that. */
void nth_end(struct state *s);

#endif /* NTH_H */
