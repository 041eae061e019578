/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others than the source dev: want to know of the driver's devices. */
#ifndef ZCDMA_SOURCE_DEV_H
#define ZCDMA_SOURCE_DEV_H

#include "internal.h"

/* Is @path the node of one? Asks sysfs, as opening a device can have effects. */
bool zc_dev_is(const char *path);

/* Check whether @fd is a file of one, this process's own or one that was handed over. */
bool zc_dev_is_fd(int fd);

/*
 * Is @fd, whosever it is, a file of one that has a ring of @blocks blocks and @bytes in all? Any other
 * device is asked nothing.
 */
bool zc_dev_has_ring(int fd, uint32_t blocks, uint64_t bytes);

/* What cures an EFAULT on a ring's memory, which only the model coherent answers. */
extern const char zc_dev_fault_hint[];

#endif
