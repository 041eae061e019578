// SPDX-License-Identifier: GPL-2.0-only
/* Devices: adding and removing them, and their files in sysfs. */
#include <linux/bitmap.h>
#include <linux/idr.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include "compat.h"
#include "debugfs.h"
#include "device.h"
#include "fault_inject.h"
#include "frags.h"
#include "ring.h"
#include "statistics.h"

static dev_t zcdma_devt;
static DEFINE_IDA(zcdma_ids);
static DEFINE_MUTEX(channel_lock);	/* numbers of channels are found and taken one at a time */

bool zcdma_device_enter(struct zcdma_device *zdev)
{
	return percpu_ref_tryget_live(&zdev->users);
}

void zcdma_device_leave(struct zcdma_device *zdev)
{
	percpu_ref_put(&zdev->users);
}

struct zcdma_ring *zcdma_file_enter(struct zcdma_file *zf)
{
	struct zcdma_ring *ring;

	if (!zcdma_device_enter(zf->zdev))
		return ERR_PTR(-ENODEV);
	ring = zcdma_file_ring(zf);
	if (ring) {
		zcdma_ring_took_part(ring);
		return ring;
	}
	zcdma_device_leave(zf->zdev);
	return ERR_PTR(-EBADFD);
}

static void users_gone(struct percpu_ref *users)
{
	complete(&container_of(users, struct zcdma_device, users)->unused);
}

static ssize_t source_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);

	return sysfs_emit(buf, "%s\n", zdev->ops->name);
}
static DEVICE_ATTR_RO(source);

static ssize_t model_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);
	const char *name = "none";

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring)
		name = zdev->ring->mem.ops->name;
	mutex_unlock(&zdev->ring_lock);
	return sysfs_emit(buf, "%s\n", name);
}
static DEVICE_ATTR_RO(model);

static ssize_t channel_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);

	return sysfs_emit(buf, "%u\n", zdev->channel);
}
static DEVICE_ATTR_RO(channel);

static struct attribute *zcdma_attrs[] = {
	&dev_attr_source.attr,
	&dev_attr_model.attr,
	&dev_attr_channel.attr,
	NULL
};

static const struct attribute_group zcdma_group = { .attrs = zcdma_attrs };
static const struct attribute_group *zcdma_groups[] = {
	&zcdma_group,
	&zcdma_statistics_group,
	NULL
};

static struct class zcdma_class = {
	.name = "zcdma",
	.dev_groups = zcdma_groups,
};

static void zcdma_device_release(struct device *dev)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);

	percpu_ref_exit(&zdev->users);
	of_node_put(dev->of_node);
	put_device(zdev->dma);
	kfree(zdev);
}

static struct zcdma_device *zcdma_device_alloc(struct device *parent, struct device *dma)
{
	struct zcdma_device *zdev;

	zdev = kzalloc(sizeof(*zdev), GFP_KERNEL);
	if (!zdev)
		return NULL;
	if (percpu_ref_init(&zdev->users, users_gone, 0, GFP_KERNEL)) {
		kfree(zdev);
		return NULL;
	}
	init_completion(&zdev->unused);
	device_initialize(&zdev->dev);
	zdev->dev.class = &zcdma_class;
	zdev->dev.parent = parent;
	zdev->dev.release = zcdma_device_release;
	device_set_of_node_from_dev(&zdev->dev, parent);
	zdev->dma = get_device(dma);
	init_waitqueue_head(&zdev->wait);
	mutex_init(&zdev->ring_lock);
	spin_lock_init(&zdev->lock);
	cdev_init(&zdev->cdev, &zcdma_fops);
	return zdev;
}

/* A driver that the header does not allow is a fault of its author. */
static bool is_valid(const struct zcdma_device_ops *ops, const struct zcdma_limits *limits)
{
	if (!ops->start || !ops->submit || !ops->abort || (ops->out && ops->flush))
		return false;
	if (!ops->clock != !ops->clock_hz || ops->clock > ZCDMA_DEV_CLOCK_COUNTER)
		return false;
	if (!ops->name || strlen(ops->name) >= sizeof_field(struct zcdma_dev_info, source))
		return false;
	if (ops->dir != (ops->out ? DMA_TO_DEVICE : DMA_FROM_DEVICE) &&
	    ops->dir != DMA_BIDIRECTIONAL)
		return false;
	if (!limits)
		return true;
	if (limits->frags_max && !ops->out)
		return false;
	return (!limits->align || is_power_of_2(limits->align)) &&
	       (!limits->frag_align || (is_power_of_2(limits->frag_align) &&
					limits->frag_align <= PAGE_SIZE));
}

static int note_channel(struct device *dev, void *used)
{
	if (dev->class == &zcdma_class)
		set_bit(container_of(dev, struct zcdma_device, dev)->channel, used);
	return 0;
}

/* Add the device to its parent's, with the first number that is free among them. */
static int add(struct zcdma_device *zdev)
{
	DECLARE_BITMAP(used, ZCDMA_DEVICES_MAX) = {};
	int ret;

	mutex_lock(&channel_lock);
	if (zdev->dev.parent)
		device_for_each_child(zdev->dev.parent, used, note_channel);
	zdev->channel = find_first_zero_bit(used, ZCDMA_DEVICES_MAX);
	ret = cdev_device_add(&zdev->cdev, &zdev->dev);
	mutex_unlock(&channel_lock);
	if (!ret && zcdma_mutant("add")) {
		zcdma_mutant_wait("add");
		cdev_device_del(&zdev->cdev, &zdev->dev);
		ret = -ENOMEM;
	}
	return ret;
}

/* Refuse calls, wait for those that are inside, and part the device from its ring. */
static void retire(struct zcdma_device *zdev)
{
	struct zcdma_frags *dropped = NULL;

	WRITE_ONCE(zdev->gone, true);
	/* New calls are refused; those that sleep inside wake up and leave. */
	percpu_ref_kill(&zdev->users);
	wake_up_all(&zdev->wait);
	wait_for_completion(&zdev->unused);

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring)
		dropped = zcdma_ring_stop(zdev->ring);
	mutex_unlock(&zdev->ring_lock);
	zcdma_frags_free_all(dropped);

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring) {
		zcdma_ring_detach(zdev->ring);
		zdev->ring = NULL;
	}
	mutex_unlock(&zdev->ring_lock);
}

struct zcdma_device *zcdma_device_register(struct device *parent, struct device *dma,
					   const struct zcdma_device_ops *ops,
					   const struct zcdma_limits *limits, void *priv)
{
	struct zcdma_device *zdev;
	int ret;

	if (WARN_ON(!is_valid(ops, limits)))
		return ERR_PTR(-EINVAL);
	zdev = zcdma_device_alloc(parent, dma);
	if (!zdev)
		return ERR_PTR(-ENOMEM);
	zdev->ops = ops;
	/* An open file holds the driver's module, by chrdev_open(), and this one, by zcdma_fops. */
	zdev->cdev.owner = ops->owner;
	if (limits)
		zdev->limits = *limits;
	zcdma_frags_settle(zdev);
	zdev->priv = priv;

	zdev->id = ida_alloc_max(&zcdma_ids, ZCDMA_DEVICES_MAX - 1, GFP_KERNEL);
	if (zdev->id < 0) {
		ret = zdev->id;
		goto err_put;
	}
	zdev->dev.devt = MKDEV(MAJOR(zcdma_devt), MINOR(zcdma_devt) + zdev->id);
	ret = dev_set_name(&zdev->dev, "zcdma%d", zdev->id);
	if (ret)
		goto err_id;
	ret = add(zdev);
	if (ret)
		goto err_retire;
	zcdma_debugfs_add(zdev);
	return zdev;

err_retire:
	/* It may have been opened: cdev_device_add(). */
	retire(zdev);
err_id:
	ida_free(&zcdma_ids, zdev->id);
err_put:
	put_device(&zdev->dev);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_ZCDMA(zcdma_device_register);

void *zcdma_device_priv(const struct zcdma_device *zdev)
{
	return zdev->priv;
}
EXPORT_SYMBOL_ZCDMA(zcdma_device_priv);

void zcdma_device_unregister(struct zcdma_device *zdev)
{
	cdev_device_del(&zdev->cdev, &zdev->dev);
	zcdma_debugfs_del(zdev);
	/* Another device may have the number, though files of this one are open. */
	ida_free(&zcdma_ids, zdev->id);
	retire(zdev);
	put_device(&zdev->dev);
}
EXPORT_SYMBOL_ZCDMA(zcdma_device_unregister);

void zcdma_device_suspend(struct zcdma_device *zdev)
{
	mutex_lock(&zdev->ring_lock);
	zdev->asleep = true;
	if (zdev->ring)
		zcdma_ring_suspend(zdev->ring);
	mutex_unlock(&zdev->ring_lock);
}
EXPORT_SYMBOL_ZCDMA(zcdma_device_suspend);

void zcdma_device_resume(struct zcdma_device *zdev)
{
	mutex_lock(&zdev->ring_lock);
	zdev->asleep = false;
	if (zdev->ring)
		zcdma_ring_resume(zdev->ring);
	mutex_unlock(&zdev->ring_lock);
}
EXPORT_SYMBOL_ZCDMA(zcdma_device_resume);

static int __maybe_unused pm_suspend(struct device *dev)
{
	zcdma_device_suspend(dev_get_drvdata(dev));
	return 0;
}

static int __maybe_unused pm_resume(struct device *dev)
{
	zcdma_device_resume(dev_get_drvdata(dev));
	return 0;
}

const struct dev_pm_ops zcdma_pm_ops = { SET_SYSTEM_SLEEP_PM_OPS(pm_suspend, pm_resume) };
EXPORT_SYMBOL_ZCDMA(zcdma_pm_ops);

int zcdma_device_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&zcdma_devt, 0, ZCDMA_DEVICES_MAX, "zcdma");
	if (ret)
		return ret;
	ret = class_register(&zcdma_class);
	if (ret)
		goto err_region;
	zcdma_debugfs_init();
	return 0;

err_region:
	unregister_chrdev_region(zcdma_devt, ZCDMA_DEVICES_MAX);
	return ret;
}

void zcdma_device_exit(void)
{
	zcdma_debugfs_exit();
	class_unregister(&zcdma_class);
	unregister_chrdev_region(zcdma_devt, ZCDMA_DEVICES_MAX);
}
