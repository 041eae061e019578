// SPDX-License-Identifier: GPL-2.0-only
/* When a block may be filled again: once nobody refers to its pages any more. */
#include <linux/minmax.h>
#include <linux/workqueue.h>

#include "block.h"
#include "device.h"
#include "mutant.h"
#include "unpark.h"

/*
 * How long a block drains at most after the last reference went, while nobody asks for it. A socket
 * may stay unread for hours: the longer nothing changed, the less often it is looked at.
 */
#define REAP_DELAY_MIN 1
#define REAP_DELAY_MAX (HZ / 10)

/* From this delay on, packets that keep blocks from a starving device are looked for. */
#define UNPARK_DELAY DIV_ROUND_UP(HZ, 100)

static bool is_busy(struct zcdma_ring *ring, const struct zcdma_block *block)
{
	return !zcdma_mutant("reuse") && ring->mem.ops->busy(zcdma_ring_buf(ring, block));
}

static bool is_read(const struct zcdma_block *block)
{
	return !zcdma_mutant("reuse") && block->users;
}

/*
 * A block may have many pages, so they are looked at without the lock. Page tables grow only where
 * the driver itself makes them grow, which .inserts tells: where it was even and stayed the same, none
 * did between the two counts that .busy compares. Nor can somebody new start to read from the block,
 * as nobody holds it.
 */
bool zcdma_block_settle(struct zcdma_ring *ring, struct zcdma_block *block)
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
	if (idle)
		zcdma_block_move(ring, block, ZCDMA_FREE, &ring->free);
	else
		list_add_tail(&block->node, &ring->draining);
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

/* Some of them may be in somebody's hands, on no list. */
static unsigned int draining(struct zcdma_ring *ring)
{
	return READ_ONCE(ring->zdev->count[ZCDMA_DRAINING]);
}

bool zcdma_ring_reap(struct zcdma_ring *ring, unsigned int most)
{
	struct zcdma_block *block;
	unsigned int left, found = 0;

	for (left = draining(ring); left && found < most; left--) {
		block = pop_draining(ring);
		if (!block)
			break;
		/* What is still in flight goes to the end of the line. */
		found += zcdma_block_settle(ring, block);
	}
	if (found)
		zcdma_ring_arm(ring);
	return found;
}

/* The device runs, and has neither a block nor the prospect of one. */
static bool is_starving(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	bool starving;

	spin_lock_irq(&zdev->lock);
	starving = zdev->stats.running && !zdev->count[ZCDMA_FREE] && !zdev->count[ZCDMA_FILLING];
	spin_unlock_irq(&zdev->lock);
	return starving;
}

static void reap_work(struct work_struct *work)
{
	struct zcdma_ring *ring = container_of(to_delayed_work(work), struct zcdma_ring, reap);
	unsigned long delay = READ_ONCE(ring->reap_delay);
	bool found;

	found = zcdma_ring_reap(ring, UINT_MAX);
	if (!found && delay >= UNPARK_DELAY && is_starving(ring)) {
		zcdma_unpark();
		found = zcdma_ring_reap(ring, UINT_MAX);
	}
	delay = found ? REAP_DELAY_MIN : min_t(unsigned long, 2 * delay, REAP_DELAY_MAX);
	WRITE_ONCE(ring->reap_delay, delay);
	/* A reference that goes tells nobody, so look again. */
	if (draining(ring))
		schedule_delayed_work(&ring->reap, delay);
}

/*
 * Look soon, even if nothing changed for long. That reap_work() may double the delay at the same time
 * does no harm.
 */
void zcdma_ring_reap_later(struct zcdma_ring *ring)
{
	if (xchg(&ring->reap_delay, REAP_DELAY_MIN) != REAP_DELAY_MIN)
		cancel_delayed_work(&ring->reap);
	schedule_delayed_work(&ring->reap, REAP_DELAY_MIN);
}

void zcdma_ring_reap_init(struct zcdma_ring *ring)
{
	INIT_DELAYED_WORK(&ring->reap, reap_work);
	ring->reap_delay = REAP_DELAY_MIN;
}
