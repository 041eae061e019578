// SPDX-License-Identifier: GPL-2.0-only
/*
 * A converter of the industrial I/O subsystem without hardware, whose buffer is one of industrialio-buffer-dma: a work
 * writes to the memory that a program has it import, as a DMA controller would. Sample N of 8 bytes is N.
 */
#include <linux/dma-mapping.h>
#include <linux/iio/buffer-dma.h>
#include <linux/iio/buffer.h>
#include <linux/iio/iio.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

static unsigned int period = 5;
module_param(period, uint, 0644);
MODULE_PARM_DESC(period, "milliseconds that a block takes");

struct converter {
	struct iio_dma_buffer_queue queue;
	struct list_head active; /* blocks to fill */
	struct delayed_work work;
	u64 next;
};

static struct converter *converter_of(struct iio_dma_buffer_queue *queue)
{
	return container_of(queue, struct converter, queue);
}

static void write_samples(struct converter *c, u64 *to, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*to); i++)
		to[i] = c->next++;
}

static void fill(struct converter *c, struct iio_dma_buffer_block *block)
{
	size_t left = block->bytes_used, bytes;
	struct scatterlist *sg;
	unsigned int i;

	if (!block->sg_table) { /* of read() */
		write_samples(c, block->vaddr, left);
		return;
	}
	for_each_sgtable_dma_sg(block->sg_table, sg, i) {
		bytes = min_t(size_t, left, sg_dma_len(sg));
		/* Without an IOMMU that is the address of the memory. */
		write_samples(c, phys_to_virt(sg_dma_address(sg)), bytes);
		left -= bytes;
	}
}

static void run(struct work_struct *work)
{
	struct converter *c = container_of(work, struct converter, work.work);
	struct iio_dma_buffer_block *block;
	unsigned long flags;

	spin_lock_irqsave(&c->queue.list_lock, flags);
	block = list_first_entry_or_null(&c->active, struct iio_dma_buffer_block, head);
	if (block)
		list_del(&block->head);
	spin_unlock_irqrestore(&c->queue.list_lock, flags);
	if (!block)
		return;
	fill(c, block);
	iio_dma_buffer_block_done(block);
	schedule_delayed_work(&c->work, msecs_to_jiffies(period));
}

static int submit(struct iio_dma_buffer_queue *queue, struct iio_dma_buffer_block *block)
{
	struct converter *c = converter_of(queue);
	unsigned long flags;

	if (!block->sg_table)
		block->bytes_used = block->size;
	spin_lock_irqsave(&queue->list_lock, flags);
	list_add_tail(&block->head, &c->active);
	spin_unlock_irqrestore(&queue->list_lock, flags);
	schedule_delayed_work(&c->work, msecs_to_jiffies(period));
	return 0;
}

static void stop(struct iio_dma_buffer_queue *queue)
{
	struct converter *c = converter_of(queue);

	cancel_delayed_work_sync(&c->work);
	iio_dma_buffer_block_list_abort(queue, &c->active);
}

static const struct iio_dma_buffer_ops dma_ops = {
	.submit = submit,
	.abort = stop,
};

static void release(struct iio_buffer *buffer)
{
	struct converter *c =
		converter_of(container_of(buffer, struct iio_dma_buffer_queue, buffer));

	iio_dma_buffer_release(&c->queue);
	kfree(c);
}

static const struct iio_buffer_access_funcs access_ops = {
	.read = iio_dma_buffer_read,
	.set_bytes_per_datum = iio_dma_buffer_set_bytes_per_datum,
	.set_length = iio_dma_buffer_set_length,
	.request_update = iio_dma_buffer_request_update,
	.enable = iio_dma_buffer_enable,
	.disable = iio_dma_buffer_disable,
	.data_available = iio_dma_buffer_usage,
	.release = release,
	.enqueue_dmabuf = iio_dma_buffer_enqueue_dmabuf,
	.attach_dmabuf = iio_dma_buffer_attach_dmabuf,
	.detach_dmabuf = iio_dma_buffer_detach_dmabuf,
	.lock_queue = iio_dma_buffer_lock_queue,
	.unlock_queue = iio_dma_buffer_unlock_queue,
	.modes = INDIO_BUFFER_HARDWARE,
	.flags = INDIO_BUFFER_FLAG_FIXED_WATERMARK,
};

static const struct iio_info info = {};

static const struct iio_chan_spec channels[] = {
	{
		.type = IIO_VOLTAGE,
		.indexed = 1,
		.scan_type = { .sign = 'u', .realbits = 64, .storagebits = 64, .endianness = IIO_LE },
	},
};

static struct converter *new_converter(struct device *dev)
{
	struct converter *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	INIT_LIST_HEAD(&c->active);
	INIT_DELAYED_WORK(&c->work, run);
	iio_dma_buffer_init(&c->queue, dev, &dma_ops);
	c->queue.buffer.access = &access_ops;
	return c;
}

static int probe(struct platform_device *pdev)
{
	struct iio_dev *dev = devm_iio_device_alloc(&pdev->dev, 0);
	struct converter *c;
	int rc;

	if (!dev)
		return -ENOMEM;
	rc = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (rc)
		return rc;
	c = new_converter(&pdev->dev);
	if (!c)
		return -ENOMEM;
	dev->name = "converter";
	dev->info = &info;
	dev->modes = INDIO_DIRECT_MODE | INDIO_BUFFER_HARDWARE;
	dev->channels = channels;
	dev->num_channels = ARRAY_SIZE(channels);
	rc = iio_device_attach_buffer(dev, &c->queue.buffer);
	if (!rc)
		rc = iio_device_register(dev);
	if (rc) {
		iio_dma_buffer_exit(&c->queue);
		iio_buffer_put(&c->queue.buffer);
	}
	platform_set_drvdata(pdev, dev);
	return rc;
}

static void remove(struct platform_device *pdev)
{
	struct iio_dev *dev = platform_get_drvdata(pdev);
	struct converter *c =
		converter_of(container_of(dev->buffer, struct iio_dma_buffer_queue, buffer));

	iio_device_unregister(dev);
	iio_dma_buffer_exit(&c->queue);
	iio_buffer_put(&c->queue.buffer);
}

static struct platform_driver driver = {
	.probe = probe,
	.remove = remove,
	.driver.name = "converter",
};

static struct platform_device *device;

static int __init converter_init(void)
{
	int rc = platform_driver_register(&driver);

	if (rc)
		return rc;
	device = platform_device_register_simple("converter", -1, NULL, 0);
	if (IS_ERR(device))
		platform_driver_unregister(&driver);
	return PTR_ERR_OR_ZERO(device);
}
module_init(converter_init);

static void __exit converter_exit(void)
{
	platform_device_unregister(device);
	platform_driver_unregister(&driver);
}
module_exit(converter_exit);

MODULE_DESCRIPTION("A converter without hardware, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("IIO_DMA_BUFFER");
