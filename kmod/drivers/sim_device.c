// SPDX-License-Identifier: GPL-2.0-only
/* Simulated devices: platform devices, with a driver of their own. */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "compat.h"
#include "sim.h"
#include "sim_fault.h"

#define NAME "zcdma-sim"

static unsigned int devices = 1;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "Number of simulated devices (default 1, at most 64)");

static struct platform_device *simulated[ZCDMA_DEVICES_MAX];

static int sim_probe(struct platform_device *pdev)
{
	const struct zcdma_limits limits = { .chunks_max = zcdma_sim_mutant("one") };
	struct zcdma_device *zdev;
	int ret;

	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);

	zdev = zcdma_device_register(&pdev->dev, &pdev->dev, &zcdma_sim_ops, &limits, &pdev->dev);
	if (IS_ERR(zdev))
		return PTR_ERR(zdev);
	platform_set_drvdata(pdev, zdev);
	return 0;
}

static void sim_unbind(struct platform_device *pdev)
{
	zcdma_device_unregister(platform_get_drvdata(pdev));
}

ZCDMA_PLATFORM_REMOVE(sim_remove, sim_unbind)

static void sim_shutdown(struct platform_device *pdev)
{
	zcdma_device_suspend(platform_get_drvdata(pdev));
}

static struct platform_driver sim_driver = {
	.driver = { .name = NAME, .pm = &zcdma_pm_ops },
	.probe = sim_probe,
	.remove = sim_remove,
	.shutdown = sim_shutdown,
};

static void remove_simulated(unsigned int count)
{
	while (count--)
		platform_device_unregister(simulated[count]);
}

static int __init sim_init(void)
{
	unsigned int i;
	int ret;

	if (devices > ZCDMA_DEVICES_MAX) {
		pr_err("zcdma_sim: devices=%u: at most %d\n", devices, ZCDMA_DEVICES_MAX);
		return -EINVAL;
	}
	ret = platform_driver_register(&sim_driver);
	if (ret)
		return ret;
	for (i = 0; i < devices; i++) {
		const struct platform_device_info info = {
			.name = NAME,
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
	platform_driver_unregister(&sim_driver);
	return ret;
}
module_init(sim_init);

static void __exit sim_exit(void)
{
	remove_simulated(devices);
	platform_driver_unregister(&sim_driver);
}
module_exit(sim_exit);

MODULE_DESCRIPTION("Simulated devices for zcdma");
MODULE_AUTHOR("The zcdma authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.2.0");
ZCDMA_IMPORT_NS;
