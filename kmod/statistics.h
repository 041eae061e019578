/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters of a device. */
#ifndef ZCDMA_STATISTICS_H
#define ZCDMA_STATISTICS_H

#include "types.h"

struct seq_file;

/* In sysfs, a number in each file. */
extern const struct attribute_group zcdma_statistics_group;

/* Get them, all of one moment. */
void zcdma_device_get_stats(struct zcdma_device *zdev, struct zcdma_dev_stats *stats);
/* Print them, one "name value" in a line. */
void zcdma_statistics_print(struct seq_file *m, struct zcdma_device *zdev);

#endif /* ZCDMA_STATISTICS_H */
