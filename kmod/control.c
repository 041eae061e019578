// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control page: blocks go to user space and come back through memory that both sides have
 * mapped.
 *
 * Whatever user space writes there is its own loss. The kernel counts for itself, and only writes
 * its counters to the page. It reads three things: an index and a length, which it checks as those
 * of ZCDMA_IOC_GIVE, against the state of the block; how many of them there are, which it limits;
 * and how many blocks user space has taken, by which poll() alone goes.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <asm/shmparam.h>

#include "block.h"
#include "control.h"
#include "fault_inject.h"
#include "traced.h"

/*
 * With fewer blocks than this the device is short of them: then user space has what it gives back
 * collected at once, as the device may need it before the kernel would look.
 */
#define BLOCKS_LOW 2

static u32 entries_for(u32 blocks)
{
	return roundup_pow_of_two(blocks);
}

static size_t given_offset(u32 entries)
{
	return sizeof(struct zcdma_dev_control) + entries * sizeof(struct zcdma_dev_block);
}

size_t zcdma_control_bytes(u32 blocks)
{
	u32 entries = entries_for(blocks);

	return PAGE_ALIGN(given_offset(entries) + entries * sizeof(struct zcdma_dev_give));
}

/*
 * Not next to the ring, whose end is seen by what can be mapped. Where addresses differ by a
 * multiple of SHMLBA, caches do not hold memory twice: see zcdma_control_create().
 */
u64 zcdma_control_offset(const struct zcdma_ring *ring)
{
	return round_up(ring->bytes + PAGE_SIZE, SHMLBA);
}

/*
 * vmalloc_user() has what it allocates start at a multiple of SHMLBA, but nobody pays for it, and
 * it writes a backtrace where that fails.
 */
int zcdma_control_create(struct zcdma_ring *ring)
{
	struct zcdma_control *control = &ring->control;
	size_t bytes = zcdma_control_bytes(ring->mem.blocks);
	void *page;

	control->memory = __vmalloc(bytes + SHMLBA - PAGE_SIZE,
				    GFP_KERNEL | ZCDMA_GFP_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	if (!control->memory)
		return -ENOMEM;
	page = PTR_ALIGN(control->memory, SHMLBA);
	control->page = page;
	control->entries = entries_for(ring->mem.blocks);
	control->full = page + sizeof(*control->page);
	control->given = page + given_offset(control->entries);
	*control->page = (struct zcdma_dev_control){
		.entries = control->entries,
		.full_offset = sizeof(*control->page),
		.full_size = sizeof(*control->full),
		.given_offset = given_offset(control->entries),
		.given_size = sizeof(*control->given),
	};
	return 0;
}

void zcdma_control_destroy(struct zcdma_ring *ring)
{
	vfree(ring->control.memory);
}

void zcdma_control_offer(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_control *control = &ring->control;

	zcdma_block_hold(ring, block, ZCDMA_HELD);
	zcdma_block_describe(ring, block, &control->full[control->filled & (control->entries - 1)]);
	WRITE_ONCE(control->filled, control->filled + 1);
	/* Pairs with the acquire in user space, which then reads the entry and the block. */
	smp_store_release(&control->page->filled, control->filled);
}

bool zcdma_control_next(struct zcdma_ring *ring, u32 *index, u64 *length)
{
	struct zcdma_control *control = &ring->control;
	const struct zcdma_dev_give *entry;
	u32 given;

	lockdep_assert_held(&ring->zdev->lock);
	/*
	 * Pairs with the release in user space, after the entry and the last access to the block.
	 */
	given = smp_load_acquire(&control->page->given);
	if (given == control->collected)
		return false;
	/* More than there is room for was never there. */
	if (given - control->collected > control->entries) {
		control->collected = given;
		zcdma_control_refuse(ring);
		return false;
	}
	entry = &control->given[control->collected++ & (control->entries - 1)];
	*index = READ_ONCE(entry->index);
	*length = READ_ONCE(entry->length);
	return true;
}

void zcdma_control_refuse(struct zcdma_ring *ring)
{
	struct zcdma_control *control = &ring->control;

	lockdep_assert_held(&ring->zdev->lock);
	WRITE_ONCE(control->refused, control->refused + 1);
	WRITE_ONCE(control->page->refused, control->refused);
}

/*
 * Return the blocks that the device has, and those that it has before it needs more from user
 * space.
 */
static u32 blocks_for_device(const struct zcdma_ring *ring)
{
	const u32 *count = ring->zdev->count;

	return count[ZCDMA_FILLING] + count[ring->out ? ZCDMA_FULL : ZCDMA_FREE];
}

static u32 flags_now(const struct zcdma_ring *ring)
{
	bool low = blocks_for_device(ring) < BLOCKS_LOW && !zcdma_mutant("kick");

	return (ring->zdev->stats.running && low ? ZCDMA_DEV_CONTROL_KICK : 0) |
	       (ring->ended ? ZCDMA_DEV_CONTROL_ENDED : 0) |
	       (ring->halted ? ZCDMA_DEV_CONTROL_HALTED : 0) |
	       (READ_ONCE(ring->zdev->gone) ? ZCDMA_DEV_CONTROL_GONE : 0);
}

bool zcdma_control_update(struct zcdma_ring *ring)
{
	struct zcdma_control *control = &ring->control;

	lockdep_assert_held(&ring->zdev->lock);
	if (!control->page)
		return false;
	WRITE_ONCE(control->page->flags, flags_now(ring));
	/*
	 * User space stores .given, and then loads .flags: either it sees that the device is short
	 * of blocks, or what it gave back is seen here.
	 */
	smp_mb();
	return ring->zdev->stats.running && blocks_for_device(ring) <= ring->mem.blocks / 2 &&
	       READ_ONCE(control->page->given) != control->collected;
}

bool zcdma_control_has_news(const struct zcdma_ring *ring)
{
	return READ_ONCE(ring->control.filled) != READ_ONCE(ring->control.page->taken);
}
