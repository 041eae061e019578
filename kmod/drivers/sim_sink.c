// SPDX-License-Identifier: GPL-2.0-only
/* A simulated device that plays: it checks the pattern, and says in sysfs what it found. */
#include <linux/device.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "sim.h"
#include "sim_fault.h"

static int check_block(struct zcdma_stream *stream, struct zcdma_block *block)
{
	u64 offset = zcdma_stream_offset(stream);
	struct zcdma_sim *sink = stream->priv;
	size_t off, bytes;
	void *data;
	int ret;

	ret = zcdma_block_begin_cpu_access(stream, block);
	if (ret)
		return ret;
	for (off = 0; off < block->length; off += bytes) {
		data = zcdma_block_vaddr(stream, block, off, &bytes);
		bytes = min_t(size_t, bytes, block->length - off);
		zcdma_pattern_check(&sink->found, data, bytes, offset + off, stream->seed);
		cond_resched();
	}
	return zcdma_block_end_cpu_access(stream, block);
}

void zcdma_sink_play(struct zcdma_stream *stream, struct zcdma_block *block)
{
	struct zcdma_sim *sink = stream->priv;
	int ret;

	if (!zcdma_stream_offset(stream)) /* of a new ring */
		zcdma_pattern_forget(&sink->found);
	ret = check_block(stream, block);
	if (zcdma_sim_mutant("fail") && block->index == 1)
		ret = -EIO;
	/* Else the core takes it back. */
	if (ret && !zcdma_sim_stops(stream))
		zcdma_block_failed(stream, block, ret);
	else if (!ret)
		zcdma_block_done(stream, block, block->length);
}

static struct zcdma_sim *sink_of(struct device *dev)
{
	const struct zcdma_sim_card *card = dev_get_drvdata(dev);

	return zcdma_device_priv(card->zdev[0]);
}

static ssize_t checked_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_sim *sink = sink_of(dev);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(sink->found.checked_bytes));
}
static DEVICE_ATTR_RO(checked_bytes);

static ssize_t wrong_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_sim *sink = sink_of(dev);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(sink->found.wrong_bytes));
}
static DEVICE_ATTR_RO(wrong_bytes);

static ssize_t first_wrong_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return zcdma_pattern_show_first_wrong(&sink_of(dev)->found, buf);
}
static DEVICE_ATTR_RO(first_wrong);

static struct attribute *sink_attrs[] = {
	&dev_attr_checked_bytes.attr,
	&dev_attr_wrong_bytes.attr,
	&dev_attr_first_wrong.attr,
	NULL
};

static umode_t sink_is_visible(struct kobject *kobj, struct attribute *attr, int index)
{
	return sink_of(kobj_to_dev(kobj))->out ? attr->mode : 0;
}

static const struct attribute_group sink_group = {
	.attrs = sink_attrs,
	.is_visible = sink_is_visible,
};
const struct attribute_group *zcdma_sink_groups[] = { &sink_group, NULL };

const struct zcdma_device_ops zcdma_sink_ops = {
	.owner = THIS_MODULE,
	.name = "sink",
	.out = true,
	.paced = true,
	/* Both ways, as it is the CPU that gets the data from the device's view of the memory. */
	.dir = DMA_BIDIRECTIONAL,
	.start = zcdma_sim_start,
	.submit = zcdma_sim_submit,
	.abort = zcdma_sim_abort,
};
