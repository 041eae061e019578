// SPDX-License-Identifier: GPL-2.0-only
/* Several channels of one device, which start together. */
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "device.h"
#include "fault_inject.h"
#include "group.h"
#include "ring.h"

static int get_files(struct zcdma_group *group, const s32 *fds, unsigned int count)
{
	struct file *file;

	for (; group->files < count; group->files++) {
		file = fget(fds[group->files]);
		if (!file)
			return -EBADF;
		if (file->f_op != &zcdma_fops) {
			fput(file);
			return -EINVAL;
		}
		group->file[group->files] = file;
	}
	return 0;
}

struct zcdma_group *zcdma_group_get(const struct zcdma_dev_group *wanted)
{
	struct zcdma_group *group;
	s32 *fds;
	int ret;

	if (!wanted->count || wanted->count >= ZCDMA_DEV_GROUP_MAX)
		return ERR_PTR(-EINVAL);
	fds = memdup_user(u64_to_user_ptr(wanted->fds), wanted->count * sizeof(*fds));
	if (IS_ERR(fds))
		return ERR_CAST(fds);
	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	ret = group ? get_files(group, fds, wanted->count) : -ENOMEM;
	kfree(fds);
	if (!ret)
		return group;
	zcdma_group_put(group);
	return ERR_PTR(ret);
}

void zcdma_group_put(struct zcdma_group *group)
{
	if (IS_ERR_OR_NULL(group))
		return;
	while (group->files)
		fput(group->file[--group->files]);
	kfree(group);
}

static bool has_device(const struct zcdma_group *group, const struct zcdma_device *zdev)
{
	unsigned int i;

	for (i = 0; i < group->rings; i++) {
		if (group->ring[i]->zdev == zdev)
			return true;
	}
	return false;
}

static int add_ring(struct zcdma_group *group, struct zcdma_file *zf)
{
	struct zcdma_ring *ring = zcdma_file_ring(zf);
	struct zcdma_device *zdev = zf->zdev, *first;

	if (!zdev->ops->start_group)
		return -EOPNOTSUPP;
	if (has_device(group, zdev))
		return -EINVAL;
	if (group->rings) {
		first = group->ring[0]->zdev;
		if (zdev->dev.parent != first->dev.parent || zdev->ops != first->ops)
			return -EINVAL;
	}
	if (!ring)
		return -EBADFD;
	group->stream[group->rings] = &ring->stream;
	group->ring[group->rings++] = ring;
	return 0;
}

/* Hold the devices of the other files, and find the rings of all. */
static int enter(struct zcdma_file *zf, struct zcdma_group *group)
{
	struct zcdma_file *other;
	int ret;

	ret = add_ring(group, zf);
	while (!ret && group->entered < group->files) {
		other = group->file[group->entered]->private_data;
		if (!zcdma_device_enter(other->zdev))
			return -ENODEV;
		group->entered++;
		ret = add_ring(group, other);
	}
	return ret;
}

static void leave(struct zcdma_group *group)
{
	struct zcdma_file *other;

	while (group->entered) {
		other = group->file[--group->entered]->private_data;
		zcdma_device_leave(other->zdev);
	}
}

/*
 * All rings are locked at once. A group is smaller than what lockdep can follow (MAX_LOCK_DEPTH),
 * with room for what is locked below.
 */
static struct mutex *lock_of(const struct zcdma_group *group, unsigned int i)
{
	return &group->ring[i]->zdev->ring_lock;
}

/* Unlock those before @count, but not @kept. */
static void unlock(const struct zcdma_group *group, unsigned int count, unsigned int kept)
{
	while (count--) {
		if (count != kept)
			mutex_unlock(lock_of(group, count));
	}
}

/*
 * Lock all but @first, which is locked, without waiting. Returns .rings; or which of them was
 * taken, and those before it are unlocked.
 */
static unsigned int trylock_others(const struct zcdma_group *group, unsigned int first)
{
	unsigned int i;

	for (i = 0; i < group->rings; i++) {
		if (i != first && !mutex_trylock(lock_of(group, i))) {
			unlock(group, i, first);
			break;
		}
	}
	return i;
}

/*
 * Wait for one lock at a time, with none held, and then for that which was taken: groups that have
 * channels in common do not wait for each other, and a channel that stalls in its stop keeps
 * nothing else of the machine. Returns 0, or -EINTR if the process is about to die.
 */
static int lock_all(const struct zcdma_group *group)
{
	unsigned int first = 0, taken;

	for (;;) {
		if (mutex_lock_killable(lock_of(group, first)))
			return -EINTR;
		taken = trylock_others(group, first);
		if (taken == group->rings)
			return 0;
		mutex_unlock(lock_of(group, first));
		first = taken;
	}
}

static void unlock_all(const struct zcdma_group *group)
{
	unlock(group, group->rings, group->rings);
}

static int prepare_all(struct zcdma_group *group)
{
	struct zcdma_ring *ring;
	int ret;

	for (; group->prepared < group->rings; group->prepared++) {
		ring = group->ring[group->prepared];
		if (ring->running)
			return zcdma_mutant("some") ? 0 : -EBUSY;
		ret = zcdma_ring_prepare(ring);
		if (ret)
			return ret;
	}
	return 0;
}

static int start_all(struct zcdma_group *group, u64 *device_time)
{
	const struct zcdma_device_ops *ops = group->ring[0]->zdev->ops;
	unsigned int i;
	int ret;

	ret = prepare_all(group);
	if (!ret)
		ret = ops->start_group(group->stream, group->prepared, device_time);
	for (i = 0; i < group->prepared; i++) {
		if (ret)
			zcdma_ring_unprepare(group->ring[i]);
		else
			zcdma_ring_started(group->ring[i]);
		group->start[i] = group->ring[i]->starts;
	}
	return ret;
}

int zcdma_group_start(struct zcdma_file *zf, struct zcdma_group *group, u64 *device_time)
{
	int ret;

	ret = enter(zf, group);
	if (!ret)
		ret = lock_all(group);
	if (!ret) {
		ret = start_all(group, device_time);
		unlock_all(group);
	}
	leave(group);
	return ret;
}

void zcdma_group_stop(struct zcdma_file *zf, struct zcdma_group *group)
{
	unsigned int i;

	zcdma_file_stop(zf, group->start[0]);
	for (i = 0; i < group->files; i++)
		zcdma_file_stop(group->file[i]->private_data, group->start[i + 1]);
}
