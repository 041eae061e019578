/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring: blocks on their way from the device to user space and back. */
#ifndef ZCDMA_RING_H
#define ZCDMA_RING_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/zcdma.h>

#include "account.h"
#include "mem/mem.h"

struct zcdma_device;

enum zcdma_state {
	ZCDMA_FREE,	/* on .free */
	ZCDMA_FILLING,	/* the source has it */
	ZCDMA_FULL,	/* on .full */
	ZCDMA_HELD,	/* user space has it */
	ZCDMA_READING,	/* the same, by read() or splice() */
	ZCDMA_DRAINING,	/* on .draining, or on its way there */
	ZCDMA_STATES
};

struct zcdma_block {
	struct list_head node;	/* of the list that its state names, or of the source's own */
	enum zcdma_state state;
	u32 index;
	u32 lost;
	int error;		/* why there is no data in it, or 0 */
	bool gap;		/* data may be missing before it, of unknown length */
	u32 users;		/* calls that read from it right now */
	u64 length;
	u64 offset;
	u64 seq;
	u64 time_ns;
};

struct zcdma_ring {
	struct zcdma_device *zdev;
	struct zcdma_mem mem;
	struct address_space *mapping;	/* of the owner's file */
	bool strict;
	u64 rate;
	u64 seed;
	u64 bytes;

	/* Below zdev->lock */
	struct list_head free;
	struct list_head full;
	struct list_head draining;
	unsigned int inserts;		/* odd while page tables grow; each time another number */
	unsigned int arming;		/* blocks between .free and the source */
	u32 lost;			/* blocks, since the last one that was filled */
	bool gap;			/* data may be missing before the next one */
	u64 offset;			/* of the device in the stream */
	bool ended;			/* stopped, and not started again */
	bool halted;			/* the device gave up, and was not stopped yet */

	bool running;			/* from start to stop: below zdev->ring_lock, as is ... */
	bool active;			/* ... that the source is started, and not aborted */
	void *priv;			/* of the driver that added the device */
	void *source;			/* the source's own, from start to abort */
	struct mutex map_lock;		/* page tables grow, or are revoked; .mappers */
	struct list_head mappers;
	atomic_t mappings;		/* parts that were cut off are ones too */
	struct mutex read_lock;		/* .cursor and .cursor_off */
	struct zcdma_block *cursor;	/* half read */
	u64 cursor_off;
	struct delayed_work reap;	/* looks for blocks that have drained, every ... */
	unsigned long reap_delay;	/* ... so many jiffies */
	unsigned long flush_at;		/* when to look for packets that keep blocks, in jiffies */
	unsigned int flushes;		/* since a block was found */
	struct zcdma_block *block;
};

/*
 * Make the ring that @setup asks for, and fill in what it got. The memory is charged to the current
 * user.
 */
struct zcdma_ring *zcdma_ring_create(struct zcdma_device *zdev, struct address_space *mapping,
				     struct zcdma_dev_setup *setup);
/* The device must not be using it any more: zcdma_ring_detach(). */
void zcdma_ring_destroy(struct zcdma_ring *ring);
/* Stop the device, and take the memory away from it. Below zdev->ring_lock. */
void zcdma_ring_detach(struct zcdma_ring *ring);

/* All below zdev->ring_lock. */
int zcdma_ring_start(struct zcdma_ring *ring);
void zcdma_ring_stop(struct zcdma_ring *ring);
/* The device stops without a word to user space, ... */
void zcdma_ring_suspend(struct zcdma_ring *ring);
/* ... and goes on where it did, with a gap, or halts where it cannot. */
void zcdma_ring_resume(struct zcdma_ring *ring);

/* Most bytes that a ring may have on this machine. */
u64 zcdma_ring_bytes_max(void);

/* The next full block, in state @as; -EAGAIN, -ENODATA, -EIO, -ENODEV or -ERESTARTSYS. */
struct zcdma_block *zcdma_ring_take(struct zcdma_ring *ring, enum zcdma_state as, bool nonblock);
/* A block that user space holds by TAKE goes back. */
int zcdma_ring_give(struct zcdma_ring *ring, u32 index);
/*
 * Put a block that was taken as number @seq back where it was, unless it was given back meanwhile.
 */
void zcdma_ring_untake(struct zcdma_ring *ring, u32 index, u64 seq);
/* Would taking not wait? */
bool zcdma_ring_readable(struct zcdma_ring *ring);

/*
 * Where read() and splice() are in the stream, below .read_lock: a block, of which the bytes from
 * .cursor_off on are wanted. Errors as for zcdma_ring_take(); and -EIO for a block that failed,
 * which then is behind, unless the call has something else to tell: it got @done bytes.
 */
struct zcdma_block *zcdma_ring_cursor(struct zcdma_ring *ring, bool nonblock, size_t done);
/* @bytes of it are read. */
void zcdma_ring_advance(struct zcdma_ring *ring, u64 bytes);

/* The bytes of a block that is held stand still between these two, even if it is given back. */
struct zcdma_block *zcdma_ring_pin(struct zcdma_ring *ring, u32 index);
void zcdma_ring_unpin(struct zcdma_ring *ring, struct zcdma_block *block);

/* Map the bytes from @off on to @vma, all of it. */
int zcdma_ring_mmap(struct zcdma_ring *ring, struct vm_area_struct *vma);

/* This processor may keep packets with blocks of the ring. */
static inline void zcdma_ring_took_part(struct zcdma_ring *ring)
{
	struct cpumask *cpus = ring->mem.account->cpus;
	unsigned int cpu = raw_smp_processor_id();

	if (!cpumask_test_cpu(cpu, cpus))
		cpumask_set_cpu(cpu, cpus);
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

#endif /* ZCDMA_RING_H */
