// SPDX-License-Identifier: GPL-2.0-only
/* Simulated devices: platform devices, with a driver of their own. */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "compat.h"
#include "sim.h"
#include "sim_fault.h"

static unsigned int devices = 1;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "Number of simulated devices that capture (default 1, at most 64)");

static unsigned int channels = 1;
module_param(channels, uint, 0444);
MODULE_PARM_DESC(channels, "Channels of each of them, which can start together (default 1, at most 64 in all)");

static unsigned int sinks;
module_param(sinks, uint, 0444);
MODULE_PARM_DESC(sinks, "Number of simulated devices that play (default 0, at most 64 with the others)");

static unsigned int loops;
module_param(loops, uint, 0444);
MODULE_PARM_DESC(loops, "Number of pairs of which one captures what the other plays (default 0, at most 32)");

/* Pages of others are read where they are, unless a parameter makes the device one that cannot. */
struct zcdma_limits zcdma_sim_play_limits = { .frags_max = 256, .frag_align = 1 };

module_param_named(frags, zcdma_sim_play_limits.frags_max, uint, 0444);
MODULE_PARM_DESC(frags, "Pieces of a block that devices take which are not of the ring (default 256; 0: none)");

module_param_named(frag_align, zcdma_sim_play_limits.frag_align, uint, 0444);
MODULE_PARM_DESC(frag_align, "Alignment of such pieces, a power of two, at most a page (default 1)");

/* What a platform device of each name is. */
static const struct kind {
	const struct zcdma_device_ops *ops;
	void (*serve)(struct zcdma_stream *stream, struct zcdma_block *block);
} source = { &zcdma_sim_ops, zcdma_sim_fill },
	sink = { &zcdma_sink_ops, zcdma_sink_play };

static const struct platform_device_id sim_ids[] = {
	{ "zcdma-sim", (kernel_ulong_t)&source },
	{ "zcdma-sink", (kernel_ulong_t)&sink },
	{ }
};

static struct platform_device *simulated[ZCDMA_DEVICES_MAX];
static unsigned int simulated_count;

int zcdma_sim_set_dma(struct device *dev)
{
	int ret;

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (!ret)
		dma_set_max_seg_size(dev, UINT_MAX);
	return ret;
}

/* Returns NULL for a device of another name, which driver_override in sysfs gives to any driver. */
static const struct kind *kind_of(struct platform_device *pdev)
{
	const struct platform_device_id *id = platform_get_device_id(pdev);

	return id ? (const struct kind *)id->driver_data : NULL;
}

static int add_channel(struct platform_device *pdev, struct zcdma_sim_card *card)
{
	const struct kind *kind = kind_of(pdev);
	struct zcdma_limits limits = {};
	struct zcdma_device *zdev;
	struct zcdma_sim *sim;

	sim = devm_kzalloc(&pdev->dev, sizeof(*sim), GFP_KERNEL);
	if (!sim)
		return -ENOMEM;
	sim->dev = &pdev->dev;
	sim->serve = kind->serve;
	sim->out = kind->ops->out;
	if (sim->out)
		limits = zcdma_sim_play_limits;
	limits.chunks_max = zcdma_sim_mutant("one");
	zdev = zcdma_device_register(&pdev->dev, &pdev->dev, kind->ops, &limits, sim);
	if (IS_ERR(zdev))
		return PTR_ERR(zdev);
	card->zdev[card->channels++] = zdev;
	return 0;
}

static void remove_channels(struct zcdma_sim_card *card)
{
	while (card->channels)
		zcdma_device_unregister(card->zdev[--card->channels]);
}

static int sim_probe(struct platform_device *pdev)
{
	const struct kind *kind = kind_of(pdev);
	struct zcdma_sim_card *card;
	unsigned int count;
	int ret;

	if (!kind)
		return -ENODEV;
	count = kind->ops->out ? 1 : channels;
	card = devm_kzalloc(&pdev->dev, struct_size(card, zdev, count), GFP_KERNEL);
	if (!card)
		return -ENOMEM;
	platform_set_drvdata(pdev, card);
	ret = zcdma_sim_set_dma(&pdev->dev);
	while (!ret && card->channels < count)
		ret = add_channel(pdev, card);
	if (ret)
		remove_channels(card);
	return ret;
}

static void sim_unbind(struct platform_device *pdev)
{
	remove_channels(platform_get_drvdata(pdev));
}

ZCDMA_PLATFORM_REMOVE(sim_remove, sim_unbind)

static int __maybe_unused sim_suspend(struct device *dev)
{
	const struct zcdma_sim_card *card = dev_get_drvdata(dev);
	unsigned int i;

	for (i = 0; i < card->channels; i++)
		zcdma_device_suspend(card->zdev[i]);
	return 0;
}

static int __maybe_unused sim_resume(struct device *dev)
{
	const struct zcdma_sim_card *card = dev_get_drvdata(dev);
	unsigned int i;

	for (i = 0; i < card->channels; i++)
		zcdma_device_resume(card->zdev[i]);
	return 0;
}

static SIMPLE_DEV_PM_OPS(sim_pm_ops, sim_suspend, sim_resume);

static void sim_shutdown(struct platform_device *pdev)
{
	sim_suspend(&pdev->dev);
}

static struct platform_driver sim_driver = {
	.driver = { .name = "zcdma-sim", .pm = &sim_pm_ops, .dev_groups = zcdma_sink_groups },
	.id_table = sim_ids,
	.probe = sim_probe,
	.remove = sim_remove,
	.shutdown = sim_shutdown,
};

static void remove_all(void)
{
	while (simulated_count)
		platform_device_unregister(simulated[--simulated_count]);
	platform_driver_unregister(&zcdma_loop_driver);
	platform_driver_unregister(&sim_driver);
}

static int add(const char *name, unsigned int count)
{
	struct platform_device_info info = { .name = name, .dma_mask = DMA_BIT_MASK(64) };
	struct platform_device *pdev;

	for (info.id = 0; info.id < count; info.id++) {
		pdev = platform_device_register_full(&info);
		if (IS_ERR(pdev))
			return PTR_ERR(pdev);
		simulated[simulated_count++] = pdev;
	}
	return 0;
}

/* Each number alone first, so that the sum does not wrap. */
static bool are_too_many(void)
{
	return max(max(devices, channels), max(sinks, loops)) > ZCDMA_DEVICES_MAX ||
	       devices * channels + sinks + 2 * loops > ZCDMA_DEVICES_MAX;
}

static int __init sim_init(void)
{
	int ret;

	if (!channels || are_too_many()) {
		pr_err("zcdma_sim: devices=%u channels=%u sinks=%u loops=%u: at most %d, with each channel, and a loop twice\n",
		       devices, channels, sinks, loops, ZCDMA_DEVICES_MAX);
		return -EINVAL;
	}
	if (!is_power_of_2(zcdma_sim_play_limits.frag_align) ||
	    zcdma_sim_play_limits.frag_align > PAGE_SIZE) {
		pr_err("zcdma_sim: frag_align=%u: a power of two, at most a page of %lu\n",
		       zcdma_sim_play_limits.frag_align, PAGE_SIZE);
		return -EINVAL;
	}
	ret = platform_driver_register(&sim_driver);
	if (ret)
		return ret;
	ret = platform_driver_register(&zcdma_loop_driver);
	if (ret) {
		platform_driver_unregister(&sim_driver);
		return ret;
	}
	ret = add("zcdma-sim", devices) ?: add("zcdma-sink", sinks) ?: add("zcdma-loop", loops);
	if (ret)
		remove_all();
	return ret;
}
module_init(sim_init);

static void __exit sim_exit(void)
{
	remove_all();
}
module_exit(sim_exit);

MODULE_DESCRIPTION("Simulated devices for zcdma");
MODULE_AUTHOR("The zcdma authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.2.0");
ZCDMA_IMPORT_NS;
