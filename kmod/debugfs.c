// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: what each block does, who refers to its pages, how often the driver looks, and all
 * counters of one moment. For people; no ABI.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "debugfs.h"
#include "statistics.h"
#include "types.h"

static struct dentry *root;

static const char *const state_names[] = {
	[ZCDMA_FREE] = "free",
	[ZCDMA_FILLING] = "filling",
	[ZCDMA_FULL] = "full",
	[ZCDMA_HELD] = "held",
	[ZCDMA_READING] = "held",
	[ZCDMA_DRAINING] = "draining",
};

static void show_blocks(struct zcdma_ring *ring, struct seq_file *m)
{
	unsigned int i, n;

	seq_puts(m, "index state seq refs maps in_flight\n");
	for (i = 0; i < ring->mem.blocks; i++) {
		const struct zcdma_block *block = &ring->block[i];
		int refs, maps, sum_refs = 0, sum_maps = 0;

		for (n = 0; ring->mem.ops->count(&ring->mem.buf[i], n, &refs, &maps); n++) {
			sum_refs += refs;
			sum_maps += maps;
		}
		seq_printf(m, "%u %s %llu %d %d %d\n", i, state_names[READ_ONCE(block->state)],
			   READ_ONCE(block->seq), sum_refs, sum_maps, sum_refs - sum_maps - (int)n);
		cond_resched();
	}
}

static void show_pages(struct zcdma_ring *ring, struct seq_file *m)
{
	unsigned int i, n;
	int refs, maps;

	seq_puts(m, "index count refs maps in_flight\n");
	for (i = 0; i < ring->mem.blocks; i++) {
		for (n = 0; ring->mem.ops->count(&ring->mem.buf[i], n, &refs, &maps); n++)
			seq_printf(m, "%u %u %d %d %d\n", i, n, refs, maps, refs - maps - 1);
		cond_resched();
	}
}

static int blocks_show(struct seq_file *m, void *unused)
{
	struct zcdma_device *zdev = m->private;

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring)
		show_blocks(zdev->ring, m);
	mutex_unlock(&zdev->ring_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(blocks);

static int pages_show(struct seq_file *m, void *unused)
{
	struct zcdma_device *zdev = m->private;

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring)
		show_pages(zdev->ring, m);
	mutex_unlock(&zdev->ring_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pages);

static int reap_show(struct seq_file *m, void *unused)
{
	struct zcdma_device *zdev = m->private;

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring)
		seq_printf(m, "looks %lu\ndelay_ticks %lu\n", READ_ONCE(zdev->ring->looks),
			   READ_ONCE(zdev->ring->reap_delay));
	mutex_unlock(&zdev->ring_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(reap);

static int stats_show(struct seq_file *m, void *unused)
{
	zcdma_statistics_print(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

void zcdma_debugfs_add(struct zcdma_device *zdev)
{
	zdev->debugfs = debugfs_create_dir(dev_name(&zdev->dev), root);
	debugfs_create_file("blocks", 0400, zdev->debugfs, zdev, &blocks_fops);
	debugfs_create_file("pages", 0400, zdev->debugfs, zdev, &pages_fops);
	debugfs_create_file("reap", 0400, zdev->debugfs, zdev, &reap_fops);
	debugfs_create_file("stats", 0400, zdev->debugfs, zdev, &stats_fops);
}

void zcdma_debugfs_del(struct zcdma_device *zdev)
{
	debugfs_remove_recursive(zdev->debugfs);
}

void zcdma_debugfs_init(void)
{
	root = debugfs_create_dir("zcdma", NULL);
}

void zcdma_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
}
