/* SPDX-License-Identifier: GPL-2.0-only */
/* A device node, and what its files have in common. */
#ifndef ZCDMA_DEVICE_H
#define ZCDMA_DEVICE_H

#include "types.h"

struct pipe_inode_info;

extern const struct file_operations zcdma_fops;

int zcdma_device_init(void);
void zcdma_device_exit(void);

/*
 * Hold the device until zcdma_device_leave(). Its removal waits for that call. Returns false if it
 * is gone.
 */
bool zcdma_device_enter(struct zcdma_device *zdev);
void zcdma_device_leave(struct zcdma_device *zdev);

/* Return the file's ring, or NULL before ZCDMA_IOC_SETUP. */
static inline struct zcdma_ring *zcdma_file_ring(struct zcdma_file *zf)
{
	/* Pairs with the release in setup_done(). */
	return smp_load_acquire(&zf->ring);
}

/*
 * Return the file's ring and hold its device until zcdma_device_leave(). Returns -ENODEV if the
 * device is gone, or -EBADFD before ZCDMA_IOC_SETUP.
 */
struct zcdma_ring *zcdma_file_enter(struct zcdma_file *zf);

/*
 * Return the file's ring, if its device plays. It stays as long as the file. Or as above, or
 * -EINVAL.
 */
struct zcdma_ring *zcdma_file_out_ring(struct zcdma_file *zf);

/*
 * The first position of blocks for pread() and splice(). Reading the stream leaves the file
 * position at 0, so none gets there by accident.
 */
#define ZCDMA_POSITION BIT_ULL(40)

/*
 * Pin the block that @pos is in. *@off is the offset in it, *@left how many bytes it has from there
 * on. Returns the block, or an error pointer.
 */
struct zcdma_block *zcdma_file_pin(struct zcdma_ring *ring, loff_t pos, u64 *off, u64 *left);

/*
 * Stop the stream of the file, which has a ring, if .starts of that is still @start. The device may
 * be gone.
 */
void zcdma_file_stop(struct zcdma_file *zf, u64 start);

/* Free a ring of the file, and give up the stream. */
void zcdma_file_drop_ring(struct zcdma_file *zf, struct zcdma_ring *ring);

long zcdma_ioctl(struct file *file, unsigned int cmd, unsigned long user);
ssize_t zcdma_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t zcdma_write_iter(struct kiocb *iocb, struct iov_iter *from);
ssize_t zcdma_splice_write(struct pipe_inode_info *pipe, struct file *file, loff_t *pos, size_t len,
			   unsigned int flags);
int zcdma_fsync(struct file *file, loff_t start, loff_t end, int datasync);
ssize_t zcdma_splice_read(struct file *file, loff_t *pos, struct pipe_inode_info *pipe, size_t len,
			  unsigned int flags);

#endif /* ZCDMA_DEVICE_H */
