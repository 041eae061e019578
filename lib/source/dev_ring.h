/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ring of a device of the driver, whichever way its data goes: its options, its limits and its mapping. */
#ifndef ZCDMA_SOURCE_DEV_RING_H
#define ZCDMA_SOURCE_DEV_RING_H

#include <linux/zcdma.h>

#include "util/options.h"

struct zc_dev_options {
	uint64_t model, policy, blocks, block_size, rate, seed, timeout_ns, watermark, node,
		together;
};

/* The control page, where .page is not NULL: see dev_control.h. */
struct zc_dev_control {
	struct zcdma_dev_control *page;
	uint32_t entries, full_offset, full_size, given_offset, given_size;
	uint32_t taken, given;
};

struct zc_dev_ring {
	struct zcdma_ctx *ctx;
	const char *kind, *name; /* for messages: "source", "dev:/dev/zcdma0" */
	int fd;
	char path[256];
	struct zc_dev_options opt;
	struct zcdma_dev_info info;
	struct zcdma_dev_setup setup;
	unsigned char *map; /* the ring, or NULL where nothing wants its memory */
	bool wants_control;
	struct zc_dev_control control;
	struct zcdma_dev_stats stats;
};

/* "coherent", "pages", "compound", "scatter", by enum zcdma_dev_model; then NULL. */
extern const char *const zc_dev_models[];

/* The options of a spec, whose values are a struct zc_dev_options. */
#define ZC_DEV_OPTIONS 10
extern const struct zc_option zc_dev_options[ZC_DEV_OPTIONS];

/* Set what the options are where a spec does not say, and take the device out of "[PATH][,OPTIONS]". Returns the options. */
const char *zc_dev_ring_init(struct zc_dev_ring *d, const char *arg);

/* Returns whether it starts with other channels of its device: .opt.together of them, with itself. */
bool zc_dev_ring_is_together(const struct zc_dev_ring *d);

/* Open the device for @access and ask for its limits. Returns 0, or a negative errno with the error message set. */
int zc_dev_ring_open(struct zc_dev_ring *d, int access);

/* Set the ring up, as the options say. Returns the same. */
int zc_dev_ring_set_up(struct zc_dev_ring *d);

/* Map the ring for @prot. Returns the same. */
int zc_dev_ring_map(struct zc_dev_ring *d, int prot);
void zc_dev_ring_unmap(struct zc_dev_ring *d);

/* Ask for the figures; those of before stay where the device is gone. */
void zc_dev_ring_look(struct zc_dev_ring *d);

/* Set the error message for @err of a call that was to do @what. Returns -@err. */
int zc_dev_ring_fail(struct zc_dev_ring *d, int err, const char *what);

#endif
