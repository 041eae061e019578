// SPDX-License-Identifier: GPL-2.0-only
/* The counters of a device in sysfs, one in each file of statistics/. */
#include <linux/device.h>

#include "device.h"

struct zcdma_stat {
	struct device_attribute attr;
	size_t offset;			/* in struct zcdma_dev_stats */
	size_t size;
};

static ssize_t stat_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);
	const struct zcdma_stat *stat = container_of(attr, struct zcdma_stat, attr);
	struct zcdma_dev_stats stats;
	const void *value;

	zcdma_device_get_stats(zdev, &stats);
	value = (const char *)&stats + stat->offset;
	if (stat->size == sizeof(u32))
		return sysfs_emit(buf, "%u\n", *(const u32 *)value);
	return sysfs_emit(buf, "%llu\n", *(const u64 *)value);
}

#define STAT(_name)								\
static struct zcdma_stat stat_##_name = {						\
	.attr = { .attr = { .name = #_name, .mode = 0444 }, .show = stat_show },	\
	.offset = offsetof(struct zcdma_dev_stats, _name),			\
	.size = sizeof_field(struct zcdma_dev_stats, _name),			\
}

/* Bytes that splice() to an output device copied, by reason. */
#define STAT_COPIED(_name, _reason)						\
static struct zcdma_stat stat_copied_##_name = {					\
	.attr = { .attr = { .name = "splice_copied_" #_name, .mode = 0444 },	\
		  .show = stat_show },						\
	.offset = offsetof(struct zcdma_dev_stats, splice_copied_by) +		\
		  (_reason) * sizeof(u64),					\
	.size = sizeof(u64),							\
}

STAT(running);
STAT(blocks);
STAT(bytes);
STAT(delivered);
STAT(given);
STAT(overruns);
STAT(lost_bytes);
STAT(failed);
STAT(bounced);
STAT(busy_at_release);
STAT(read_bytes);
STAT(splice_bytes);
STAT(splice_copied_bytes);
STAT(next_seq);
STAT(ring_blocks);
STAT(free);
STAT(filling);
STAT(full);
STAT(held);
STAT(draining);
STAT(gaps);
STAT(underruns);
STAT(underrun_bytes);
STAT(write_bytes);
STAT(short_blocks);
STAT_COPIED(device, ZCDMA_DEV_COPIED_DEVICE);
STAT_COPIED(align, ZCDMA_DEV_COPIED_ALIGN);
STAT_COPIED(reach, ZCDMA_DEV_COPIED_REACH);
STAT_COPIED(page, ZCDMA_DEV_COPIED_PAGE);
STAT_COPIED(memlock, ZCDMA_DEV_COPIED_MEMLOCK);
STAT_COPIED(unmapped, ZCDMA_DEV_COPIED_UNMAPPED);
STAT_COPIED(bounced, ZCDMA_DEV_COPIED_BOUNCED);

static struct attribute *stat_attrs[] = {
	&stat_running.attr.attr,
	&stat_blocks.attr.attr,
	&stat_bytes.attr.attr,
	&stat_delivered.attr.attr,
	&stat_given.attr.attr,
	&stat_overruns.attr.attr,
	&stat_lost_bytes.attr.attr,
	&stat_failed.attr.attr,
	&stat_bounced.attr.attr,
	&stat_busy_at_release.attr.attr,
	&stat_read_bytes.attr.attr,
	&stat_splice_bytes.attr.attr,
	&stat_splice_copied_bytes.attr.attr,
	&stat_next_seq.attr.attr,
	&stat_ring_blocks.attr.attr,
	&stat_free.attr.attr,
	&stat_filling.attr.attr,
	&stat_full.attr.attr,
	&stat_held.attr.attr,
	&stat_draining.attr.attr,
	&stat_gaps.attr.attr,
	&stat_underruns.attr.attr,
	&stat_underrun_bytes.attr.attr,
	&stat_write_bytes.attr.attr,
	&stat_short_blocks.attr.attr,
	&stat_copied_device.attr.attr,
	&stat_copied_align.attr.attr,
	&stat_copied_reach.attr.attr,
	&stat_copied_page.attr.attr,
	&stat_copied_memlock.attr.attr,
	&stat_copied_unmapped.attr.attr,
	&stat_copied_bounced.attr.attr,
	NULL
};

const struct attribute_group zcdma_statistics_group = {
	.name = "statistics",
	.attrs = stat_attrs,
};
