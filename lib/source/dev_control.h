/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control page of a ring, by which blocks are taken and given back without a system call: see <linux/zcdma.h>. */
#ifndef ZCDMA_SOURCE_DEV_CONTROL_H
#define ZCDMA_SOURCE_DEV_CONTROL_H

#include "source/dev_ring.h"

/* Return whether the ring that the options ask for can have a control page. The device must be opened for O_RDWR then. */
bool zc_dev_control_is_possible(const struct zc_dev_ring *d);

/* Map the control page of a ring that was set up with one. Returns 0, or a negative errno with the error message set. */
int zc_dev_control_map(struct zc_dev_ring *d);
void zc_dev_control_unmap(struct zc_dev_ring *d);

/*
 * Take the next block. Returns 1 and fills @k in; -EAGAIN if the next one has not come, and then the device's descriptor can be polled;
 * -ENODATA at the end of the stream; -EIO if the device has halted, -ENODEV if it is gone, -EINVAL if the kernel did not
 * accept what was given back.
 */
int zc_dev_control_take(struct zc_dev_ring *d, struct zcdma_dev_block *k);

/* Give back block @index. */
void zc_dev_control_give(struct zc_dev_ring *d, uint32_t index);

#endif
