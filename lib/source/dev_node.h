/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The nodes of the driver's devices. */
#ifndef ZCDMA_SOURCE_DEV_NODE_H
#define ZCDMA_SOURCE_DEV_NODE_H

#include "internal.h"

#define ZC_DEV_FIRST "/dev/zcdma0"

/* Returns whether @path is the node of a zcdma device. Looks in sysfs, as opening a device can have effects. */
bool zc_dev_is(const char *path);

/* Check whether @fd is a file of one, this process's own or one that was handed over. */
bool zc_dev_is_fd(int fd);

/* The device that a node is a channel of. */
struct zc_dev_parent {
	uint64_t id;	/* its inode in sysfs */
	char name[128]; /* "zcdma-sim.0" */
};

/* Find the device of @fd. Returns false if it has none, or sysfs does not say. */
bool zc_dev_get_parent(int fd, struct zc_dev_parent *parent);

/* Returns how many channels a device has, 0 if that is unknown. */
unsigned zc_dev_count_channels(const struct zc_dev_parent *parent);

/*
 * Returns whether open() answered with @err that no driver has the device, which is set as the error then: -EOPNOTSUPP,
 * as for all that this machine does not have.
 */
bool zc_dev_is_missing(struct zcdma_ctx *ctx, const char *path, int err);

/* Open a node for @access (O_RDONLY, O_RDWR). Returns the descriptor, or a negative errno: -EOPNOTSUPP without a device. */
int zc_dev_open(struct zcdma_ctx *ctx, const char *path, int access);

/*
 * Returns whether @fd is a file of such a device with a ring of @blocks blocks and @bytes in all. Makes no ioctl on any
 * other device.
 */
bool zc_dev_has_ring(int fd, uint32_t blocks, uint64_t bytes);

/* The hint for an EFAULT on a ring's memory, which only the model coherent answers. */
extern const char zc_dev_fault_hint[];

#endif
