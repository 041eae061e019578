// SPDX-License-Identifier: GPL-2.0-only
/* Devices: coming and going, statistics in sysfs. */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "compat.h"
#include "debugfs.h"
#include "device.h"

static dev_t zcdma_devt;

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
	if (ring)
		return ring;
	zcdma_device_leave(zf->zdev);
	return ERR_PTR(-EBADFD);
}

static void users_gone(struct percpu_ref *users)
{
	complete(&container_of(users, struct zcdma_device, users)->unused);
}

void zcdma_device_get_stats(struct zcdma_device *zdev, struct zcdma_dev_stats *stats)
{
	spin_lock_irq(&zdev->lock);
	*stats = zdev->stats;
	stats->free = zdev->count[ZCDMA_FREE];
	stats->filling = zdev->count[ZCDMA_FILLING];
	stats->full = zdev->count[ZCDMA_FULL];
	stats->held = zdev->count[ZCDMA_HELD] + zdev->count[ZCDMA_READING];
	stats->draining = zdev->count[ZCDMA_DRAINING];
	spin_unlock_irq(&zdev->lock);
}

static ssize_t stats_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);
	struct zcdma_dev_stats s;

	zcdma_device_get_stats(zdev, &s);
	return sysfs_emit(buf,
			  "running %u\nblocks %llu\nbytes %llu\ndelivered %llu\ngiven %llu\n"
			  "overruns %llu\nlost_bytes %llu\ndrained %llu\nread_bytes %llu\n"
			  "splice_bytes %llu\nsplice_copied_bytes %llu\nnext_seq %llu\n"
			  "ring_blocks %u\nfree %u\nfilling %u\nfull %u\nheld %u\ndraining %u\n",
			  s.running, s.blocks, s.bytes, s.delivered, s.given, s.overruns,
			  s.lost_bytes, s.drained, s.read_bytes, s.splice_bytes,
			  s.splice_copied_bytes, s.next_seq, s.ring_blocks, s.free, s.filling,
			  s.full, s.held, s.draining);
}
static DEVICE_ATTR_RO(stats);

static struct attribute *zcdma_attrs[] = {
	&dev_attr_stats.attr,
	NULL
};
ATTRIBUTE_GROUPS(zcdma);

static struct class zcdma_class = {
	.name = "zcdma",
	.dev_groups = zcdma_groups,
};

static void zcdma_device_release(struct device *dev)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);

	percpu_ref_exit(&zdev->users);
	put_device(zdev->parent);
	kfree(zdev);
}

static struct zcdma_device *zcdma_device_alloc(struct device *parent, int id)
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
	zdev->dev.devt = MKDEV(MAJOR(zcdma_devt), MINOR(zcdma_devt) + id);
	zdev->parent = get_device(parent);
	zdev->source = &zcdma_source_sim;
	init_waitqueue_head(&zdev->wait);
	mutex_init(&zdev->ring_lock);
	spin_lock_init(&zdev->lock);
	cdev_init(&zdev->cdev, &zcdma_fops);
	zdev->cdev.owner = THIS_MODULE;
	return zdev;
}

static int zcdma_probe(struct platform_device *pdev)
{
	struct zcdma_device *zdev;
	int ret;

	if (pdev->id < 0 || pdev->id >= ZCDMA_DEVICES_MAX)
		return -EINVAL;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);

	zdev = zcdma_device_alloc(&pdev->dev, pdev->id);
	if (!zdev)
		return -ENOMEM;
	ret = dev_set_name(&zdev->dev, "zcdma%d", pdev->id);
	if (ret)
		goto err_put;
	ret = cdev_device_add(&zdev->cdev, &zdev->dev);
	if (ret)
		goto err_put;

	platform_set_drvdata(pdev, zdev);
	zcdma_debugfs_add(zdev);
	return 0;

err_put:
	put_device(&zdev->dev);
	return ret;
}

/* Files and mappings may stay open for as long as they like: they keep @zdev, and find it gone. */
static void zcdma_unbind(struct platform_device *pdev)
{
	struct zcdma_device *zdev = platform_get_drvdata(pdev);

	cdev_device_del(&zdev->cdev, &zdev->dev);
	zcdma_debugfs_del(zdev);
	WRITE_ONCE(zdev->gone, true);
	/* Nobody comes in any more; those who sleep inside wake up and leave. */
	percpu_ref_kill(&zdev->users);
	wake_up_all(&zdev->wait);
	wait_for_completion(&zdev->unused);

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring) {
		zcdma_ring_detach(zdev->ring);
		zdev->ring = NULL;
	}
	mutex_unlock(&zdev->ring_lock);
	put_device(&zdev->dev);
}

ZCDMA_PLATFORM_REMOVE(zcdma_remove, zcdma_unbind)

static struct platform_driver zcdma_driver = {
	.driver = { .name = "zcdma" },
	.probe = zcdma_probe,
	.remove = zcdma_remove,
};

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
	ret = platform_driver_register(&zcdma_driver);
	if (ret)
		goto err_class;
	return 0;

err_class:
	zcdma_debugfs_exit();
	class_unregister(&zcdma_class);
err_region:
	unregister_chrdev_region(zcdma_devt, ZCDMA_DEVICES_MAX);
	return ret;
}

void zcdma_device_exit(void)
{
	platform_driver_unregister(&zcdma_driver);
	zcdma_debugfs_exit();
	class_unregister(&zcdma_class);
	unregister_chrdev_region(zcdma_devt, ZCDMA_DEVICES_MAX);
}
