// SPDX-License-Identifier: GPL-2.0-only
/* The file operations of /dev/zcdmaN. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "device.h"

#define BLOCKS_MIN 2
#define BLOCKS_MAX 65536
#define BLOCK_SIZE_MAX SZ_1G

/* Lines of the cache are not shared between two blocks, and words not cut by their borders. */
#define BLOCK_ALIGN max_t(u32, 64, dma_get_cache_alignment())

/*
 * ioctls
 */

union zcdma_arg {
	u32 size;
	struct zcdma_dev_info info;
	struct zcdma_dev_setup setup;
	struct zcdma_dev_block block;
	struct zcdma_dev_give give;
	struct zcdma_dev_stats stats;
};

static int ioc_info(struct file *file, union zcdma_arg *arg)
{
	struct zcdma_file *zf = file->private_data;

	arg->info = (struct zcdma_dev_info){
		.abi_version = ZCDMA_DEV_ABI_VERSION,
		.page_size = PAGE_SIZE,
		.models = zcdma_mem_models_mask(),
		.policies = BIT(ZCDMA_DEV_TRACK) | BIT(ZCDMA_DEV_STRICT),
		.default_model = ZCDMA_DEV_COMPOUND,
		.block_align = BLOCK_ALIGN,
		.blocks_max = BLOCKS_MAX,
		.block_size_max = min_t(u64, BLOCK_SIZE_MAX, zcdma_ring_bytes_max() / BLOCKS_MIN),
		.ring_bytes_max = zcdma_ring_bytes_max(),
		.chunk_bytes_max = PAGE_SIZE << zcdma_mem_order_max(zf->zdev->parent),
		.memlock_bytes = zcdma_ring_memlock(),
	};
	return 0;
}

static bool setup_valid(const struct zcdma_dev_setup *setup)
{
	if (setup->model > ZCDMA_DEV_SCATTER || setup->policy > ZCDMA_DEV_STRICT || setup->flags)
		return false;
	if (setup->policy == ZCDMA_DEV_STRICT && !zcdma_mem_models[setup->model]->revocable)
		return false;
	if (setup->blocks < BLOCKS_MIN || setup->blocks > BLOCKS_MAX)
		return false;
	return setup->block_size && setup->block_size <= BLOCK_SIZE_MAX &&
	       setup->block_size % BLOCK_ALIGN == 0;
}

/* Own the stream, or say why not. */
static int claim(struct zcdma_file *zf)
{
	struct zcdma_device *zdev = zf->zdev;
	int ret = 0;

	mutex_lock(&zdev->ring_lock);
	if (zdev->owner == zf)
		ret = -EALREADY;
	else if (zdev->owner)
		ret = -EBUSY;
	else
		zdev->owner = zf;
	mutex_unlock(&zdev->ring_lock);
	return ret;
}

static int ioc_setup(struct file *file, union zcdma_arg *arg)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_device *zdev = zf->zdev;
	struct zcdma_ring *ring;
	int ret;

	if (!setup_valid(&arg->setup))
		return -EINVAL;
	ret = claim(zf);
	if (ret)
		return ret;

	/* Without the lock, as it may take a while. */
	ring = zcdma_ring_create(zdev, &zf->mapping, &arg->setup);
	mutex_lock(&zdev->ring_lock);
	if (IS_ERR(ring)) {
		zdev->owner = NULL;
	} else {
		zdev->ring = ring;
		/* Pairs with zcdma_file_ring(). */
		smp_store_release(&zf->ring, ring);
	}
	mutex_unlock(&zdev->ring_lock);
	return PTR_ERR_OR_ZERO(ring);
}

static int ioc_start(struct file *file, union zcdma_arg *arg)
{
	struct zcdma_file *zf = file->private_data;
	int ret;

	if (!zcdma_file_ring(zf))
		return -EBADFD;
	mutex_lock(&zf->zdev->ring_lock);
	ret = zcdma_ring_start(zf->ring);
	mutex_unlock(&zf->zdev->ring_lock);
	return ret;
}

static int ioc_stop(struct file *file, union zcdma_arg *arg)
{
	struct zcdma_file *zf = file->private_data;

	if (!zcdma_file_ring(zf))
		return -EBADFD;
	mutex_lock(&zf->zdev->ring_lock);
	zcdma_ring_stop(zf->ring);
	mutex_unlock(&zf->zdev->ring_lock);
	return 0;
}

static int ioc_take(struct file *file, union zcdma_arg *arg)
{
	struct zcdma_ring *ring = zcdma_file_ring(file->private_data);
	struct zcdma_block *block;

	if (!ring)
		return -EBADFD;
	block = zcdma_ring_take(ring, ZCDMA_HELD, file->f_flags & O_NONBLOCK);
	if (IS_ERR(block))
		return PTR_ERR(block);
	arg->block = (struct zcdma_dev_block){
		.index = block->index,
		.flags = block->lost ? ZCDMA_DEV_BLOCK_LOST : 0,
		.lost = block->lost,
		.length = block->length,
		.mmap_offset = zcdma_ring_start_of(ring, block->index),
		.position = ZCDMA_POSITION + zcdma_ring_start_of(ring, block->index),
		.offset = block->offset,
		.seq = block->seq,
		.time_ns = block->time_ns,
	};
	return 0;
}

static int ioc_give(struct file *file, union zcdma_arg *arg)
{
	struct zcdma_ring *ring = zcdma_file_ring(file->private_data);

	return ring ? zcdma_ring_give(ring, arg->give.index) : -EBADFD;
}

static int ioc_stats(struct file *file, union zcdma_arg *arg)
{
	struct zcdma_file *zf = file->private_data;

	zcdma_device_get_stats(zf->zdev, &arg->stats);
	return 0;
}

/* By number. .size is 0 where there is no argument. */
static const struct zcdma_ioctl {
	int (*call)(struct file *file, union zcdma_arg *arg);
	size_t size;
	size_t reserved;	/* to the end */
	bool in_only;
} ioctls[] = {
	[_IOC_NR(ZCDMA_IOC_INFO)] = { ioc_info, sizeof(struct zcdma_dev_info),
				      offsetof(struct zcdma_dev_info, reserved) },
	[_IOC_NR(ZCDMA_IOC_SETUP)] = { ioc_setup, sizeof(struct zcdma_dev_setup),
				       offsetof(struct zcdma_dev_setup, reserved) },
	[_IOC_NR(ZCDMA_IOC_START)] = { ioc_start },
	[_IOC_NR(ZCDMA_IOC_STOP)] = { ioc_stop },
	[_IOC_NR(ZCDMA_IOC_TAKE)] = { ioc_take, sizeof(struct zcdma_dev_block),
				      offsetof(struct zcdma_dev_block, reserved) },
	[_IOC_NR(ZCDMA_IOC_GIVE)] = { ioc_give, sizeof(struct zcdma_dev_give),
				      offsetof(struct zcdma_dev_give, reserved), true },
	[_IOC_NR(ZCDMA_IOC_STATS)] = { ioc_stats, sizeof(struct zcdma_dev_stats),
				       offsetof(struct zcdma_dev_stats, reserved) },
};

static int get_arg(const struct zcdma_ioctl *ioc, union zcdma_arg *arg, void __user *user)
{
	u32 size;
	int ret;

	if (!ioc->size)
		return user ? -EINVAL : 0;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	/* There is only one version yet, so the least size is the size. */
	if (size < ioc->size || size > PAGE_SIZE)
		return -EINVAL;
	ret = copy_struct_from_user(arg, ioc->size, user, size);
	if (ret)
		return ret;
	/* Read twice: the caller may have changed it in between. */
	arg->size = size;
	if (memchr_inv((char *)arg + ioc->reserved, 0, ioc->size - ioc->reserved))
		return -EINVAL;
	return 0;
}

static long zcdma_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct zcdma_file *zf = file->private_data;
	unsigned int nr = _IOC_NR(cmd);
	const struct zcdma_ioctl *ioc;
	union zcdma_arg arg;
	u32 size;
	int ret;

	if (nr >= ARRAY_SIZE(ioctls) || cmd != _IO(ZCDMA_IOC_MAGIC, nr))
		return -ENOTTY;
	ioc = &ioctls[array_index_nospec(nr, ARRAY_SIZE(ioctls))];
	if (!zcdma_device_enter(zf->zdev))
		return -ENODEV;
	ret = get_arg(ioc, &arg, (void __user *)user);
	if (ret)
		goto leave;
	size = ioc->size ? arg.size : 0;
	ret = ioc->call(file, &arg);
	/* A failed setup says what would have fit. */
	if (!ioc->size || ioc->in_only || (ret && cmd != ZCDMA_IOC_SETUP))
		goto leave;
	arg.size = size;
	if (copy_to_user((void __user *)user, &arg, ioc->size)) {
		/* A block that nobody was told of would be held for ever. */
		if (!ret && cmd == ZCDMA_IOC_TAKE)
			zcdma_ring_give(zf->ring, arg.block.index);
		ret = ret ?: -EFAULT;
	}
leave:
	zcdma_device_leave(zf->zdev);
	return ret;
}

/*
 * read()
 */

/* Copy up to @left bytes at @off of a block. Less, or -EFAULT for nothing, where @to is bad. */
static ssize_t copy_block(struct zcdma_ring *ring, struct zcdma_block *block, u64 off, u64 left,
			  struct iov_iter *to)
{
	struct zcdma_buf *buf = zcdma_ring_buf(ring, block);
	size_t bytes, copied, done = 0;

	left = min_t(u64, left, iov_iter_count(to));
	while (left) {
		bytes = min_t(u64, left, PAGE_SIZE - offset_in_page(off));
		copied = copy_to_iter(ring->mem.ops->vaddr(buf, off), bytes, to);
		done += copied;
		if (copied < bytes)
			return done ?: -EFAULT;
		off += copied;
		left -= copied;
	}
	return done;
}

struct zcdma_block *zcdma_file_pin(struct zcdma_ring *ring, loff_t pos, u64 *off, u64 *left)
{
	struct zcdma_block *block;
	u64 index;

	if (pos < ZCDMA_POSITION)
		return ERR_PTR(-EINVAL);
	index = div64_u64_rem(pos - ZCDMA_POSITION, ring->mem.stride, off);
	if (index >= ring->mem.blocks)
		return ERR_PTR(-EINVAL);
	block = zcdma_ring_pin(ring, index);
	if (!block)
		return ERR_PTR(-EINVAL);
	*left = *off < block->length ? block->length - *off : 0;
	return block;
}

static ssize_t read_at(struct zcdma_ring *ring, loff_t pos, struct iov_iter *to)
{
	struct zcdma_block *block;
	u64 off, left;
	ssize_t ret;

	block = zcdma_file_pin(ring, pos, &off, &left);
	if (IS_ERR(block))
		return PTR_ERR(block);
	ret = copy_block(ring, block, off, left, to);
	zcdma_ring_unpin(ring, block);
	return ret;
}

static ssize_t read_stream(struct zcdma_ring *ring, struct iov_iter *to, bool nonblock)
{
	struct zcdma_block *block;
	ssize_t ret, done = 0;

	while (iov_iter_count(to)) {
		block = zcdma_ring_cursor(ring, nonblock || done);
		if (IS_ERR(block)) {
			ret = PTR_ERR(block);
			if (ret == -ENODATA)
				ret = 0;
			return done ?: ret;
		}
		ret = copy_block(ring, block, ring->cursor_off, block->length - ring->cursor_off,
				 to);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		zcdma_ring_advance(ring, ret);
	}
	return done;
}

static ssize_t read_locked(struct zcdma_ring *ring, struct kiocb *iocb, struct iov_iter *to,
			   bool nonblock)
{
	ssize_t ret;

	if (iocb->ki_pos)
		return read_at(ring, iocb->ki_pos, to);
	if (nonblock) {
		if (!mutex_trylock(&ring->read_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&ring->read_lock)) {
		return -ERESTARTSYS;
	}
	ret = read_stream(ring, to, nonblock);
	mutex_unlock(&ring->read_lock);
	return ret;
}

static ssize_t zcdma_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct zcdma_file *zf = iocb->ki_filp->private_data;
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct zcdma_ring *ring;
	ssize_t ret = -EBADFD;

	if (!zcdma_device_enter(zf->zdev))
		return -ENODEV;
	ring = zcdma_file_ring(zf);
	if (ring)
		ret = read_locked(ring, iocb, to, nonblock);
	zcdma_device_leave(zf->zdev);
	if (ret > 0) {
		spin_lock_irq(&zf->zdev->lock);
		zf->zdev->stats.read_bytes += ret;
		spin_unlock_irq(&zf->zdev->lock);
	}
	return ret;
}

/*
 * The rest
 */

static __poll_t zcdma_poll(struct file *file, struct poll_table_struct *wait)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_ring *ring;
	__poll_t ret = EPOLLERR;

	poll_wait(file, &zf->zdev->wait, wait);
	if (!zcdma_device_enter(zf->zdev))
		return EPOLLERR | EPOLLHUP;
	ring = zcdma_file_ring(zf);
	if (ring)
		ret = zcdma_ring_readable(ring) ? EPOLLIN | EPOLLRDNORM : 0;
	zcdma_device_leave(zf->zdev);
	return ret;
}

static int zcdma_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_ring *ring;
	int ret;

	/* A file that is open for reading only has VM_MAYSHARE, but never VM_SHARED. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (!zcdma_device_enter(zf->zdev))
		return -ENODEV;
	ring = zcdma_file_ring(zf);
	ret = ring ? zcdma_ring_mmap(ring, vma) : -EBADFD;
	zcdma_device_leave(zf->zdev);
	return ret;
}

/* sendfile() asks for a file that has this operation. The position that reads go by stays 0. */
static loff_t zcdma_llseek(struct file *file, loff_t offset, int whence)
{
	return -ESPIPE;
}

static int zcdma_open(struct inode *inode, struct file *file)
{
	struct zcdma_device *zdev = container_of(inode->i_cdev, struct zcdma_device, cdev);
	struct zcdma_file *zf;

	if (READ_ONCE(zdev->gone))
		return -ENODEV;
	zf = kzalloc(sizeof(*zf), GFP_KERNEL);
	if (!zf)
		return -ENOMEM;
	get_device(&zdev->dev);
	zf->zdev = zdev;
	/*
	 * Not the inode's: unmap_mapping_range() is to find the mappings of this file's ring,
	 * through whichever node they were made, and no others.
	 */
	address_space_init_once(&zf->mapping);
	zf->mapping.host = inode;
	zf->mapping.a_ops = &empty_aops;
	mapping_set_gfp_mask(&zf->mapping, GFP_USER);
	file->f_mapping = &zf->mapping;
	file->private_data = zf;
	/* A stream, but for pread(), splice() and sendfile() at the position of a block. */
	file->f_mode &= ~FMODE_PWRITE;
	return 0;
}

static int zcdma_release(struct inode *inode, struct file *file)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_device *zdev = zf->zdev;

	mutex_lock(&zdev->ring_lock);
	/* Where the device is gone, it has been detached already. */
	if (zf->ring && zdev->ring == zf->ring) {
		zcdma_ring_detach(zf->ring);
		zdev->ring = NULL;
	}
	mutex_unlock(&zdev->ring_lock);

	if (zf->ring)
		zcdma_ring_destroy(zf->ring);
	/* Only now may the next owner come: it uses the same counters. */
	mutex_lock(&zdev->ring_lock);
	if (zdev->owner == zf)
		zdev->owner = NULL;
	mutex_unlock(&zdev->ring_lock);
	put_device(&zdev->dev);
	/* What is left of the file may still look at its mapping. */
	file->f_mapping = inode->i_mapping;
	kfree(zf);
	return 0;
}

const struct file_operations zcdma_fops = {
	.owner = THIS_MODULE,
	.open = zcdma_open,
	.release = zcdma_release,
	.read_iter = zcdma_read_iter,
	.splice_read = zcdma_splice_read,
	.poll = zcdma_poll,
	.mmap = zcdma_mmap,
	.unlocked_ioctl = zcdma_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = zcdma_llseek,
};
