// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's PCI device edu, which masters the bus. Copy it as a start for a card of your own;
 * zcdma-driver(9) goes with it.
 *
 * A card that captures has its data. This one has a buffer, which only DMA can fill: so each piece
 * of a block takes two transfers, one of the pattern into that buffer, and one out of it into the
 * block. As a card that plays it fetches a piece of a block into that buffer, and the other
 * transfer is for the driver, which checks what came.
 */
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/zcdma_device.h>

#include "edu_regs.h"
#include "pattern.h"

/* The device does not report it. It drops the bits beyond these, and writes elsewhere. */
static unsigned int bits = 28;
module_param(bits, uint, 0444);
MODULE_PARM_DESC(bits, "Bits of an address that the device uses: its dma_mask (default 28)");

static bool plays;
module_param(plays, bool, 0444);
MODULE_PARM_DESC(plays, "The device plays, and checks the pattern (default N: it captures)");

struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	__le64 *stage;			/* what the device is to produce, or has fetched */
	dma_addr_t stage_dma;
	struct delayed_work watchdog;

	spinlock_t lock;		/* all below; and callbacks are made one at a time */
	struct zcdma_stream *stream;	/* NULL: no transfer may begin */
	struct list_head armed;		/* blocks; the first is being filled */
	size_t off;			/* in that one, of the current piece */
	size_t bytes;			/* of the current piece */
	bool out;			/* the second of its two transfers runs */
	bool busy;			/* a transfer is under way */
	bool flush;			/* hand the block over after this one */
	unsigned long deadline;
	struct zcdma_pattern_found found;
};

#define edu_block(edu) list_first_entry_or_null(&(edu)->armed, struct zcdma_block, node)

/* Return how many bytes of the block the device fills, or fetches. */
static size_t edu_length(const struct edu *edu, const struct zcdma_block *block)
{
	return plays ? block->length : edu->stream->block_size;
}

/* Return the offset of the current piece in the stream: only reports move that of the stream. */
static u64 edu_offset(const struct edu *edu)
{
	return zcdma_stream_offset(edu->stream) + edu->off;
}

/* Begin the next transfer, if there is one. The core has mapped and synced the block. */
static void edu_next(struct edu *edu)
{
	struct zcdma_block *block = edu_block(edu);
	dma_addr_t addr;

	edu->busy = edu->stream && block;
	if (!edu->busy)
		return;
	addr = zcdma_block_dma(edu->stream, block, edu->off, &edu->bytes);
	edu->bytes = min3(edu->bytes, (size_t)EDU_BYTES, edu_length(edu, block) - edu->off);
	/* What the device captures begins at the stage, and what it plays ends there. */
	if (edu->out == plays)
		addr = edu->stage_dma;
	if (!edu->out && !plays)
		zcdma_pattern_fill(edu->stage, edu->bytes, edu_offset(edu), edu->stream->seed);

	edu->deadline = jiffies + EDU_TIMEOUT;
	writeq(edu->out ? EDU_BUFFER : addr, edu->regs + EDU_DMA_FROM);
	writeq(edu->out ? addr : EDU_BUFFER, edu->regs + EDU_DMA_TO);
	writeq(edu->bytes, edu->regs + EDU_DMA_COUNT);
	/* writel() is ordered after what the CPU wrote to memory: no barrier is needed. */
	writel(EDU_DMA_RUN | EDU_DMA_IRQ | (edu->out ? EDU_DMA_OUT : 0), edu->regs + EDU_DMA_CMD);
}

/* Go on after a transfer. */
static void edu_done(struct edu *edu)
{
	struct zcdma_block *block = edu_block(edu);

	if (edu->out && plays)
		zcdma_pattern_check(&edu->found, (const u8 *)edu->stage, edu->bytes,
				    edu_offset(edu), edu->stream->seed);
	edu->off += edu->out ? edu->bytes : 0;
	edu->out = !edu->out;
	if (edu->off == edu_length(edu, block) || (edu->flush && edu->off && !edu->out)) {
		list_del_init(&block->node);
		zcdma_block_done(edu->stream, block, edu->off);
		edu->off = 0;
		edu->flush = false;
	}
	edu_next(edu);
}

/* Give up a transfer that may never end. Without bus mastering the device writes to no memory. */
static void edu_fail(struct edu *edu, int error)
{
	struct zcdma_block *block = edu_block(edu);

	dev_err(&edu->pdev->dev, "DMA failed: %d\n", error);
	pci_clear_master(edu->pdev);
	list_del_init(&block->node);
	zcdma_block_failed(edu->stream, block, error);
	zcdma_stream_halted(edu->stream);
	edu->stream = NULL;
	edu->busy = false;
}

static irqreturn_t edu_irq(int irq, void *data)
{
	struct edu *edu = data;
	unsigned long flags;
	u32 status;

	spin_lock_irqsave(&edu->lock, flags);
	status = readl(edu->regs + EDU_IRQ_STATUS);
	if (status & EDU_IRQ_DMA) {
		writel(status, edu->regs + EDU_IRQ_ACK);
		if (edu->busy && status == ~0U)
			edu_fail(edu, -EIO); /* the device is off the bus */
		else if (edu->busy)
			edu_done(edu);
	}
	spin_unlock_irqrestore(&edu->lock, flags);
	return status & EDU_IRQ_DMA ? IRQ_HANDLED : IRQ_NONE;
}

/* Notice a device that has stopped answering: it raises no interrupt. */
static void edu_watchdog(struct work_struct *work)
{
	struct edu *edu = container_of(to_delayed_work(work), struct edu, watchdog);

	spin_lock_irq(&edu->lock);
	if (edu->busy && time_after(jiffies, edu->deadline))
		edu_fail(edu, -ETIMEDOUT);
	if (edu->stream)
		schedule_delayed_work(&edu->watchdog, HZ / 4);
	spin_unlock_irq(&edu->lock);
}

/* A transfer cannot be called off. */
static int edu_wait(struct edu *edu)
{
	u32 cmd;

	return readl_poll_timeout(edu->regs + EDU_DMA_CMD, cmd, !(cmd & EDU_DMA_RUN), 5000,
				  1000000);
}

static int edu_start(struct zcdma_stream *stream)
{
	struct edu *edu = stream->priv;

	/* One that never ended must not write to what is others' memory by now. */
	if (edu_wait(edu))
		return -EIO;
	writel(readl(edu->regs + EDU_IRQ_STATUS), edu->regs + EDU_IRQ_ACK);
	pci_set_master(edu->pdev);
	edu->off = 0;
	edu->out = false;
	edu->flush = false;
	if (!zcdma_stream_offset(stream)) /* of a new ring */
		zcdma_pattern_forget(&edu->found);
	edu->stream = stream;
	schedule_delayed_work(&edu->watchdog, HZ / 4);
	return 0;
}

/* Any number is taken, so that the next block is there when one is full. */
static int edu_submit(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct edu *edu = stream->priv;
	unsigned long flags;
	int ret = -EIO;

	spin_lock_irqsave(&edu->lock, flags);
	if (edu->stream) {
		list_add_tail(&block->node, &edu->armed);
		ret = 0;
		if (!edu->busy)
			edu_next(edu);
	}
	spin_unlock_irqrestore(&edu->lock, flags);
	return ret;
}

/* The block may hold nothing yet: then hand over what the next transfer brings. */
static void edu_flush(struct zcdma_stream *stream)
{
	struct edu *edu = stream->priv;
	unsigned long flags;

	spin_lock_irqsave(&edu->lock, flags);
	edu->flush = edu->busy;
	spin_unlock_irqrestore(&edu->lock, flags);
}

static void edu_abort(struct zcdma_stream *stream)
{
	struct edu *edu = stream->priv;

	spin_lock_irq(&edu->lock);
	edu->stream = NULL;
	edu->busy = false;
	spin_unlock_irq(&edu->lock);
	cancel_delayed_work_sync(&edu->watchdog);
	/*
	 * Then it is kept from the memory, done or broken. The core takes its blocks off the list.
	 */
	edu_wait(edu);
	pci_clear_master(edu->pdev);
}

static const struct zcdma_device_ops edu_ops = {
	.owner = THIS_MODULE,
	.name = "edu",
	.dir = DMA_FROM_DEVICE,
	.start = edu_start,
	.submit = edu_submit,
	.flush = edu_flush,
	.abort = edu_abort,
};

static const struct zcdma_device_ops edu_ops_out = {
	.owner = THIS_MODULE,
	.name = "edu",
	.out = true,
	.dir = DMA_TO_DEVICE,
	.start = edu_start,
	.submit = edu_submit,
	.abort = edu_abort,
};

/* Each piece is a transfer of its own, so those of others' pages are as good as a block's. */
static const struct zcdma_limits edu_limits_out = {
	.align = 1,
	.frags_max = 64,
};

static struct zcdma_pattern_found *found_by(struct device *dev)
{
	struct edu *edu = zcdma_device_priv(dev_get_drvdata(dev));

	return &edu->found;
}

static ssize_t checked_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(found_by(dev)->checked_bytes));
}
static DEVICE_ATTR_RO(checked_bytes);

static ssize_t wrong_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(found_by(dev)->wrong_bytes));
}
static DEVICE_ATTR_RO(wrong_bytes);

static ssize_t first_wrong_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return zcdma_pattern_show_first_wrong(found_by(dev), buf);
}
static DEVICE_ATTR_RO(first_wrong);

static struct attribute *edu_attrs[] = {
	&dev_attr_checked_bytes.attr,
	&dev_attr_wrong_bytes.attr,
	&dev_attr_first_wrong.attr,
	NULL
};

static const struct attribute_group edu_group = { .attrs = edu_attrs };

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	struct zcdma_device *zdev;
	struct edu *edu;
	int ret;

	edu = devm_kzalloc(dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	spin_lock_init(&edu->lock);
	INIT_LIST_HEAD(&edu->armed);
	INIT_DELAYED_WORK(&edu->watchdog, edu_watchdog);

	/* Whatever this and "m" take goes by itself, also after an error. */
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(clamp(bits, 1U, 64U)));
	if (ret)
		return dev_err_probe(dev, ret, "no DMA with bits=%u\n", bits);
	/* Pieces of any size, as the driver itself cuts them into transfers. */
	dma_set_max_seg_size(dev, UINT_MAX);
	edu->stage = dmam_alloc_coherent(dev, EDU_BYTES, &edu->stage_dma, GFP_KERNEL);
	edu->regs = pci_resource_len(pdev, 0) < EDU_REGS ? NULL : pcim_iomap(pdev, 0, 0);
	if (!edu->stage || !edu->regs)
		return -ENOMEM;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (ret > 0)
		ret = devm_request_irq(dev, pci_irq_vector(pdev, 0), edu_irq, IRQF_SHARED,
				       "zcdma", edu);
	if (ret)
		return ret;
	/* Last, as it may be in use at once. */
	zdev = zcdma_device_register(dev, dev, plays ? &edu_ops_out : &edu_ops,
				     plays ? &edu_limits_out : NULL, edu);
	pci_set_drvdata(pdev, zdev);
	if (IS_ERR(zdev))
		return PTR_ERR(zdev);
	/* pci_driver has .dev_groups for this, but not before Linux 5.14. */
	ret = plays ? sysfs_create_group(&dev->kobj, &edu_group) : 0;
	if (ret) {
		zcdma_device_unregister(zdev);
		return ret;
	}
	/* What it is restored to after an error of the bus. */
	pci_save_state(pdev);
	return 0;
}

/* The device may be gone already, and in use still. On return it is not. */
static void edu_remove(struct pci_dev *pdev)
{
	if (plays)
		sysfs_remove_group(&pdev->dev.kobj, &edu_group);
	zcdma_device_unregister(pci_get_drvdata(pdev));
}

static void edu_shutdown(struct pci_dev *pdev)
{
	zcdma_device_suspend(pci_get_drvdata(pdev));
}

/* Errors of the bus: Documentation/PCI/pci-error-recovery.rst. */
static pci_ers_result_t edu_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	zcdma_device_suspend(pci_get_drvdata(pdev));
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t edu_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	/* Restoring uses up what was saved. */
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void edu_error_resume(struct pci_dev *pdev)
{
	zcdma_device_resume(pci_get_drvdata(pdev));
}

/* User space, or another function of the device, resets it. The bus is intact. */
static void edu_reset_prepare(struct pci_dev *pdev)
{
	zcdma_device_suspend(pci_get_drvdata(pdev));
}

static void edu_reset_done(struct pci_dev *pdev)
{
	/* The core has restored what it saved, which uses up what edu_slot_reset() restores. */
	pci_save_state(pdev);
	zcdma_device_resume(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers edu_error_handlers = {
	.error_detected = edu_error_detected,
	.slot_reset = edu_slot_reset,
	.resume = edu_error_resume,
	.reset_prepare = edu_reset_prepare,
	.reset_done = edu_reset_done,
};

static const struct pci_device_id edu_ids[] = { { PCI_DEVICE(0x1234, 0x11e8) }, { } };
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "zcdma-edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
	.shutdown = edu_shutdown,
	.err_handler = &edu_error_handlers,
	.driver = { .pm = &zcdma_pm_ops },
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("QEMU's PCI device edu for zcdma");
MODULE_AUTHOR("The zcdma authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.2.0");
ZCDMA_IMPORT_NS;
