// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of /dev/zcdmaN. */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/nospec.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "account.h"
#include "device.h"
#include "dmabuf.h"
#include "frags.h"
#include "group.h"
#include "ring.h"
#include "statistics.h"

#define BLOCKS_MIN 2
#define BLOCKS_MAX 65536
#define BLOCK_SIZE_MAX SZ_1G

/* Two blocks do not share a cache line, and their borders do not cut words. */
#define BLOCK_ALIGN max_t(u32, 64, dma_get_cache_alignment())

union zcdma_arg {
	u32 size;
	struct zcdma_dev_info info;
	struct {
		struct zcdma_dev_setup setup;
		s32 *dmabufs;			/* not for the caller */
	};
	struct zcdma_dev_block block;
	struct zcdma_dev_give give;
	struct zcdma_dev_stats stats;
	struct {
		struct zcdma_dev_export export;
		struct dma_buf *dmabuf;		/* not for the caller */
	};
	struct {
		struct zcdma_dev_group group;
		struct zcdma_group *files;	/* not for the caller */
	};
};

static u32 block_align(const struct zcdma_device *zdev)
{
	return max(BLOCK_ALIGN, zdev->limits.align);
}

static u64 block_size_max(const struct zcdma_device *zdev)
{
	u64 most = min_t(u64, BLOCK_SIZE_MAX, zcdma_ring_bytes_max() / BLOCKS_MIN);

	most = min_not_zero(most, (u64)zdev->limits.block_size_max);
	return round_down(most, block_align(zdev));
}

static u32 info_flags(const struct zcdma_device *zdev)
{
	return (zdev->ops->paced ? ZCDMA_DEV_INFO_PACED : 0) |
	       (zcdma_mem_limited(zdev->dma) ? ZCDMA_DEV_INFO_LIMITED : 0) |
	       (zdev->ops->out ? ZCDMA_DEV_INFO_OUT : 0) |
	       (zdev->ops->flush ? ZCDMA_DEV_INFO_TIMEOUT : 0) |
	       (zdev->ops->start_group ? ZCDMA_DEV_INFO_GROUP : 0) |
	       ZCDMA_DEV_INFO_CONTROL |
	       (IS_ENABLED(CONFIG_DMA_SHARED_BUFFER) ? ZCDMA_DEV_INFO_EXPORT : 0);
}

static int ioc_info(struct zcdma_file *zf, union zcdma_arg *arg)
{
	const struct zcdma_device *zdev = zf->zdev;

	arg->info = (struct zcdma_dev_info){
		.abi_version = ZCDMA_DEV_ABI_VERSION,
		.page_size = PAGE_SIZE,
		.models = zcdma_mem_models_mask(),
		.policies = BIT(ZCDMA_DEV_TRACK) | BIT(ZCDMA_DEV_STRICT),
		.default_model = ZCDMA_DEV_COMPOUND,
		.block_align = block_align(zdev),
		.blocks_max = BLOCKS_MAX,
		.block_size_max = block_size_max(zdev),
		.ring_bytes_max = zcdma_ring_bytes_max(),
		.chunk_bytes_max = PAGE_SIZE << zcdma_mem_order_max(zdev->dma),
		.memlock_bytes = zcdma_account_room(),
		.flags = info_flags(zdev),
		.chunks_max = zdev->limits.chunks_max,
		.length_align = zdev->limits.align ?: 1,
		.clock = zdev->ops->clock,
		.clock_hz = zdev->ops->clock_hz,
		.frags_max = zdev->limits.frags_max,
		.frag_align = zdev->limits.frags_max ? zdev->limits.frag_align : 0,
	};
	strscpy(arg->info.source, zdev->ops->name, sizeof(arg->info.source));
	return 0;
}

static bool timeout_valid(const struct zcdma_device *zdev, u64 ns)
{
	if (!ns)
		return true;
	return zdev->ops->flush && ns >= ZCDMA_DEV_TIMEOUT_MIN && ns <= ZCDMA_DEV_TIMEOUT_MAX;
}

/* Coherent memory is where the DMA API allocates it, and imported memory is somewhere already. */
static bool node_valid(const struct zcdma_dev_setup *setup)
{
	if (!(setup->flags & ZCDMA_DEV_SETUP_NODE))
		return !setup->node;
	return setup->model != ZCDMA_DEV_COHERENT && setup->model != ZCDMA_DEV_IMPORTED &&
	       setup->node >= 0 &&
	       setup->node < MAX_NUMNODES && node_state(setup->node, N_MEMORY);
}

static bool control_valid(const struct zcdma_dev_setup *setup)
{
	return !(setup->flags & ZCDMA_DEV_SETUP_CONTROL) ||
	       (setup->policy == ZCDMA_DEV_TRACK && setup->watermark <= 1);
}

static bool setup_valid(const struct zcdma_device *zdev, const struct zcdma_dev_setup *setup)
{
	const struct zcdma_mem_ops *model;

	if (setup->model > ZCDMA_DEV_IMPORTED || setup->policy > ZCDMA_DEV_STRICT ||
	    setup->flags & ~(ZCDMA_DEV_SETUP_NODE | ZCDMA_DEV_SETUP_CONTROL))
		return false;
	if (!control_valid(setup))
		return false;
	if (!(zcdma_mem_models_mask() & BIT(setup->model)))
		return false;
	if (setup->dmabufs && setup->model != ZCDMA_DEV_IMPORTED)
		return false;
	if (!timeout_valid(zdev, setup->timeout_ns) || !node_valid(setup))
		return false;
	if (setup->watermark > setup->blocks)
		return false;
	model = zcdma_mem_models[array_index_nospec(setup->model, ZCDMA_DEV_IMPORTED + 1)];
	if (setup->policy == ZCDMA_DEV_STRICT && !model->revocable)
		return false;
	if (setup->rate && !zdev->ops->paced)
		return false;
	if (div_u64(setup->rate, ZCDMA_DEV_RATE_BLOCKS) > setup->block_size)
		return false;
	if (setup->blocks < BLOCKS_MIN || setup->blocks > BLOCKS_MAX)
		return false;
	return setup->block_size && setup->block_size <= block_size_max(zdev) &&
	       IS_ALIGNED(setup->block_size, block_align(zdev));
}

/* Make the file the owner of the stream. Returns 0, -EALREADY if it has a ring, or -EBUSY. */
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

static void release_owner(struct zcdma_file *zf)
{
	mutex_lock(&zf->zdev->ring_lock);
	zf->zdev->owner = NULL;
	mutex_unlock(&zf->zdev->ring_lock);
}

static int ioc_setup(struct zcdma_file *zf, union zcdma_arg *arg)
{
	struct zcdma_device *zdev = zf->zdev;
	struct zcdma_ring *ring;
	int ret;

	if (!setup_valid(zdev, &arg->setup))
		return -EINVAL;
	ret = claim(zf);
	if (ret)
		return ret;

	/* Without the lock, as it may take a while. */
	ring = zcdma_ring_create(zdev, &zf->mapping, &arg->setup, arg->dmabufs);
	if (IS_ERR(ring)) {
		release_owner(zf);
		return PTR_ERR(ring);
	}
	zf->made = ring;
	/* The device may go before the caller knows of the ring. */
	mutex_lock(&zdev->ring_lock);
	zdev->ring = ring;
	mutex_unlock(&zdev->ring_lock);
	return 0;
}

/* Get the descriptors of a ring that is imported. */
static int setup_fetch(union zcdma_arg *arg)
{
	const struct zcdma_dev_setup *setup = &arg->setup;

	arg->dmabufs = NULL;
	if (setup->model != ZCDMA_DEV_IMPORTED || !setup->blocks || setup->blocks > BLOCKS_MAX)
		return 0;
	arg->dmabufs = vmemdup_user(u64_to_user_ptr(setup->dmabufs),
				    setup->blocks * sizeof(*arg->dmabufs));
	return PTR_ERR_OR_ZERO(arg->dmabufs);
}

static void setup_forget(union zcdma_arg *arg)
{
	kvfree(arg->dmabufs);
}

/* Let the file have the ring once the caller knows of it. */
static void setup_done(struct zcdma_file *zf, union zcdma_arg *arg, bool copied_out)
{
	if (!copied_out) {
		zcdma_file_drop_ring(zf, zf->made);
		return;
	}
	/* Pairs with zcdma_file_ring(). */
	smp_store_release(&zf->ring, zf->made);
}

static int ioc_start(struct zcdma_file *zf, union zcdma_arg *arg)
{
	int ret;

	mutex_lock(&zf->zdev->ring_lock);
	ret = zcdma_ring_start(zf->ring);
	mutex_unlock(&zf->zdev->ring_lock);
	return ret;
}

static int group_fetch(union zcdma_arg *arg)
{
	arg->files = zcdma_group_get(&arg->group);
	return PTR_ERR_OR_ZERO(arg->files);
}

static void group_forget(union zcdma_arg *arg)
{
	zcdma_group_put(arg->files);
}

static int ioc_start_group(struct zcdma_file *zf, union zcdma_arg *arg)
{
	u64 device_time = 0;
	int ret;

	ret = zcdma_group_start(zf, arg->files, &device_time);
	arg->group.device_time = device_time;
	arg->group.clock = device_time ? zf->zdev->ops->clock : ZCDMA_DEV_CLOCK_NONE;
	return ret;
}

static void group_done(struct zcdma_file *zf, union zcdma_arg *arg, bool copied_out)
{
	if (!copied_out)
		zcdma_group_stop(zf, arg->files);
}

static int ioc_stop(struct zcdma_file *zf, union zcdma_arg *arg)
{
	struct zcdma_frags *dropped;

	mutex_lock(&zf->zdev->ring_lock);
	dropped = zcdma_ring_stop(zf->ring);
	mutex_unlock(&zf->zdev->ring_lock);
	zcdma_frags_free_all(dropped);
	return 0;
}

static int ioc_take(struct zcdma_file *zf, union zcdma_arg *arg)
{
	bool nonblock = zf->file->f_flags & O_NONBLOCK;

	return PTR_ERR_OR_ZERO(zcdma_ring_take(zf->ring, ZCDMA_HELD, nonblock, &arg->block));
}

/* Put back a block that the caller does not learn of, or it would stay held. */
static void take_done(struct zcdma_file *zf, union zcdma_arg *arg, bool copied_out)
{
	if (!copied_out)
		zcdma_ring_untake(zf->ring, arg->block.index, arg->block.seq);
}

static int ioc_give(struct zcdma_file *zf, union zcdma_arg *arg)
{
	return zcdma_ring_give(zf->ring, arg->give.index, arg->give.length);
}

static int ioc_stats(struct zcdma_file *zf, union zcdma_arg *arg)
{
	zcdma_device_get_stats(zf->zdev, &arg->stats);
	return 0;
}

static int ioc_export(struct zcdma_file *zf, union zcdma_arg *arg)
{
	arg->dmabuf = zcdma_dmabuf_export(zf->ring, zf->file->f_mode, &arg->export);
	return PTR_ERR_OR_ZERO(arg->dmabuf);
}

static void export_done(struct zcdma_file *zf, union zcdma_arg *arg, bool copied_out)
{
	zcdma_dmabuf_done(arg->dmabuf, arg->export.fd, copied_out);
}

#define IN_ONLY BIT(0)		/* nothing is written to the argument */
#define WITH_RING BIT(1)	/* needs the file's .ring */

/* By number. .size is 0 for a call without an argument. */
static const struct zcdma_ioctl {
	int (*call)(struct zcdma_file *zf, union zcdma_arg *arg);
	size_t size;
	size_t reserved;	/* offset of what must be 0, to the end */
	unsigned int flags;
	/* After .call succeeded. The device may be gone. */
	void (*done)(struct zcdma_file *zf, union zcdma_arg *arg, bool copied_out);
	/* Get what the argument refers to, before .call, and free it at the end. */
	int (*fetch)(union zcdma_arg *arg);
	void (*forget)(union zcdma_arg *arg);
	size_t least;		/* .size of version 1, where the structure has grown since */
} ioctls[] = {
	[_IOC_NR(ZCDMA_IOC_INFO)] = { ioc_info, sizeof(struct zcdma_dev_info),
				      offsetof(struct zcdma_dev_info, reserved) },
	[_IOC_NR(ZCDMA_IOC_SETUP)] = { ioc_setup, sizeof(struct zcdma_dev_setup),
				       offsetof(struct zcdma_dev_setup, reserved), 0, setup_done,
				       setup_fetch, setup_forget,
				       offsetofend(struct zcdma_dev_setup, control_offset) },
	[_IOC_NR(ZCDMA_IOC_START)] = { ioc_start, .flags = WITH_RING },
	[_IOC_NR(ZCDMA_IOC_STOP)] = { ioc_stop, .flags = WITH_RING },
	[_IOC_NR(ZCDMA_IOC_TAKE)] = { ioc_take, sizeof(struct zcdma_dev_block),
				      offsetof(struct zcdma_dev_block, reserved), WITH_RING,
				      take_done },
	[_IOC_NR(ZCDMA_IOC_GIVE)] = { ioc_give, sizeof(struct zcdma_dev_give),
				      sizeof(struct zcdma_dev_give), IN_ONLY | WITH_RING },
	[_IOC_NR(ZCDMA_IOC_STATS)] = { ioc_stats, sizeof(struct zcdma_dev_stats),
				       sizeof(struct zcdma_dev_stats),
				       .least = offsetofend(struct zcdma_dev_stats, write_bytes) },
	[_IOC_NR(ZCDMA_IOC_EXPORT)] = { ioc_export, sizeof(struct zcdma_dev_export),
					offsetof(struct zcdma_dev_export, reserved), WITH_RING,
					export_done },
	[_IOC_NR(ZCDMA_IOC_START_GROUP)] = { ioc_start_group, sizeof(struct zcdma_dev_group),
					     offsetof(struct zcdma_dev_group, reserved), WITH_RING,
					     group_done, group_fetch, group_forget },
};

static int get_arg(const struct zcdma_ioctl *ioc, union zcdma_arg *arg, void __user *user)
{
	u32 size;
	int ret;

	if (!ioc->size)
		return user ? -EINVAL : 0;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < (ioc->least ?: ioc->size))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(arg, ioc->size, user, size);
	if (ret)
		return ret;
	/* Read twice: the caller may have changed it in between. */
	arg->size = size;
	if (memchr_inv((char *)arg + ioc->reserved, 0, ioc->size - ioc->reserved))
		return -EINVAL;
	return 0;
}

static int call(struct zcdma_file *zf, const struct zcdma_ioctl *ioc, union zcdma_arg *arg)
{
	int ret = -EBADFD;

	if (!zcdma_device_enter(zf->zdev))
		return -ENODEV;
	if (!(ioc->flags & WITH_RING)) {
		ret = ioc->call(zf, arg);
	} else if (zcdma_file_ring(zf)) {
		zcdma_ring_took_part(zf->ring);
		ret = ioc->call(zf, arg);
	}
	zcdma_device_leave(zf->zdev);
	return ret;
}

/*
 * Copy arguments outside of zcdma_device_enter(): memory of a userfaultfd or of a FUSE file answers
 * when its owner likes, and must not keep the device from going.
 */
static int call_and_answer(struct zcdma_file *zf, const struct zcdma_ioctl *ioc, unsigned int cmd,
			   union zcdma_arg *arg, void __user *user)
{
	u32 size = ioc->size ? arg->size : 0;
	bool copied_out;
	int ret;

	ret = call(zf, ioc, arg);
	/* A failed setup says what would have fit. */
	if (!ioc->size || ioc->flags & IN_ONLY || (ret && cmd != ZCDMA_IOC_SETUP))
		return ret;
	arg->size = size;
	/* A caller that was built with version 1 may have less room. */
	copied_out = !copy_to_user(user, arg, min_t(size_t, size, ioc->size));
	if (ret)
		return ret;
	if (ioc->done)
		ioc->done(zf, arg, copied_out);
	return copied_out ? 0 : -EFAULT;
}

long zcdma_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct zcdma_file *zf = file->private_data;
	unsigned int nr = _IOC_NR(cmd);
	const struct zcdma_ioctl *ioc;
	union zcdma_arg arg;
	int ret;

	if (nr >= ARRAY_SIZE(ioctls) || cmd != _IO(ZCDMA_IOC_MAGIC, nr))
		return -ENOTTY;
	ioc = &ioctls[array_index_nospec(nr, ARRAY_SIZE(ioctls))];
	ret = get_arg(ioc, &arg, (void __user *)user);
	if (ret)
		return ret;
	if (ioc->fetch) {
		ret = ioc->fetch(&arg);
		if (ret)
			return ret;
	}
	ret = call_and_answer(zf, ioc, cmd, &arg, (void __user *)user);
	if (ioc->forget)
		ioc->forget(&arg);
	return ret;
}
