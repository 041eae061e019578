// SPDX-License-Identifier: GPL-2.0-only
/* The counters of a device: in sysfs, one in each file of statistics/, and all together. */
#include <linux/device.h>
#include <linux/seq_file.h>

#include "fault_inject.h"
#include "statistics.h"

struct zcdma_stat {
	struct device_attribute attr;
	size_t offset;			/* in struct zcdma_dev_stats */
	size_t size;
};

void zcdma_device_get_stats(struct zcdma_device *zdev, struct zcdma_dev_stats *stats)
{
	if (zcdma_mutant("race"))
		*stats = zdev->stats;
	spin_lock_irq(&zdev->lock);
	*stats = zdev->stats;
	stats->free = zdev->count[ZCDMA_FREE];
	stats->filling = zdev->count[ZCDMA_FILLING];
	stats->full = zdev->count[ZCDMA_FULL];
	stats->held = zdev->count[ZCDMA_HELD] + zdev->count[ZCDMA_READING];
	stats->draining = zdev->count[ZCDMA_DRAINING];
	spin_unlock_irq(&zdev->lock);
}

static u64 stat_value(const struct zcdma_stat *stat, const struct zcdma_dev_stats *stats)
{
	const void *value = (const char *)stats + stat->offset;

	return stat->size == sizeof(u32) ? *(const u32 *)value : *(const u64 *)value;
}

static ssize_t stat_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct zcdma_device *zdev = container_of(dev, struct zcdma_device, dev);
	const struct zcdma_stat *stat = container_of(attr, struct zcdma_stat, attr);
	struct zcdma_dev_stats stats;

	zcdma_device_get_stats(zdev, &stats);
	return sysfs_emit(buf, "%llu\n", stat_value(stat, &stats));
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

void zcdma_statistics_print(struct seq_file *m, struct zcdma_device *zdev)
{
	struct attribute *const *attr;
	struct zcdma_dev_stats stats;

	zcdma_device_get_stats(zdev, &stats);
	for (attr = stat_attrs; *attr; attr++)
		seq_printf(m, "%s %llu\n", (*attr)->name,
			   stat_value(container_of(*attr, struct zcdma_stat, attr.attr), &stats));
}
