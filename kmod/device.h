/* SPDX-License-Identifier: GPL-2.0-only */
/* A device node, and what its files have in common. */
#ifndef ZCDMA_DEVICE_H
#define ZCDMA_DEVICE_H

#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/zcdma.h>

#include "ring.h"
#include "source/source.h"

#define ZCDMA_DEVICES_MAX 64

struct dentry;
struct pipe_inode_info;

struct zcdma_device {
	struct device dev;
	struct cdev cdev;
	int id;				/* of /dev/zcdma%d */
	struct device *dma;		/* that does the DMA: its parent, or a controller */
	const struct zcdma_source_ops *source;
	struct zcdma_limits limits;
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

extern const struct file_operations zcdma_fops;

int zcdma_device_init(void);
void zcdma_device_exit(void);

/*
 * Hold the device until zcdma_device_leave(). Its removal waits for that call. Returns false if it
 * is gone.
 */
bool zcdma_device_enter(struct zcdma_device *zdev);
void zcdma_device_leave(struct zcdma_device *zdev);

void zcdma_device_get_stats(struct zcdma_device *zdev, struct zcdma_dev_stats *stats);

/* Return the file's ring, or NULL before ZCDMA_IOC_SETUP. */
static inline struct zcdma_ring *zcdma_file_ring(struct zcdma_file *zf)
{
	/* Pairs with the release in setup_done(). */
	return smp_load_acquire(&zf->ring);
}

/*
 * Return the file's ring and hold its device until zcdma_device_leave(). Returns -ENODEV if the device
 * is gone, or -EBADFD before ZCDMA_IOC_SETUP.
 */
struct zcdma_ring *zcdma_file_enter(struct zcdma_file *zf);

/*
 * The first position of blocks for pread() and splice(). Reading the stream leaves the file position
 * at 0, so none gets there by accident.
 */
#define ZCDMA_POSITION BIT_ULL(40)

/*
 * Pin the block that @pos is in. *@off is the offset in it, *@left how many bytes it has from there
 * on. Returns the block, or an error pointer.
 */
struct zcdma_block *zcdma_file_pin(struct zcdma_ring *ring, loff_t pos, u64 *off, u64 *left);

/* Free a ring of the file, and give up the stream. */
void zcdma_file_drop_ring(struct zcdma_file *zf, struct zcdma_ring *ring);

long zcdma_ioctl(struct file *file, unsigned int cmd, unsigned long user);
ssize_t zcdma_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t zcdma_splice_read(struct file *file, loff_t *pos, struct pipe_inode_info *pipe, size_t len,
			  unsigned int flags);

#endif /* ZCDMA_DEVICE_H */
