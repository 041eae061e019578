// SPDX-License-Identifier: GPL-2.0-only
/* The file operations of /dev/zcdmaN. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "device.h"
#include "dmabuf.h"
#include "frags.h"
#include "ring.h"

static __poll_t zcdma_poll(struct file *file, struct poll_table_struct *wait)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_ring *ring;
	__poll_t ret;

	poll_wait(file, &zf->zdev->wait, wait);
	ring = zcdma_file_enter(zf);
	if (IS_ERR(ring))
		return ring == ERR_PTR(-ENODEV) ? EPOLLERR | EPOLLHUP : EPOLLERR;
	if (!zcdma_ring_ready(ring))
		ret = 0;
	else if (ring->out)
		ret = EPOLLOUT | EPOLLWRNORM;
	else
		ret = EPOLLIN | EPOLLRDNORM;
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
	ring = zcdma_file_enter(zf);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = zcdma_ring_mmap(ring, vma);
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
	zf = kzalloc(sizeof(*zf), GFP_KERNEL_ACCOUNT);
	if (!zf)
		return -ENOMEM;
	get_device(&zdev->dev);
	zf->zdev = zdev;
	zf->file = file;
	/*
	 * Not the inode's: unmap_mapping_range() must find the mappings of this file's ring alone,
	 * whichever node they were made through.
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

/*
 * Stop the stream, if it is that of the @start-th start, or @start is 0. Let go of what that drops
 * while the device is there.
 */
static void stop_stream(struct zcdma_device *zdev, struct zcdma_ring *ring, u64 start)
{
	bool entered = zcdma_device_enter(zdev);
	struct zcdma_frags *dropped = NULL;

	mutex_lock(&zdev->ring_lock);
	if (zdev->ring == ring && (!start || ring->starts == start))
		dropped = zcdma_ring_stop(ring);
	/* A removal that is under way waits for the lock alone. */
	if (!entered) {
		zcdma_frags_free_all(dropped);
		dropped = NULL;
	}
	mutex_unlock(&zdev->ring_lock);
	zcdma_frags_free_all(dropped);
	if (entered)
		zcdma_device_leave(zdev);
}

void zcdma_file_stop(struct zcdma_file *zf, u64 start)
{
	stop_stream(zf->zdev, zf->ring, start);
}

void zcdma_file_drop_ring(struct zcdma_file *zf, struct zcdma_ring *ring)
{
	struct zcdma_device *zdev = zf->zdev;

	/*
	 * Nothing keeps a dma-buf without a ring from being mapped while the device writes to it.
	 */
	stop_stream(zdev, ring, 0);
	zcdma_dmabuf_orphan(ring);

	mutex_lock(&zdev->ring_lock);
	/* The removal of a device detaches its ring. */
	if (zdev->ring == ring) {
		zcdma_ring_detach(ring);
		zdev->ring = NULL;
	}
	mutex_unlock(&zdev->ring_lock);

	zcdma_ring_destroy(ring);
	/* The next owner uses the same counters, so it has to wait until here. */
	mutex_lock(&zdev->ring_lock);
	zdev->owner = NULL;
	mutex_unlock(&zdev->ring_lock);
}

static int zcdma_release(struct inode *inode, struct file *file)
{
	struct zcdma_file *zf = file->private_data;
	struct zcdma_device *zdev = zf->zdev;

	if (zf->ring)
		zcdma_file_drop_ring(zf, zf->ring);
	put_device(&zdev->dev);
	/* __fput() still uses the mapping after this. */
	file->f_mapping = inode->i_mapping;
	kfree(zf);
	return 0;
}

const struct file_operations zcdma_fops = {
	.owner = THIS_MODULE,
	.open = zcdma_open,
	.release = zcdma_release,
	.read_iter = zcdma_read_iter,
	.write_iter = zcdma_write_iter,
	.fsync = zcdma_fsync,
	.splice_read = zcdma_splice_read,
	.splice_write = zcdma_splice_write,
	.poll = zcdma_poll,
	.mmap = zcdma_mmap,
	.unlocked_ioctl = zcdma_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = zcdma_llseek,
};
