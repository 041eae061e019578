// SPDX-License-Identifier: LGPL-2.1-or-later
/* The nodes of the driver's devices: which files are of them, and what ring they have. */
#include "source/dev_node.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/zcdma.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

const char zc_dev_fault_hint[] =
	"coherent memory is mapped without pages (VM_PFNMAP), and the kernel sends only pages without copying: model=compound, pages and scatter have them; from here, what copies works (zcdma copysend, zcdma capture without --direct)";

static bool is_ours(const struct stat *st)
{
	char link[64], target[256];
	const char *base;
	ssize_t len;

	if (!S_ISCHR(st->st_mode))
		return false;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/subsystem", major(st->st_rdev),
		 minor(st->st_rdev));
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	base = strrchr(target, '/');
	return base && !strcmp(base, "/zcdma");
}

bool zc_dev_is(const char *path)
{
	struct stat st;

	return !stat(path, &st) && is_ours(&st);
}

bool zc_dev_is_fd(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && is_ours(&st);
}

bool zc_dev_get_parent(int fd, struct zc_dev_parent *parent)
{
	char link[64], target[512];
	const char *base;
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st))
		return false;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
		 minor(st.st_rdev));
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0 || stat(link, &st))
		return false;
	target[len] = '\0';
	base = strrchr(target, '/');
	snprintf(parent->name, sizeof(parent->name), "%.*s", (int)sizeof(parent->name) - 1,
		 base ? base + 1 : target);
	parent->id = st.st_ino;
	return true;
}

unsigned zc_dev_count_channels(const struct zc_dev_parent *parent)
{
	static const char class[] = "/sys/class/zcdma";
	char path[sizeof(class) + sizeof("//device") + NAME_MAX];
	unsigned count = 0;
	const struct dirent *e;
	DIR *dir = opendir(class);
	struct stat st;

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s/device", class, e->d_name);
		count += !stat(path, &st) && st.st_ino == parent->id;
	}
	if (dir)
		closedir(dir);
	return count;
}

static bool maps(int fd, uint64_t offset)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)offset);

	return map != MAP_FAILED && !munmap(map, page);
}

bool zc_dev_has_ring(int fd, uint32_t blocks, uint64_t bytes)
{
	struct zcdma_dev_stats s = { .size = sizeof(s) };
	struct stat st;

	/* Only the process that set a ring up gets its size, but what can be mapped shows where it ends. */
	return !fstat(fd, &st) && is_ours(&st) && !ioctl(fd, ZCDMA_IOC_STATS, &s) &&
	       s.ring_blocks == blocks && maps(fd, bytes - (uint64_t)sysconf(_SC_PAGESIZE)) &&
	       !maps(fd, bytes);
}

ZC_PUBLIC const char *zcdma_source_default(void)
{
	return zc_dev_is(ZC_DEV_FIRST) ? "dev:" : "sim:";
}

bool zc_dev_is_missing(struct zcdma_ctx *ctx, const char *path, int err)
{
	if (err != ENOENT && err != ENXIO && err != ENODEV)
		return false;
	zc_fail_plain(ctx, EOPNOTSUPP, "open %s: no driver on this machine has this device", path);
	return true;
}

int zc_dev_open(struct zcdma_ctx *ctx, const char *path, int access)
{
	int fd = open(path, access | O_NONBLOCK | O_CLOEXEC), err;

	if (fd >= 0)
		return fd;
	err = errno;
	if (!zc_dev_is_missing(ctx, path, err)) {
		zc_fail(ctx, err, "open %s", path);
		if (err == EACCES)
			zc_hint(ctx, "only root and the group zcdma may: usermod -aG zcdma USER");
		return -err;
	}
	zc_hint(ctx,
		"no module is loaded that has this device: modprobe zcdma_sim makes a simulated one; sim: needs no driver");
	return -EOPNOTSUPP;
}
