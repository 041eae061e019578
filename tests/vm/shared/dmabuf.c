// SPDX-License-Identifier: GPL-2.0-only
/* dma-bufs of a ring, and what imports them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmabuf.h"
#include "tap.h"

#define DRM_NODES 8

/* From include/uapi/drm/drm.h, which Debian has in libdrm-dev alone. */
struct drm_version {
	int version[3];
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};

struct drm_gem_close {
	uint32_t handle;
	uint32_t pad;
};

struct drm_prime_handle {
	uint32_t handle;
	uint32_t flags;
	int32_t fd;
};

#define DRM_IOCTL_VERSION	     _IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_GEM_CLOSE	     _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct drm_prime_handle)

int dmabuf_try_export(const struct ring *r, unsigned index, unsigned flags)
{
	struct zcdma_dev_export e = { .size = sizeof(e), .index = index, .flags = flags };

	return ioctl(r->fd, ZCDMA_IOC_EXPORT, &e) ? -errno : e.fd;
}

int dmabuf_export(const struct ring *r, unsigned index, unsigned flags)
{
	int fd = dmabuf_try_export(r, index, flags | O_CLOEXEC);

	EXPECT(fd >= 0);
	return fd;
}

char *dmabuf_try_map(int fd, size_t bytes)
{
	char *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

char *dmabuf_map(int fd, size_t bytes)
{
	char *map = dmabuf_try_map(fd, bytes);

	EXPECT(map);
	return map;
}

void dmabuf_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	EXPECT(!ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
}

static int is_vgem(int fd)
{
	char name[16] = "";
	struct drm_version v = { .name = name, .name_len = sizeof(name) - 1 };

	return !ioctl(fd, DRM_IOCTL_VERSION, &v) && !strcmp(name, "vgem");
}

int vgem_open(void)
{
	char path[32];
	int fd;

	for (unsigned i = 0; i < DRM_NODES; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%u", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_vgem(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	tap_skip("vgem is not here");
}

int vgem_import(int vgem, int fd)
{
	struct drm_prime_handle prime = { .fd = fd };

	return ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) ? -errno : (int)prime.handle;
}

void vgem_close_handle(int vgem, int handle)
{
	struct drm_gem_close gem = { .handle = (unsigned)handle };

	EXPECT(!ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &gem));
}
