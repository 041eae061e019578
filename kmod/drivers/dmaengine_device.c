// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that a DMA controller serves: those of the device tree, and channels that copy memory,
 * which the module's parameter names.
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat.h"
#include "dmaengine.h"

#define NAME "zcdma-dmaengine"

static char *channels;
module_param(channels, charp, 0444);
MODULE_PARM_DESC(channels, "Channels that copy memory, to stand in for devices: names as in /sys/class/dma, with commas between them");

static struct platform_device *named[ZCDMA_DEVICES_MAX];
static unsigned int named_count;

/* The properties of the binding, or what they are without: see zcdma,dmaengine.yaml. */
static void read_properties(struct platform_device *pdev, struct dma_slave_config *config,
			    struct zcdma_limits *limits)
{
	struct resource *reg = platform_get_resource(pdev, IORESOURCE_MEM, 0);
	u32 width = 4, burst = 1, most = 0;

	device_property_read_u32(&pdev->dev, "reg-io-width", &width);
	device_property_read_u32(&pdev->dev, "zcdma,burst", &burst);
	device_property_read_u32(&pdev->dev, "zcdma,block-align", &limits->align);
	device_property_read_u32(&pdev->dev, "zcdma,block-size-max", &most);
	limits->block_size_max = most;
	config->src_addr = config->dst_addr = reg ? reg->start : 0;
	config->src_addr_width = config->dst_addr_width = width;
	config->src_maxburst = config->dst_maxburst = burst;
}

static int check_geometry(struct device *dev, struct dma_chan *chan,
			  const struct dma_slave_config *config, struct zcdma_limits *limits)
{
	u32 width = config->src_addr_width, burst = config->src_maxburst, most, widths;
	bool out = config->direction == DMA_MEM_TO_DEV;
	struct dma_slave_caps caps;
	int ret;

	if (!is_power_of_2(burst))
		return dev_err_probe(dev, -EINVAL, "zcdma,burst = <%u>: not a power of two\n",
				     burst);
	if (limits->align && !is_power_of_2(limits->align))
		return dev_err_probe(dev, -EINVAL, "zcdma,block-align = <%u>: not a power of two\n",
				     limits->align);
	ret = dma_get_slave_caps(chan, &caps);
	if (ret)
		return dev_err_probe(dev, ret, "%s: it does not tell what it can do\n",
				     dma_chan_name(chan));
	if (!(caps.directions & BIT(config->direction)))
		return dev_err_probe(dev, -EINVAL, "%s: it does not %s memory\n",
				     dma_chan_name(chan), out ? "read from" : "write to");
	widths = out ? caps.dst_addr_widths : caps.src_addr_widths;
	/* Some masks have bit 0, of no width at all. */
	if (!is_power_of_2(width) || width > 16 || !(widths & BIT(width)))
		return dev_err_probe(dev, -EINVAL,
				     "reg-io-width = <%u>: %s has widths by the mask %#x\n", width,
				     dma_chan_name(chan), widths);
	/* A channel without a limit has no burst longer than the largest piece of memory. */
	most = caps.max_burst ?: dma_get_max_seg_size(zcdma_dma_device(chan)) / width;
	if (burst > most)
		return dev_err_probe(dev, -EINVAL, "zcdma,burst = <%u>: %s has at most %u\n", burst,
				     dma_chan_name(chan), most);
	limits->align = max(limits->align, width * burst);
	return 0;
}

static int bind_slave(struct platform_device *pdev, struct zcdma_engine *e,
		      struct zcdma_limits *limits)
{
	struct device *dev = &pdev->dev;
	const char *name;
	int ret;

	e->ops = &zcdma_engine_slave;
	e->config.direction = (uintptr_t)device_get_match_data(dev);
	name = zcdma_engine_plays(e) ? "tx" : "rx";
	e->chan = dma_request_chan(dev, name);
	if (IS_ERR(e->chan))
		return dev_err_probe(dev, PTR_ERR(e->chan),
				     "no channel \"%s\" in dmas, or it is in use\n", name);
	read_properties(pdev, &e->config, limits);
	ret = check_geometry(dev, e->chan, &e->config, limits);
	if (ret)
		dma_release_channel(e->chan);
	else if (zcdma_engine_plays(e))
		limits->frags_max = ZCDMA_ENGINE_FRAGS;
	return ret;
}

static bool is_it(struct dma_chan *chan, void *name)
{
	return !strcmp(dma_chan_name(chan), name) &&
	       !dma_has_cap(DMA_COMPLETION_NO_ORDER, chan->device->cap_mask);
}

static int bind_memcpy(struct platform_device *pdev, struct zcdma_engine *e,
		       struct zcdma_limits *limits)
{
	char *name = dev_get_platdata(&pdev->dev);
	dma_cap_mask_t mask;

	/* driver_override can bind any device, whose platform data may not be a name. */
	if (strcmp(pdev->name, NAME))
		return -ENODEV;
	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	e->ops = &zcdma_engine_memcpy;
	e->chan = dma_request_channel(mask, is_it, name);
	if (!e->chan)
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "%s: no such channel, or it is in use, or does not copy memory in order; /sys/class/dma has those there are\n",
				     name);
	limits->align = 1U << e->chan->device->copy_align;
	/* There are two buffers of that size for the pattern. */
	limits->block_size_max = SZ_4M;
	return 0;
}

/*
 * The driver of PL330 reports no results. When it uses a descriptor again, it clears .callback, but
 * not .callback_result: our callback would be called for the next user of the descriptor.
 */
static bool is_silent(const struct dma_chan *chan)
{
	return !strcmp(dev_driver_string(chan->device->dev), "dma-pl330");
}

/*
 * The driver of SuperH calls back from a thread of its interrupt (drivers/dma/sh/shdma-base.c), for
 * which neither dmaengine_synchronize() nor RCU waits. In Linux 6.12 no other one does so without
 * .device_synchronize.
 */
static bool calls_back_late(const struct dma_chan *chan)
{
	return !chan->device->device_synchronize &&
	       !strcmp(dev_driver_string(chan->device->dev), "sh-dma-engine");
}

static int engine_probe(struct platform_device *pdev)
{
	const struct zcdma_device_ops *ops;
	struct zcdma_limits limits = {};
	struct zcdma_engine *e;
	int ret;

	e = devm_kzalloc(&pdev->dev, sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	if (pdev->dev.of_node)
		ret = bind_slave(pdev, e, &limits);
	else
		ret = bind_memcpy(pdev, e, &limits);
	if (ret)
		return ret;
	/* Otherwise it would still write to memory that was freed and has a new owner. */
	if (!e->chan->device->device_terminate_all || calls_back_late(e->chan)) {
		ret = dev_err_probe(&pdev->dev, -EOPNOTSUPP, "%s: it cannot be stopped\n",
				    dma_chan_name(e->chan));
		goto err_release;
	}
	/*
	 * A channel holds the module of its controller, and not what it is bound to. Where that
	 * goes, this device goes first; and it sleeps first.
	 */
	if (!device_link_add(&pdev->dev, e->chan->device->dev, DL_FLAG_AUTOREMOVE_CONSUMER)) {
		ret = dev_err_probe(&pdev->dev, -EINVAL, "%s: no link to its controller\n",
				    dma_chan_name(e->chan));
		goto err_release;
	}
	e->silent = is_silent(e->chan);
	/* It is the controller that does the DMA: its mask, its largest segment, its IOMMU. */
	ops = zcdma_engine_plays(e) ? &zcdma_dmaengine_ops_out : &zcdma_dmaengine_ops;
	e->zdev = zcdma_device_register(&pdev->dev, zcdma_dma_device(e->chan), ops, &limits, e);
	if (IS_ERR(e->zdev)) {
		ret = PTR_ERR(e->zdev);
		goto err_release;
	}
	platform_set_drvdata(pdev, e->zdev);
	return 0;

err_release:
	dma_release_channel(e->chan);
	return ret;
}

static void engine_unbind(struct platform_device *pdev)
{
	struct zcdma_device *zdev = platform_get_drvdata(pdev);
	struct zcdma_engine *e = zcdma_device_priv(zdev);

	zcdma_device_unregister(zdev);
	dma_release_channel(e->chan);
}

ZCDMA_PLATFORM_REMOVE(engine_remove, engine_unbind)

static void engine_shutdown(struct platform_device *pdev)
{
	zcdma_device_suspend(platform_get_drvdata(pdev));
}

static const struct of_device_id engine_of_ids[] = {
	{ .compatible = "zcdma,dmaengine-capture", .data = (void *)DMA_DEV_TO_MEM },
	{ .compatible = "zcdma,dmaengine-playback", .data = (void *)DMA_MEM_TO_DEV },
	{ }
};
MODULE_DEVICE_TABLE(of, engine_of_ids);

static struct platform_driver engine_driver = {
	.driver = {
		.name = NAME,
		.of_match_table = engine_of_ids,
		.pm = &zcdma_pm_ops,
		/* add_named() looks at the result, whatever insmod's async_probe says. */
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
	.probe = engine_probe,
	.remove = engine_remove,
	.shutdown = engine_shutdown,
};

/* Add the device of a channel. If it does not exist, the module does not load. */
static int add_named(const char *name)
{
	const struct platform_device_info info = {
		.name = NAME,
		.id = named_count,
		.data = name,
		.size_data = strlen(name) + 1,
	};
	struct platform_device *pdev;

	if (named_count == ZCDMA_DEVICES_MAX)
		return -EINVAL;
	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	named[named_count++] = pdev;
	return platform_get_drvdata(pdev) ? 0 : -ENODEV;
}

static int add_all_named(void)
{
	char *names, *rest, *name;
	int ret = 0;

	if (!channels)
		return 0;
	names = kstrdup(channels, GFP_KERNEL);
	if (!names)
		return -ENOMEM;
	for (rest = names; !ret && (name = strsep(&rest, ","));)
		ret = add_named(name);
	kfree(names);
	return ret;
}

static void remove_all(void)
{
	while (named_count)
		platform_device_unregister(named[--named_count]);
	platform_driver_unregister(&engine_driver);
}

static int __init engine_init(void)
{
	int ret;

	ret = platform_driver_register(&engine_driver);
	if (ret)
		return ret;
	ret = add_all_named();
	if (ret)
		remove_all();
	return ret;
}
module_init(engine_init);

static void __exit engine_exit(void)
{
	remove_all();
}
module_exit(engine_exit);

MODULE_DESCRIPTION("Channels of DMA controllers for zcdma");
MODULE_AUTHOR("The zcdma authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.2.0");
ZCDMA_IMPORT_NS;
