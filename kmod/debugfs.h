/* SPDX-License-Identifier: GPL-2.0-only */
/* debugfs: what each block does, and who refers to its pages. */
#ifndef ZCDMA_DEBUGFS_H
#define ZCDMA_DEBUGFS_H

struct zcdma_device;

void zcdma_debugfs_init(void);
void zcdma_debugfs_exit(void);
void zcdma_debugfs_add(struct zcdma_device *zdev);
void zcdma_debugfs_del(struct zcdma_device *zdev);

#endif /* ZCDMA_DEBUGFS_H */
