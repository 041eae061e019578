// SPDX-License-Identifier: GPL-2.0-only
/* The module's workqueue. */
#include <linux/errno.h>

#include "work.h"

struct workqueue_struct *zcdma_wq;

int zcdma_work_init(void)
{
	zcdma_wq = alloc_workqueue("zcdma", WQ_UNBOUND, 0);
	return zcdma_wq ? 0 : -ENOMEM;
}

void zcdma_work_exit(void)
{
	destroy_workqueue(zcdma_wq);
}
