/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's workqueue: not bound to a processor, so that it keeps off isolated ones. */
#ifndef ZCDMA_WORK_H
#define ZCDMA_WORK_H

#include <linux/workqueue.h>

int zcdma_work_init(void);
void zcdma_work_exit(void);

extern struct workqueue_struct *zcdma_wq;

#endif /* ZCDMA_WORK_H */
