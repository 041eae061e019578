// SPDX-License-Identifier: GPL-2.0-only
/* The ring: which block is whose, and when a block may be filled again. */
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "compat.h"
#include "device.h"
#include "ring.h"
#include "unpark.h"

/*
 * How long a block drains at most after the last reference went, while nobody asks for it. A socket
 * may stay unread for hours: the longer nothing changed, the less often it is looked at.
 */
#define REAP_DELAY_MIN 1
#define REAP_DELAY_MAX (HZ / 10)

/* From this delay on, packets that keep blocks from a starving device are looked for. */
#define UNPARK_DELAY DIV_ROUND_UP(HZ, 100)

static void set_state(struct zcdma_ring *ring, struct zcdma_block *block, enum zcdma_state state)
{
	lockdep_assert_held(&ring->zdev->lock);
	ring->zdev->count[block->state]--;
	ring->zdev->count[state]++;
	block->state = state;
}

static void move_to(struct zcdma_ring *ring, struct zcdma_block *block, enum zcdma_state state,
		    struct list_head *list)
{
	set_state(ring, block, state);
	list_move_tail(&block->node, list);
}

/*
 * May the block be filled again? Page tables grow only where the driver itself makes them grow, and
 * that is announced in .inserting, so none does between the two counts that .busy compares.
 */
static bool block_idle(struct zcdma_ring *ring, struct zcdma_block *block)
{
	lockdep_assert_held(&ring->zdev->lock);
#ifdef ZCDMA_MUTANT_NO_REUSE_CHECK
	return true;
#endif
	return !ring->inserting && !block->users &&
	       !ring->mem.ops->busy(zcdma_ring_buf(ring, block));
}

/*
 * To the device and back
 */

/* Hand free blocks to the source, as many as it takes. */
static void arm_free(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	unsigned long flags;
	int ret;

	do {
		spin_lock_irqsave(&zdev->lock, flags);
		block = list_first_entry_or_null(&ring->free, struct zcdma_block, node);
		if (!block || !zdev->stats.running) {
			spin_unlock_irqrestore(&zdev->lock, flags);
			return;
		}
		list_del_init(&block->node);
		set_state(ring, block, ZCDMA_FILLING);
		ring->arming++;
		spin_unlock_irqrestore(&zdev->lock, flags);

		ring->mem.ops->sync_for_device(&ring->mem, zcdma_ring_buf(ring, block));
		ret = zdev->source->submit(ring, block);

		spin_lock_irqsave(&zdev->lock, flags);
		if (ret)
			move_to(ring, block, ZCDMA_FREE, &ring->free);
		ring->arming--;
		spin_unlock_irqrestore(&zdev->lock, flags);
	} while (!ret);
}

/*
 * Free blocks that have drained, at most @most. The lock is held for one at a time, as there may be
 * many, and those in flight go to the end of the line.
 */
static bool reap(struct zcdma_ring *ring, unsigned int most)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	unsigned long flags;
	unsigned int left, found = 0;

	for (left = READ_ONCE(zdev->count[ZCDMA_DRAINING]); left && found < most; left--) {
		spin_lock_irqsave(&zdev->lock, flags);
		block = list_first_entry_or_null(&ring->draining, struct zcdma_block, node);
		if (block && block_idle(ring, block)) {
			move_to(ring, block, ZCDMA_FREE, &ring->free);
			found++;
		} else if (block) {
			list_move_tail(&block->node, &ring->draining);
		}
		spin_unlock_irqrestore(&zdev->lock, flags);
		if (!block)
			break;
	}
	if (found)
		arm_free(ring);
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

	found = reap(ring, UINT_MAX);
	if (!found && delay >= UNPARK_DELAY && is_starving(ring)) {
		zcdma_unpark();
		found = reap(ring, UINT_MAX);
	}
	delay = found ? REAP_DELAY_MIN : min_t(unsigned long, 2 * delay, REAP_DELAY_MAX);
	WRITE_ONCE(ring->reap_delay, delay);
	/* A reference that goes tells nobody, so look again. */
	if (!list_empty_careful(&ring->draining))
		schedule_delayed_work(&ring->reap, delay);
}

/*
 * A block drains since now: look soon, even if nothing changed for long. That reap_work() may
 * double the delay at the same time does no harm.
 */
static void reap_later(struct zcdma_ring *ring)
{
	if (xchg(&ring->reap_delay, REAP_DELAY_MIN) != REAP_DELAY_MIN)
		cancel_delayed_work(&ring->reap);
	schedule_delayed_work(&ring->reap, REAP_DELAY_MIN);
}

/* A block that is nobody's: to the device, or to those that wait for their pages. */
static void give_back(struct zcdma_ring *ring, struct zcdma_block *block)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;
	bool idle;

	if (ring->strict) {
		/* A fault that found the block still held has mapped it by now. */
		mutex_lock(&ring->map_lock);
		unmap_mapping_range(ring->mapping, zcdma_ring_start_of(ring, block->index),
				    ring->mem.stride, 1);
		mutex_unlock(&ring->map_lock);
	}

	spin_lock_irqsave(&zdev->lock, flags);
	zdev->stats.given++;
	idle = block_idle(ring, block);
	if (idle) {
		move_to(ring, block, ZCDMA_FREE, &ring->free);
	} else {
		zdev->stats.drained++;
		list_add_tail(&block->node, &ring->draining);
	}
	spin_unlock_irqrestore(&zdev->lock, flags);

	if (idle)
		arm_free(ring);
	else
		reap_later(ring);
}

void zcdma_block_done(struct zcdma_ring *ring, struct zcdma_block *block, size_t bytes)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	ring->mem.ops->sync_for_cpu(&ring->mem, zcdma_ring_buf(ring, block), bytes);

	spin_lock_irqsave(&zdev->lock, flags);
	block->length = bytes;
	block->offset = ring->offset;
	block->seq = zdev->stats.next_seq++;
	block->time_ns = ktime_get_ns();
	block->lost = ring->lost;
	ring->lost = 0;
	ring->offset += bytes;
	zdev->stats.blocks++;
	zdev->stats.bytes += bytes;
	move_to(ring, block, ZCDMA_FULL, &ring->full);
	spin_unlock_irqrestore(&zdev->lock, flags);
	wake_up_interruptible_poll(&zdev->wait, EPOLLIN | EPOLLRDNORM);
}

bool zcdma_block_wanted(struct zcdma_ring *ring)
{
	return reap(ring, 1);
}

void zcdma_block_lost(struct zcdma_ring *ring, size_t bytes)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned long flags;

	spin_lock_irqsave(&zdev->lock, flags);
	ring->offset += bytes;
	if (ring->lost < U32_MAX)
		ring->lost++;
	zdev->stats.next_seq++;
	zdev->stats.overruns++;
	zdev->stats.lost_bytes += bytes;
	spin_unlock_irqrestore(&zdev->lock, flags);
}

int zcdma_ring_start(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	int ret;

	lockdep_assert_held(&zdev->ring_lock);
	if (ring->running)
		return 0;
	ret = zdev->source->start(ring);
	if (ret)
		return ret;
	ring->running = true;
	spin_lock_irq(&zdev->lock);
	zdev->stats.running = 1;
	ring->ended = false;
	spin_unlock_irq(&zdev->lock);
	arm_free(ring);
	return 0;
}

void zcdma_ring_stop(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned int i;

	lockdep_assert_held(&zdev->ring_lock);
	if (!ring->running)
		return;
	spin_lock_irq(&zdev->lock);
	zdev->stats.running = 0;
	spin_unlock_irq(&zdev->lock);
	/* Nothing new is armed, but somebody may be half way through. */
	while (READ_ONCE(ring->arming))
		usleep_range(10, 50);
	zdev->source->abort(ring);
	ring->running = false;

	spin_lock_irq(&zdev->lock);
	for (i = 0; i < ring->mem.blocks; i++) {
		if (ring->block[i].state == ZCDMA_FILLING)
			move_to(ring, &ring->block[i], ZCDMA_FREE, &ring->free);
	}
	ring->ended = true;
	spin_unlock_irq(&zdev->lock);
	wake_up_interruptible_all(&zdev->wait);
}

/*
 * To user space and back
 */

/* .ended is set after the last block became full. */
static bool readable(struct zcdma_ring *ring)
{
	return READ_ONCE(ring->ended) || READ_ONCE(ring->cursor) ||
	       !list_empty_careful(&ring->full);
}

bool zcdma_ring_readable(struct zcdma_ring *ring)
{
	if (readable(ring))
		return true;
	/* Whoever asks may be about to wait for a block that can be filled by now. */
	reap(ring, UINT_MAX);
	return readable(ring);
}

static struct zcdma_block *try_take(struct zcdma_ring *ring, enum zcdma_state as)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	bool ended;

	spin_lock_irq(&zdev->lock);
	block = list_first_entry_or_null(&ring->full, struct zcdma_block, node);
	ended = ring->ended;
	if (block) {
		list_del_init(&block->node);
		set_state(ring, block, as);
		zdev->stats.delivered++;
	}
	spin_unlock_irq(&zdev->lock);
	if (block)
		return block;
	return ERR_PTR(ended ? -ENODATA : -EAGAIN);
}

struct zcdma_block *zcdma_ring_take(struct zcdma_ring *ring, enum zcdma_state as, bool nonblock)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	int ret;

	for (;;) {
		block = try_take(ring, as);
		if (nonblock || block != ERR_PTR(-EAGAIN))
			return block;
		reap(ring, UINT_MAX);
		ret = wait_event_interruptible(zdev->wait, READ_ONCE(zdev->gone) ||
					       READ_ONCE(ring->ended) ||
					       !list_empty_careful(&ring->full));
		if (ret)
			return ERR_PTR(ret);
		if (READ_ONCE(zdev->gone))
			return ERR_PTR(-ENODEV);
	}
}

int zcdma_ring_give(struct zcdma_ring *ring, u32 index)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block;
	bool held;

	if (index >= ring->mem.blocks)
		return -EINVAL;
	block = &ring->block[array_index_nospec(index, ring->mem.blocks)];
	spin_lock_irq(&zdev->lock);
	held = block->state == ZCDMA_HELD;
	if (held)
		set_state(ring, block, ZCDMA_DRAINING);
	spin_unlock_irq(&zdev->lock);
	if (!held)
		return -EINVAL;
	give_back(ring, block);
	return 0;
}

struct zcdma_block *zcdma_ring_cursor(struct zcdma_ring *ring, bool nonblock)
{
	struct zcdma_block *block;

	lockdep_assert_held(&ring->read_lock);
	if (ring->cursor)
		return ring->cursor;
	block = zcdma_ring_take(ring, ZCDMA_READING, nonblock);
	if (!IS_ERR(block)) {
		WRITE_ONCE(ring->cursor, block);
		ring->cursor_off = 0;
	}
	return block;
}

void zcdma_ring_advance(struct zcdma_ring *ring, u64 bytes)
{
	struct zcdma_device *zdev = ring->zdev;
	struct zcdma_block *block = ring->cursor;

	lockdep_assert_held(&ring->read_lock);
	ring->cursor_off += bytes;
	if (ring->cursor_off < block->length)
		return;
	WRITE_ONCE(ring->cursor, NULL);
	spin_lock_irq(&zdev->lock);
	set_state(ring, block, ZCDMA_DRAINING);
	spin_unlock_irq(&zdev->lock);
	give_back(ring, block);
}

struct zcdma_block *zcdma_ring_pin(struct zcdma_ring *ring, u32 index)
{
	struct zcdma_block *block = &ring->block[array_index_nospec(index, ring->mem.blocks)];
	bool held;

	spin_lock_irq(&ring->zdev->lock);
	held = block->state == ZCDMA_HELD;
	if (held)
		block->users++;
	spin_unlock_irq(&ring->zdev->lock);
	return held ? block : NULL;
}

void zcdma_ring_unpin(struct zcdma_ring *ring, struct zcdma_block *block)
{
	spin_lock_irq(&ring->zdev->lock);
	block->users--;
	spin_unlock_irq(&ring->zdev->lock);
}

/*
 * Mappings
 */

/* Page tables grow from here ... */
static void insert_begin(struct zcdma_ring *ring)
{
	mutex_lock(&ring->map_lock);
	spin_lock_irq(&ring->zdev->lock);
	ring->inserting++;
	spin_unlock_irq(&ring->zdev->lock);
}

/* ... to here. */
static void insert_end(struct zcdma_ring *ring)
{
	spin_lock_irq(&ring->zdev->lock);
	ring->inserting--;
	spin_unlock_irq(&ring->zdev->lock);
	mutex_unlock(&ring->map_lock);
}

/* Map the part of @block that lies in @vma. */
static int map_block(struct zcdma_ring *ring, struct vm_area_struct *vma, u32 index)
{
	u64 first = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 last = first + (vma->vm_end - vma->vm_start);
	u64 start = zcdma_ring_start_of(ring, index);
	u64 from = max(first, start);
	u64 to = min(last, start + ring->mem.stride);

	return ring->mem.ops->mmap(&ring->mem, &ring->mem.buf[index], vma,
				   vma->vm_start + (from - first), from - start, to - from);
}

/*
 * A page is missing: madvise(MADV_DONTNEED) took it, or the block was the device's since. What the
 * device owns is never mapped under the strict policy.
 */
static vm_fault_t ring_fault(struct vm_fault *vmf)
{
	struct zcdma_file *zf = vmf->vma->vm_private_data;
	struct zcdma_ring *ring = zf->ring;
	u32 index = div64_u64((u64)vmf->pgoff << PAGE_SHIFT, ring->mem.stride);
	bool allowed;
	int ret = -EFAULT;

	if (!ring->mem.ops->revocable || index >= ring->mem.blocks)
		return VM_FAULT_SIGBUS;
	insert_begin(ring);
	spin_lock_irq(&ring->zdev->lock);
	allowed = !ring->strict || ring->block[index].state == ZCDMA_HELD;
	spin_unlock_irq(&ring->zdev->lock);
	if (allowed)
		ret = map_block(ring, vmf->vma, index);
	insert_end(ring);
	if (ret == -ENOMEM)
		return VM_FAULT_OOM;
	return ret ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct ring_vm_ops = {
	.fault = ring_fault,
};

int zcdma_ring_mmap(struct zcdma_ring *ring, struct vm_area_struct *vma)
{
	u64 first = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	u32 index, end;
	int ret = 0;

	if (first >= ring->bytes || size > ring->bytes - first)
		return -EINVAL;
	/*
	 * No copies in children and no growth: page tables grow in insert_begin() .. insert_end()
	 * alone. VM_MIXEDMAP lets the fault handler insert pages.
	 */
	zcdma_vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP |
			   (ring->mem.ops->revocable ? VM_MIXEDMAP : 0));
	vma->vm_ops = &ring_vm_ops;
	vma->vm_private_data = vma->vm_file->private_data;
	if (ring->strict)
		return 0;

	index = div64_u64(first, ring->mem.stride);
	end = div64_u64(first + size - 1, ring->mem.stride) + 1;
	insert_begin(ring);
	for (; !ret && index < end; index++) {
		ret = map_block(ring, vma, index);
		cond_resched();
	}
	insert_end(ring);
	return ret;
}

/*
 * Life and death
 */

u64 zcdma_ring_bytes_max(void)
{
	/* Half of the memory; and what mmap() can address. */
	return min_t(u64, (u64)totalram_pages() << PAGE_SHIFT >> 1, LONG_MAX);
}

u64 zcdma_ring_memlock(void)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long locked = atomic_long_read(&current_user()->locked_vm);

	if (capable(CAP_IPC_LOCK) || rlimit(RLIMIT_MEMLOCK) == RLIM_INFINITY)
		return U64_MAX;
	return locked < limit ? (u64)(limit - locked) << PAGE_SHIFT : 0;
}

/* As xdp_umem_account_pages() does. */
static int charge(struct zcdma_ring *ring)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long pages = ring->bytes >> PAGE_SHIFT;
	struct user_struct *user = current_user();
	unsigned long locked;

	locked = atomic_long_add_return(pages, &user->locked_vm);
	if (locked > limit && rlimit(RLIMIT_MEMLOCK) != RLIM_INFINITY && !capable(CAP_IPC_LOCK)) {
		atomic_long_sub(pages, &user->locked_vm);
		return -EPERM;
	}
	ring->cred = get_current_cred();
	return 0;
}

static void uncharge(struct zcdma_ring *ring)
{
	atomic_long_sub(ring->bytes >> PAGE_SHIFT, &ring->cred->user->locked_vm);
	put_cred(ring->cred);
}

static void init_blocks(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;
	unsigned int i;

	spin_lock_irq(&zdev->lock);
	memset(&zdev->stats, 0, sizeof(zdev->stats));
	memset(zdev->count, 0, sizeof(zdev->count));
	zdev->count[ZCDMA_FREE] = ring->mem.blocks;
	zdev->stats.ring_blocks = ring->mem.blocks;
	for (i = 0; i < ring->mem.blocks; i++) {
		ring->block[i].index = i;
		list_add_tail(&ring->block[i].node, &ring->free);
	}
	spin_unlock_irq(&zdev->lock);
}

static void init_ring(struct zcdma_ring *ring, const struct zcdma_dev_setup *setup)
{
	struct zcdma_device *zdev = ring->zdev;

	ring->strict = setup->policy == ZCDMA_DEV_STRICT;
	ring->rate = setup->rate;
	ring->seed = setup->seed;
	INIT_LIST_HEAD(&ring->free);
	INIT_LIST_HEAD(&ring->full);
	INIT_LIST_HEAD(&ring->draining);
	mutex_init(&ring->map_lock);
	mutex_init(&ring->read_lock);
	INIT_DELAYED_WORK(&ring->reap, reap_work);
	ring->reap_delay = REAP_DELAY_MIN;
	ring->mem.dev = zdev->parent;
	ring->mem.dir = zdev->source->dir;
	ring->mem.block_size = setup->block_size;
	ring->mem.blocks = setup->blocks;
	zcdma_mem_layout(&ring->mem, setup->model);
	ring->bytes = (u64)ring->mem.stride * setup->blocks;
}

static void report(const struct zcdma_ring *ring, struct zcdma_dev_setup *setup)
{
	setup->stride = ring->mem.stride;
	setup->ring_bytes = ring->bytes;
	setup->chunks = ring->mem.buf[0].chunks ?: 1;
	setup->bounced = dma_max_mapping_size(ring->mem.dev) < SIZE_MAX;
}

struct zcdma_ring *zcdma_ring_create(struct zcdma_device *zdev, struct address_space *mapping,
				     struct zcdma_dev_setup *setup)
{
	struct zcdma_ring *ring;
	int ret;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->zdev = zdev;
	ring->mapping = mapping;
	init_ring(ring, setup);

	ret = -ENOMEM;
	setup->blocks_fit = div64_u64(zcdma_ring_bytes_max(), ring->mem.stride);
	if (ring->bytes > zcdma_ring_bytes_max())
		goto err_free;
	setup->blocks_fit = min_t(u64, div64_u64(zcdma_ring_memlock(), ring->mem.stride), U32_MAX);
	ret = charge(ring);
	if (ret)
		goto err_free;
	ret = -ENOMEM;
	ring->block = kvcalloc(ring->mem.blocks, sizeof(*ring->block), GFP_KERNEL);
	if (!ring->block)
		goto err_uncharge;
	ret = zcdma_mem_alloc(&ring->mem, &setup->blocks_fit);
	if (ret)
		goto err_blocks;
	init_blocks(ring);
	setup->blocks_fit = setup->blocks;
	report(ring, setup);
	return ring;

err_blocks:
	kvfree(ring->block);
err_uncharge:
	uncharge(ring);
err_free:
	kfree(ring);
	return ERR_PTR(ret);
}

void zcdma_ring_detach(struct zcdma_ring *ring)
{
	zcdma_ring_stop(ring);
	cancel_delayed_work_sync(&ring->reap);
	/* Memory that goes with the device must be out of all page tables first. */
	if (ring->mem.ops->bound)
		unmap_mapping_range(ring->mapping, 0, 0, 1);
	zcdma_mem_detach(&ring->mem);
}

void zcdma_ring_destroy(struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = ring->zdev;

	zcdma_mem_free(&ring->mem);
	uncharge(ring);
	spin_lock_irq(&zdev->lock);
	memset(zdev->count, 0, sizeof(zdev->count));
	zdev->stats.ring_blocks = 0;
	spin_unlock_irq(&zdev->lock);
	kvfree(ring->block);
	kfree(ring);
}

/*
 * For people
 */

static const char *const state_names[] = {
	[ZCDMA_FREE] = "free",
	[ZCDMA_FILLING] = "filling",
	[ZCDMA_FULL] = "full",
	[ZCDMA_HELD] = "held",
	[ZCDMA_READING] = "held",
	[ZCDMA_DRAINING] = "draining",
};

void zcdma_ring_show_blocks(struct zcdma_ring *ring, struct seq_file *m)
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
			   block->seq, sum_refs, sum_maps, sum_refs - sum_maps - (int)n);
		cond_resched();
	}
}

void zcdma_ring_show_pages(struct zcdma_ring *ring, struct seq_file *m)
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
