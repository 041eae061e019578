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
	int error;		/* why it is without data, or 0 */
	bool gap;		/* data may be missing before it, of unknown length */
	u32 users;		/* calls that are reading from it */
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
	unsigned int inserts;		/* odd while page tables grow; changes with each growth */
	unsigned int submitting;		/* blocks between .free and the source */
	u32 lost;			/* blocks, since the last one that was filled */
	bool gap;			/* data may be missing before the next one */
	u64 offset;			/* of the device in the stream */
	bool ended;			/* stopped, and not started again */
	bool halted;			/* the device gave up, and was not stopped yet */

	/* Below zdev->ring_lock */
	bool running;			/* from start to stop */
	bool active;			/* the source is started, and not aborted */
	void *priv;			/* of the driver that added the device */
	void *source;			/* the source's own, from start to abort */
	struct mutex map_lock;		/* .mappers; growth and revocation of page tables */
	struct list_head mappers;
	atomic_t mappings;		/* parts that were cut off count as well */
	struct mutex read_lock;		/* .cursor and .cursor_off */
	struct zcdma_block *cursor;	/* half read */
	u64 cursor_off;
	struct delayed_work reap;	/* looks for blocks that have drained */
	unsigned long reap_delay;	/* jiffies until it looks again */
	unsigned long flush_at;		/* when to look for packets that keep blocks, in jiffies */
	unsigned int flushes;		/* since a block was last found */
	struct zcdma_block *block;
};

/*
 * Make the ring that @setup asks for, and fill in what it got. The memory is charged to the current
 * user.
 */
struct zcdma_ring *zcdma_ring_create(struct zcdma_device *zdev, struct address_space *mapping,
				     struct zcdma_dev_setup *setup);
/* Free the ring. zcdma_ring_detach() must have been called. */
void zcdma_ring_destroy(struct zcdma_ring *ring);
/* Stop the device and unmap the memory from it. Call with zdev->ring_lock held. */
void zcdma_ring_detach(struct zcdma_ring *ring);

/* Call these four with zdev->ring_lock held. */

/*
 * Start the source. Returns 0 (also when it runs already), -EIO if the device halted or the machine
 * sleeps, or the error of the source.
 */
int zcdma_ring_start(struct zcdma_ring *ring);
/* Stop the source and end the stream: full blocks can still be taken. */
void zcdma_ring_stop(struct zcdma_ring *ring);
/* Stop the source; user space goes on waiting for blocks. */
void zcdma_ring_suspend(struct zcdma_ring *ring);
/* Start it again with a gap in the stream, or halt where that fails. */
void zcdma_ring_resume(struct zcdma_ring *ring);

/* Return the most bytes that a ring may have on this machine. */
u64 zcdma_ring_bytes_max(void);

/*
 * Take the next full block and put it into the state @as. Returns the block; -EAGAIN if none is full
 * and @nonblock is set; -ENODATA at the end of the stream; -EIO if the device halted; -ENODEV if it
 * is gone; -ERESTARTSYS after a signal.
 */
struct zcdma_block *zcdma_ring_take(struct zcdma_ring *ring, enum zcdma_state as, bool nonblock);
/* Give back a block that user space holds by TAKE. Returns 0, or -EINVAL if it holds none. */
int zcdma_ring_give(struct zcdma_ring *ring, u32 index);
/*
 * Put a block that was taken as number @seq back where it was, unless it was given back meanwhile.
 */
void zcdma_ring_untake(struct zcdma_ring *ring, u32 index, u64 seq);
/* Return whether taking a block would not wait. */
bool zcdma_ring_readable(struct zcdma_ring *ring);

/*
 * Return the block that read() and splice() are at in the stream; its bytes from .cursor_off on are
 * next. Call with .read_lock held. Errors as for zcdma_ring_take(), and -EIO for a block that
 * failed. That block is skipped unless the call has @done bytes to report first.
 */
struct zcdma_block *zcdma_ring_cursor(struct zcdma_ring *ring, bool nonblock, size_t done);
/* Move the cursor on by @bytes, and give the block back at its end. */
void zcdma_ring_advance(struct zcdma_ring *ring, u64 bytes);

/*
 * Keep the bytes of a block that user space holds unchanged until zcdma_ring_unpin(), even if it is
 * given back. Returns NULL if user space does not hold it.
 */
struct zcdma_block *zcdma_ring_pin(struct zcdma_ring *ring, u32 index);
void zcdma_ring_unpin(struct zcdma_ring *ring, struct zcdma_block *block);

/* Map the ring from the offset of @vma on. Returns 0 or a negative errno. */
int zcdma_ring_mmap(struct zcdma_ring *ring, struct vm_area_struct *vma);

/* Note that this processor may keep packets with blocks of the ring. */
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
