// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long data waits: bytes for their block to be full, and full blocks for poll() to report them.
 */
#include <linux/ktime.h>
#include <linux/poll.h>

#include "block.h"
#include "compat.h"
#include "control.h"

/*
 * Let poll() report full blocks that have waited long enough, though they are fewer than the
 * watermark. Sets *@due to when that is next, if it is earlier. Returns whether there are any.
 */
static bool hurry_full(struct zcdma_ring *ring, u64 now, u64 *due)
{
	struct zcdma_block *block;
	u64 until;

	lockdep_assert_held(&ring->zdev->lock);
	block = list_first_entry_or_null(&ring->full, struct zcdma_block, node);
	if (!block || ring->hurry || ring->watermark == 1)
		return false;
	until = block->time_ns + ring->timeout_ns;
	if (now < until) {
		*due = min(*due, until);
		return false;
	}
	ring->hurry = true;
	return true;
}

/*
 * No device says when the first byte of a block came, but that was not before the last report. So
 * ask for what it has one timeout after that, and again.
 */
static enum hrtimer_restart timeout_passed(struct hrtimer *timer)
{
	struct zcdma_ring *ring = container_of(timer, struct zcdma_ring, timer);
	struct zcdma_device *zdev = ring->zdev;
	bool running, ask, wake;
	unsigned long flags;
	u64 now, due;

	spin_lock_irqsave(&zdev->lock, flags);
	now = ktime_get_ns();
	running = zdev->stats.running;
	ask = now >= ring->reported_ns + ring->timeout_ns;
	if (ask)
		ring->reported_ns = now;
	due = ring->reported_ns + ring->timeout_ns;
	wake = hurry_full(ring, now, &due);
	spin_unlock_irqrestore(&zdev->lock, flags);

	if (wake)
		wake_up_interruptible_poll(&zdev->wait, EPOLLIN | EPOLLRDNORM);
	if (!running)
		return HRTIMER_NORESTART;
	if (ask)
		zdev->ops->flush(&ring->stream);
	hrtimer_set_expires(timer, ns_to_ktime(due));
	return HRTIMER_RESTART;
}

/* The device's driver takes spinlocks, which sleep under PREEMPT_RT: so not in a hard interrupt. */
void zcdma_timeout_init(struct zcdma_ring *ring, const struct zcdma_dev_setup *setup)
{
	ring->timeout_ns = setup->timeout_ns;
	ring->watermark = max(setup->watermark, 1U);
	zcdma_hrtimer_setup(&ring->timer, timeout_passed, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
}

void zcdma_timeout_start(struct zcdma_ring *ring)
{
	if (ring->timeout_ns)
		hrtimer_start(&ring->timer, ns_to_ktime(ktime_get_ns() + ring->timeout_ns),
			      HRTIMER_MODE_ABS_SOFT);
}

void zcdma_timeout_stop(struct zcdma_ring *ring)
{
	hrtimer_cancel(&ring->timer);
}

bool zcdma_ring_has_enough(const struct zcdma_ring *ring)
{
	const u32 *count = ring->zdev->count;
	bool idle;

	lockdep_assert_held(&ring->zdev->lock);
	/* There the watermark is 1. */
	if (zcdma_control_is_used(ring))
		return true;
	idle = !count[ZCDMA_FILLING] && !count[ring->out ? ZCDMA_FULL : ZCDMA_FREE];
	return ring->hurry || idle || count[ring->out ? ZCDMA_FREE : ZCDMA_FULL] >= ring->watermark;
}

__poll_t zcdma_ring_wake_key(const struct zcdma_ring *ring)
{
	if (!zcdma_ring_has_enough(ring))
		return EPOLLMSG;
	return ring->out ? EPOLLOUT | EPOLLWRNORM : EPOLLIN | EPOLLRDNORM;
}
