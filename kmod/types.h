/* SPDX-License-Identifier: GPL-2.0-only */
/* The structures of a device, its ring and its blocks, which all parts of the driver share. */
#ifndef ZCDMA_TYPES_H
#define ZCDMA_TYPES_H

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/zcdma.h>
#include <linux/zcdma_device.h>

#include "account.h"
#include "compat.h"
#include "mem/mem.h"

struct dentry;
struct zcdma_device;

/*
 * The most mappings of a ring, and of a dma-buf. Each adds a reference for each page of a chunk to
 * one count, which has 31 bits. The largest chunk has 2^13 pages on arm64 with pages of 64 KiB, so
 * there may be fewer mappings there: for the largest chunk they add at most 2^23.
 */
#define ZCDMA_MAPPINGS_MAX min(4096, (1 << 23) >> ZCDMA_MAX_ORDER)

enum zcdma_state {
	ZCDMA_FREE,	/* on .free */
	ZCDMA_FILLING,	/* the device has it */
	ZCDMA_FULL,	/* on .full */
	ZCDMA_HELD,	/* user space has it */
	ZCDMA_READING,	/* the same, by read() or splice() */
	ZCDMA_DRAINING,	/* on .draining, or on its way there */
	ZCDMA_STATES
};

/*
 * Memory that the kernel and user space share; .page is NULL where none was asked for. See
 * control.c.
 */
struct zcdma_control {
	void *memory;
	struct zcdma_dev_control *page;	/* in it, aligned */
	struct zcdma_dev_block *full;	/* in it */
	struct zcdma_dev_give *given;	/* in it */
	u32 entries;

	/* Below zdev->lock; the kernel's own counts, modulo 2^32 */
	u32 filled;
	u32 collected;			/* of what user space gave back */
	u32 refused;
};

struct zcdma_ring {
	struct zcdma_device *zdev;
	struct zcdma_mem mem;
	struct address_space *mapping;	/* of the owner's file */
	bool strict;
	bool out;			/* of a device that plays */
	u64 bytes;
	u64 timeout_ns;			/* 0: the device is not asked for what is not full */
	u32 watermark;			/* blocks that poll() waits for */
	struct hrtimer timer;
	struct zcdma_stream stream;	/* what the device's driver sees of it */
	struct zcdma_control control;

	/* Below zdev->lock */
	struct list_head free;
	struct list_head full;
	struct list_head draining;
	unsigned int inserts;		/* odd while page tables grow; changes with each growth,
					 * and when a mapping of the whole ring by importers ends
					 */
	unsigned int submitting;		/* blocks between .free and the device */
	u32 lost;			/* blocks, since the last one that was filled */
	bool gap;			/* data may be missing before the next one */
	u64 offset;			/* of the device in the stream */
	u64 reported_ns;		/* when the device last reported, or was asked to */
	bool hurry;			/* what is full is not to wait for the watermark */
	bool idle;			/* output: nothing was queued since the start, or fsync() */
	bool failed;			/* output: not all was played; fsync() reports it once */
	bool ended;			/* stopped, and not started again */
	bool halted;			/* the device gave up, and was not stopped yet */
	unsigned int imported;		/* mapped dma-bufs of the whole: it does not start */

	spinlock_t submit_lock;		/* output: blocks go to the device in order */

	/* Below zdev->ring_lock */
	bool running;			/* from start to stop; written below .lock as well */
	u64 starts;			/* times that .running was set */
	bool active;			/* the device is started, and not aborted */
	struct mutex map_lock;		/* .unmapped; growth and revocation of page tables */
	bool unmapped;			/* the memory goes with the device, which went */
	atomic_t mappings;		/* parts that were cut off count as well */
	struct mutex read_lock;		/* .cursor and .cursor_off */
	struct zcdma_block *cursor;	/* half read */
	u64 cursor_off;
	struct delayed_work reap;	/* looks for blocks that have drained */
	unsigned long reap_delay;	/* jiffies until it looks again */
	unsigned long looks;		/* how often it did */
	unsigned long flush_at;		/* when to look for packets that keep blocks, in jiffies */
	unsigned int flushes;		/* since a block was last found */
	struct list_head exports;	/* dma-bufs made of it: see dmabuf.c */
	u32 exports_whole;		/* of all blocks */
	struct zcdma_block *block;
};

struct zcdma_device {
	struct device dev;
	struct cdev cdev;
	int id;				/* of /dev/zcdma%d */
	unsigned int channel;		/* its number among the devices of its parent, from 0 */
	struct device *dma;		/* that does the DMA: its parent, or a controller */
	const struct zcdma_device_ops *ops;
	struct zcdma_limits limits;
	size_t frag_bytes_max;		/* that the device fetches in one piece, a power of two */
	void *priv;			/* of the driver that added it */
	struct dentry *debugfs;
	bool gone;			/* the parent went away */
	bool asleep;			/* it must not run: below ring_lock */
	struct percpu_ref users;	/* calls that are in the driver: zcdma_device_enter() */
	struct completion unused;	/* the last of them has left */
	wait_queue_head_t wait;		/* for a full block, the end of the stream, or the device */

	struct mutex ring_lock;		/* .owner and .ring; ring->running */
	struct zcdma_file *owner;
	struct zcdma_ring *ring;

	spinlock_t lock;		/* the ring's lists, and these two */
	struct zcdma_dev_stats stats;	/* its counters; the rest is filled in when asked for */
	u32 count[ZCDMA_STATES];	/* blocks in each state */
};

/* An open file. */
struct zcdma_file {
	struct file *file;
	struct zcdma_device *zdev;
	struct zcdma_ring *ring;	/* set once: zcdma_file_ring() */
	struct zcdma_ring *made;	/* the same, before user space knows of it */
	struct address_space mapping;	/* so that all mappings of the ring are found from here */
};

/* The blocks that wait for user space: full ones, or empty ones of an output device. */
static inline struct list_head *zcdma_ring_for_user(struct zcdma_ring *ring)
{
	return ring->out ? &ring->free : &ring->full;
}

/* Note that this processor may keep packets with blocks of the ring. */
static inline void zcdma_ring_took_part(struct zcdma_ring *ring)
{
	struct cpumask *cpus = ring->mem.account->cpus;
	unsigned int cpu = raw_smp_processor_id();

	if (!cpumask_test_cpu(cpu, cpus))
		cpumask_set_cpu(cpu, cpus);
}

static inline struct zcdma_ring *zcdma_ring_of(const struct zcdma_stream *stream)
{
	return container_of(stream, struct zcdma_ring, stream);
}

static inline struct zcdma_buf *zcdma_ring_buf(struct zcdma_ring *ring,
					       const struct zcdma_block *block)
{
	return &ring->mem.buf[block->index];
}

static inline u64 zcdma_ring_start_of(const struct zcdma_ring *ring, u32 index)
{
	return (u64)index * ring->mem.stride;
}

#endif /* ZCDMA_TYPES_H */
