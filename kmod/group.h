/* SPDX-License-Identifier: GPL-2.0-only */
/* Several channels of one device, which start together. */
#ifndef ZCDMA_GROUP_H
#define ZCDMA_GROUP_H

#include "types.h"

/*
 * The files whose rings start with that of the file which is called, and what is found out about
 * them.
 */
struct zcdma_group {
	unsigned int files;
	unsigned int rings;		/* with the first file's */
	unsigned int entered;		/* devices of the others that are held */
	unsigned int prepared;		/* rings */
	struct file *file[ZCDMA_DEV_GROUP_MAX];
	struct zcdma_ring *ring[ZCDMA_DEV_GROUP_MAX];
	struct zcdma_stream *stream[ZCDMA_DEV_GROUP_MAX];
	u64 start[ZCDMA_DEV_GROUP_MAX];	/* .starts of the rings */
};

/*
 * Get the files that the caller names. Returns the group for zcdma_group_put(), or -EINVAL,
 * -EFAULT, -EBADF or -ENOMEM. Call without a device held, as the caller's memory may take any time
 * to answer.
 */
struct zcdma_group *zcdma_group_get(const struct zcdma_dev_group *wanted);
void zcdma_group_put(struct zcdma_group *group);

/*
 * Start the rings of @zf, whose device is held, and of the group, all or none. Returns 0, and
 * *@device_time is when; or -EOPNOTSUPP, -EINVAL where they are not channels of one device or one
 * is there twice, -EBADFD, -ENODEV, -EBUSY where one runs already, -EIO, -EINTR if the
 * process is about to die, or the error of the device's driver.
 */
int zcdma_group_start(struct zcdma_file *zf, struct zcdma_group *group, u64 *device_time);
/*
 * Stop what was started, as the caller does not learn of it, unless it was started again meanwhile.
 * The devices may be gone.
 */
void zcdma_group_stop(struct zcdma_file *zf, struct zcdma_group *group);

#endif /* ZCDMA_GROUP_H */
