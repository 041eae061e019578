// SPDX-License-Identifier: GPL-2.0-only
/* When a block may be filled again: after the last reference to its pages is gone. */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "block.h"
#include "control.h"
#include "fault_inject.h"
#include "skb_flush.h"
#include "traced.h"
#include "work.h"

/*
 * How long a block drains at most after the last reference went, while no call asks for it. A
 * socket may stay unread for hours: the longer nothing changed, the less often it is looked at. But
 * a device that starves loses data meanwhile, so then look at each tick, for a tenth of the time at
 * most.
 *
 * The kernel has no notification of the last reference to such a page. Examined were:
 * dev_pagemap_ops.page_free and dax_wait_page_idle(), which are for ZONE_DEVICE pages alone;
 * pipe_buf_operations.release, which is called when a page goes on to a socket, and would make each
 * pipe hold the module; page_pool, which takes pages back from received packets only; the
 * tracepoints of page references, which distributions do not build; kfree_skb, which comes before
 * the pages are put, for each packet of the machine; MMU notifiers, which report mappings only.
 */
#define REAP_DELAY_MIN 1
#define REAP_DELAY_MAX (HZ / 10)
#define REAP_SHARE 10

/* When to look for packets that keep blocks from a starving device: first, and again. */
#define FLUSH_DELAY DIV_ROUND_UP(HZ, 100)
#define FLUSH_PERIOD (HZ / 10)
/*
 * Look on all processors each tenth time: to send from a mapping is not a call of the driver's, so
 * the processor that did is not among those that took part.
 */
#define FLUSH_ALL 10

static bool is_busy(struct zcdma_ring *ring, const struct zcdma_block *block)
{
	return !zcdma_mutant("reuse") && ring->mem.ops->busy &&
	       ring->mem.ops->busy(zcdma_ring_buf(ring, block));
}

static bool is_read(const struct zcdma_block *block)
{
	return !zcdma_mutant("reuse") && block->users;
}

/*
 * A block may have many pages, so their counts are read without the lock. Page tables grow only
 * where the driver itself makes them grow, and then .inserts changes: if it was even and stayed the
 * same, none grew between the two counts that .busy compares. A new reader cannot start, as user
 * space does not hold the block. A dma-buf of the whole ring may have pages mapped and sent without
 * that; until it is unmapped the ring does not run, and then take_free() in dmabuf.c sees to it.
 */
bool zcdma_block_try_reclaim(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned int inserts;
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&zdev->lock, flags);
	inserts = ring->inserts;
	idle = !(inserts & 1) && !is_read(block);
	spin_unlock_irqrestore(&zdev->lock, flags);

	idle = idle && !is_busy(ring, block);

	spin_lock_irqsave(&zdev->lock, flags);
	idle = idle && ring->inserts == inserts;
	if (idle) {
		zcdma_note_drained(ring, block);
		zcdma_block_move(ring, block, ZCDMA_FREE, &ring->free);
	} else {
		list_add_tail(&block->node, &ring->draining);
	}
	spin_unlock_irqrestore(&zdev->lock, flags);
	return idle;
}

static struct zcdma_block *pop_draining(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	block = list_first_entry_or_null(&ring->draining, struct zcdma_block, node);
	if (block)
		list_del_init(&block->node);
	spin_unlock_irqrestore(&zdev->lock, flags);
	return block;
}

/* Count blocks that drain, also those on no list, which another processor is looking at. */
static unsigned int draining(struct zcdma_ring *ring)
{
	return READ_ONCE(ring->zdev->count[ZCDMA_DRAINING]);
}

/* Say in the control page how the device is off. Returns whether more was given back meanwhile. */
static bool update_control(struct zcdma_ring *ring)
{
	unsigned long flags;
	bool more;

	if (!zcdma_control_is_used(ring))
		return false;
	spin_lock_irqsave(&ring->zdev->lock, flags);
	more = zcdma_control_update(ring);
	spin_unlock_irqrestore(&ring->zdev->lock, flags);
	return more;
}

/*
 * More was given back meanwhile. Where some of it was refused, do not go on at once: user space may
 * put such things into the page as fast as they are looked at.
 */
static void look_again(struct zcdma_ring *ring, bool refused)
{
	if (refused)
		zcdma_ring_reap_later(ring);
	else
		zcdma_ring_reap_now(ring);
}

bool zcdma_ring_reap(struct zcdma_ring *ring, unsigned int most)
{
	u32 refused = READ_ONCE(ring->control.refused);
	struct zcdma_block *block;
	unsigned int left, found;

	found = zcdma_ring_collect(ring, most);
	for (left = zcdma_reap_looks(most, draining(ring)); left && found < most; left--) {
		block = pop_draining(ring);
		if (!block)
			break;
		/* All of them may be many pages. Only devices' interrupts ask for less. */
		if (most == UINT_MAX)
			cond_resched();
		/* A block that is still in flight goes to the end of the list. */
		found += zcdma_block_try_reclaim(ring, block);
	}
	/* A device that took no more when blocks were queued may have room by now. */
	if (found || ring->out)
		zcdma_ring_submit(ring);
	if (update_control(ring))
		look_again(ring, READ_ONCE(ring->control.refused) != refused);
	return found;
}

static bool is_starving(struct zcdma_ring *ring)
{
	bool starving;

	spin_lock_irq(&ring->zdev->lock);
	starving = zcdma_ring_is_starving(ring);
	spin_unlock_irq(&ring->zdev->lock);
	return starving;
}

static void flush_packets(struct zcdma_ring *ring)
{
	if (time_before(jiffies, ring->flush_at))
		return;
	ring->flush_at = jiffies + FLUSH_PERIOD;
	if (++ring->flushes % FLUSH_ALL)
		zcdma_skb_flush(ring->mem.account->cpus);
	else
		zcdma_skb_flush_all();
}

/* Return the jiffies until the next look, as the last one took @ns. */
static unsigned long next_delay(struct zcdma_ring *ring, bool found, u64 ns)
{
	unsigned long delay = READ_ONCE(ring->reap_delay);

	if (!found && is_starving(ring)) {
		flush_packets(ring);
		return max_t(unsigned long, REAP_DELAY_MIN, nsecs_to_jiffies(REAP_SHARE * ns));
	}
	ring->flush_at = jiffies + FLUSH_DELAY;
	ring->flushes = 0;
	return found ? REAP_DELAY_MIN : min_t(unsigned long, 2 * delay, REAP_DELAY_MAX);
}

static void reap_work(struct work_struct *work)
{
	struct zcdma_ring *ring = container_of(to_delayed_work(work), struct zcdma_ring, reap);
	u64 began = ktime_get_ns();
	unsigned long delay;
	bool found;

	found = zcdma_ring_reap(ring, UINT_MAX);
	delay = next_delay(ring, found, ktime_get_ns() - began);
	WRITE_ONCE(ring->reap_delay, delay);
	WRITE_ONCE(ring->looks, ring->looks + 1);
	/* The last put of a page sends no notification, so look again. */
	if (draining(ring))
		queue_delayed_work(zcdma_wq, &ring->reap, delay);
}

/*
 * Look soon, even after a long time without change. reap_work() may double the delay at the same
 * time, which does no harm.
 */
void zcdma_ring_reap_later(struct zcdma_ring *ring)
{
	if (xchg(&ring->reap_delay, REAP_DELAY_MIN) != REAP_DELAY_MIN)
		cancel_delayed_work(&ring->reap);
	queue_delayed_work(zcdma_wq, &ring->reap, REAP_DELAY_MIN);
}

void zcdma_ring_reap_now(struct zcdma_ring *ring)
{
	mod_delayed_work(zcdma_wq, &ring->reap, 0);
}

void zcdma_ring_reap_init(struct zcdma_ring *ring)
{
	INIT_DELAYED_WORK(&ring->reap, reap_work);
	ring->reap_delay = REAP_DELAY_MIN;
	ring->flush_at = jiffies;
}
