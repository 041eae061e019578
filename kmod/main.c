// SPDX-License-Identifier: GPL-2.0-only
/* zcdma: capture blocks in memory that every way of sending accepts. */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "device.h"
#include "unpark.h"

static unsigned int devices = 1;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "Number of simulated devices: /dev/zcdma0, /dev/zcdma1, ... (default 1, at most 64)");

static struct platform_device *simulated[ZCDMA_DEVICES_MAX];

static void remove_simulated(unsigned int count)
{
	while (count--)
		platform_device_unregister(simulated[count]);
}

static int __init zcdma_init(void)
{
	unsigned int i;
	int ret;

	if (devices > ZCDMA_DEVICES_MAX) {
		pr_err("zcdma: devices=%u: at most %d\n", devices, ZCDMA_DEVICES_MAX);
		return -EINVAL;
	}
	ret = zcdma_unpark_init();
	if (ret)
		return ret;
	ret = zcdma_device_init();
	if (ret)
		goto err_unpark;
	for (i = 0; i < devices; i++) {
		const struct platform_device_info info = {
			.name = "zcdma",
			.id = i,
			.dma_mask = DMA_BIT_MASK(64),
		};

		simulated[i] = platform_device_register_full(&info);
		if (IS_ERR(simulated[i])) {
			ret = PTR_ERR(simulated[i]);
			goto err_remove;
		}
	}
	return 0;

err_remove:
	remove_simulated(i);
	zcdma_device_exit();
err_unpark:
	zcdma_unpark_exit();
	return ret;
}
module_init(zcdma_init);

static void __exit zcdma_exit(void)
{
	remove_simulated(devices);
	zcdma_device_exit();
	zcdma_unpark_exit();
}
module_exit(zcdma_exit);

MODULE_DESCRIPTION("A ring of capture blocks which every way of sending accepts");
MODULE_AUTHOR("The zcdma authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
