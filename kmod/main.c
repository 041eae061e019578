// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core: capture blocks in memory that every way of sending accepts. Devices are other modules'.
 */
#include <linux/kernel.h>
#include <linux/module.h>

#include "account.h"
#include "device.h"
#include "skb_flush.h"
#include "work.h"

static const struct {
	int (*init)(void);	/* or NULL */
	void (*exit)(void);
} parts[] = {
	{ zcdma_work_init, zcdma_work_exit },
	{ zcdma_skb_flush_init, zcdma_skb_flush_exit },
	{ NULL, zcdma_account_exit },
	{ zcdma_device_init, zcdma_device_exit },
};

static void exit_parts(unsigned int count)
{
	while (count--)
		parts[count].exit();
}

static int __init zcdma_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ret = parts[i].init ? parts[i].init() : 0;
		if (ret) {
			exit_parts(i);
			return ret;
		}
	}
	return 0;
}
module_init(zcdma_init);

static void __exit zcdma_exit(void)
{
	exit_parts(ARRAY_SIZE(parts));
}
module_exit(zcdma_exit);

MODULE_DESCRIPTION("A ring of capture blocks which every way of sending accepts");
MODULE_AUTHOR("The zcdma authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.2.0");
