// SPDX-License-Identifier: GPL-2.0-only
/* Mappings of a ring. */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "block.h"
#include "compat.h"
#include "control.h"
#include "ring.h"

/* Begin to add to page tables. */
static void insert_begin(struct zcdma_ring *ring)
{
	mutex_lock(&ring->map_lock);
	spin_lock_irq(&ring->zdev->lock);
	ring->inserts++;
	spin_unlock_irq(&ring->zdev->lock);
}

/* End it. */
static void insert_end(struct zcdma_ring *ring)
{
	spin_lock_irq(&ring->zdev->lock);
	ring->inserts++;
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
 * Map a missing page: madvise(MADV_DONTNEED) removed it, or the device owned the block since, or
 * the memory goes with the device. The strict policy never maps a block that the device owns.
 */
static vm_fault_t ring_fault(struct vm_fault *vmf)
{
	struct zcdma_ring *ring = vmf->vma->vm_private_data;
	bool allowed;
	int ret = -EFAULT;
	u32 index;

	if (!ring)
		return VM_FAULT_SIGBUS;
	zcdma_ring_took_part(ring);
	index = div64_u64((u64)vmf->pgoff << PAGE_SHIFT, ring->mem.stride);
	if (index >= ring->mem.blocks)
		return VM_FAULT_SIGBUS;
	index = array_index_nospec(index, ring->mem.blocks);
	insert_begin(ring);
	spin_lock_irq(&ring->zdev->lock);
	allowed = !ring->strict || ring->block[index].state == ZCDMA_HELD;
	spin_unlock_irq(&ring->zdev->lock);
	if (allowed && !ring->unmapped)
		ret = map_block(ring, vmf->vma, index);
	insert_end(ring);
	if (ret == -ENOMEM)
		return VM_FAULT_OOM;
	/* The process is about to die. */
	if (ret == -EINTR)
		return VM_FAULT_NOPAGE;
	return ret ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

/* Remove the pages from all mappings, but those of the control page. */
static void unmap_pages(struct zcdma_ring *ring)
{
	unmap_mapping_range(ring->mapping, 0, ring->bytes, 1);
}

/*
 * Let a child begin without pages, also after madvise(MADV_KEEPONFORK), as copies of page tables
 * are not counted. fork() copies them before it calls .open, or on newer kernels after that. Either
 * way there are none if those of the parent go too; its faults map them again. A look at a block
 * that was under way meanwhile, between whose counts a copy may have come and gone, fails; for one
 * that ended before .open see zcdma_mem_page_busy().
 */
static void leave_no_copies(struct zcdma_ring *ring)
{
	insert_begin(ring);
	unmap_pages(ring);
	insert_end(ring);
}

/*
 * Count a part of a mapping that was cut in two. A child that inherited the mapping after
 * madvise(MADV_DOFORK) gets SIGBUS.
 */
static void ring_vm_open(struct vm_area_struct *vma)
{
	struct zcdma_ring *ring = vma->vm_private_data;

	if (ring && vma->vm_mm == current->mm) {
		atomic_inc(&ring->mappings);
	} else if (ring) {
		leave_no_copies(ring);
		vma->vm_private_data = NULL;
	}
}

static void ring_vm_close(struct vm_area_struct *vma)
{
	struct zcdma_ring *ring = vma->vm_private_data;

	if (ring)
		atomic_dec(&ring->mappings);
}

static const struct vm_operations_struct ring_vm_ops = {
	.open = ring_vm_open,
	.close = ring_vm_close,
	.fault = ring_fault,
};

/* Map all of @vma at once. Returns 0, -ENOMEM, or -EINTR if the process is about to die. */
static int map_all(struct zcdma_ring *ring, struct vm_area_struct *vma)
{
	u64 first = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 last = first + (vma->vm_end - vma->vm_start) - 1;
	u32 index = div64_u64(first, ring->mem.stride);
	u32 end = div64_u64(last, ring->mem.stride) + 1;
	int ret = 0;

	insert_begin(ring);
	for (; !ret && index < end; index++) {
		ret = fatal_signal_pending(current) ? -EINTR : map_block(ring, vma, index);
		cond_resched();
	}
	insert_end(ring);
	return ret;
}

/* Return whether a mapping is of the control page, or a part of it. */
static bool is_control(const struct zcdma_ring *ring, u64 first, u64 size)
{
	u64 start = zcdma_control_offset(ring), bytes = zcdma_control_bytes(ring->mem.blocks);

	return zcdma_control_is_used(ring) && first >= start && first - start < bytes &&
	       size <= bytes - (first - start);
}

/*
 * Its pages belong to none of the blocks, so page tables that grow by them need not be counted.
 * vm_insert_page() sets VM_MIXEDMAP, with which fork() copies page tables. Only what inserts pages
 * needs it, and faults insert none.
 */
static int map_control(struct zcdma_ring *ring, struct vm_area_struct *vma)
{
	unsigned long addr = vma->vm_start;
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) - zcdma_control_offset(ring);
	void *page = (void *)ring->control.page + offset;
	int ret = 0;

	for (; !ret && addr < vma->vm_end; addr += PAGE_SIZE, page += PAGE_SIZE)
		ret = vm_insert_page(vma, addr, vmalloc_to_page(page));
	zcdma_vm_flags_clear(vma, VM_MIXEDMAP);
	return ret;
}

int zcdma_ring_mmap(struct zcdma_ring *ring, struct vm_area_struct *vma)
{
	u64 first = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	bool control = is_control(ring, first, size);
	int ret = 0;

	if (!control && ring->mem.ops->foreign)
		return -EOPNOTSUPP;
	if (!control && (first >= ring->bytes || size > ring->bytes - first))
		return -EINVAL;
	if (atomic_inc_return(&ring->mappings) > ZCDMA_MAPPINGS_MAX) {
		atomic_dec(&ring->mappings);
		return -ENOMEM;
	}
	/*
	 * No copies in children and no growth: page tables grow in insert_begin() .. insert_end()
	 * alone. madvise(MADV_DOFORK) takes VM_DONTCOPY away, as libibverbs does, and leaves
	 * VM_WIPEONFORK, with which a child gets no pages. VM_MIXEDMAP lets the fault handler
	 * insert pages.
	 */
	zcdma_vm_flags_set(vma, VM_DONTCOPY | VM_WIPEONFORK | VM_DONTEXPAND | VM_DONTDUMP |
			   (ring->mem.ops->revocable && !control ? VM_MIXEDMAP : 0));
	vma->vm_ops = &ring_vm_ops;
	vma->vm_private_data = ring;
	if (control)
		ret = map_control(ring, vma);
	else if (ring->mem.ops->prepare)
		ret = ring->mem.ops->prepare(&ring->mem, vma);
	else if (!ring->strict)
		ret = map_all(ring, vma);
	/* After an error .close is not called. */
	if (ret)
		atomic_dec(&ring->mappings);
	return ret;
}

/*
 * unmap_mapping_range() does not find a mapping whose mmap() is half way through, and to wait for
 * that is to wait for an mmap_lock, which user space may keep for as long as it likes. So only
 * faults fill mappings of such memory: they come after the mapping can be found, and after this
 * they fill nothing.
 */
void zcdma_ring_unmap(struct zcdma_ring *ring)
{
	mutex_lock(&ring->map_lock);
	ring->unmapped = true;
	mutex_unlock(&ring->map_lock);
	unmap_pages(ring);
}

void zcdma_ring_revoke(struct zcdma_ring *ring, const struct zcdma_block *block)
{
	/* Wait for a fault that found the block still held. */
	mutex_lock(&ring->map_lock);
	unmap_mapping_range(ring->mapping, zcdma_ring_start_of(ring, block->index),
			    ring->mem.stride, 1);
	mutex_unlock(&ring->map_lock);
}
