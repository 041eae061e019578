// SPDX-License-Identifier: GPL-2.0-only
/* dma-bufs of a ring, and what imports them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmabuf.h"
#include "tap.h"

#define DRM_NODES 8

/* The structure of include/uapi/drm/drm.h, which Debian has in libdrm-dev alone. */
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

struct drm_mode_create_dumb {
	uint32_t height;
	uint32_t width;
	uint32_t bpp;
	uint32_t flags;
	uint32_t handle;
	uint32_t pitch;
	uint64_t size;
};

#define DRM_IOCTL_VERSION	     _IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_GEM_CLOSE	     _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct drm_prime_handle)
#define DRM_IOCTL_MODE_CREATE_DUMB   _IOWR('d', 0xb2, struct drm_mode_create_dumb)

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

int vgem_try_open(void)
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
	return -1;
}

int vgem_open(void)
{
	int fd = vgem_try_open();

	if (fd < 0)
		tap_skip("vgem is not here");
	return fd;
}

int vgem_import(int vgem, int fd)
{
	struct drm_prime_handle prime = { .fd = fd };

	return ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) ? -errno : (int)prime.handle;
}

int vgem_try_close_handle(int vgem, int handle)
{
	struct drm_gem_close gem = { .handle = (unsigned)handle };

	return ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &gem) ? -errno : 0;
}

void vgem_close_handle(int vgem, int handle)
{
	EXPECT(!vgem_try_close_handle(vgem, handle));
}

/* As in the kernel's include/uapi/drm/vgem_drm.h, which not every machine has. */
struct fence_attach {
	uint32_t handle, flags, out_fence, pad;
};

struct fence_signal {
	uint32_t fence, flags;
};

#define FENCE_WRITE  1
#define FENCE_ATTACH _IOWR('d', 0x41, struct fence_attach)
#define FENCE_SIGNAL _IOW('d', 0x42, struct fence_signal)

unsigned vgem_fence(int vgem, int handle)
{
	struct fence_attach attach = { .handle = (uint32_t)handle, .flags = FENCE_WRITE };

	EXPECT(!ioctl(vgem, FENCE_ATTACH, &attach));
	return attach.out_fence;
}

void vgem_signal(int vgem, unsigned fence)
{
	struct fence_signal signal = { .fence = fence };

	/* ETIMEDOUT where it ended before. */
	EXPECT(!ioctl(vgem, FENCE_SIGNAL, &signal));
}

/*
 * Exporters
 */

static char *map_writable(int fd, size_t bytes)
{
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(map != MAP_FAILED);
	return map;
}

/*
 * udmabuf maps its memory for the CPU once, in the direction of the first access (begin_cpu_udmabuf() in the kernel's
 * drivers/dma-buf/udmabuf.c), and syncs by that in the direction of each. CONFIG_DMA_API_DEBUG says once that these
 * differ, and nothing more until a reboot. It takes any direction of what was mapped in both.
 */
static void map_both_ways(int fd)
{
	dmabuf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	dmabuf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

/* The memory is a memfd's, whose own mapping every way of sending accepts. */
static int make_udmabuf(size_t bytes, char **map)
{
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int memfd = memfd_create("zcdma", MFD_CLOEXEC | MFD_ALLOW_SEALING), fd;
	struct udmabuf_create create = { .size = bytes, .flags = UDMABUF_FLAGS_CLOEXEC };

	if (device < 0)
		tap_skip("this kernel has no /dev/udmabuf");
	EXPECT(memfd >= 0 && !ftruncate(memfd, (off_t)bytes));
	EXPECT(!fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	create.memfd = (unsigned)memfd;
	fd = ioctl(device, UDMABUF_CREATE, &create);
	EXPECT(fd >= 0);
	map_both_ways(fd);
	*map = map_writable(memfd, bytes);
	EXPECT(!close(device) && !close(memfd));
	return fd;
}

static int make_vgem(size_t bytes, char **map)
{
	struct drm_mode_create_dumb dumb = {
		.height = 1,
		.width = (unsigned)bytes,
		.bpp = 8,
	};
	struct drm_prime_handle prime = { .flags = O_CLOEXEC | O_RDWR };
	int vgem = vgem_open();

	EXPECT(!ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) && dumb.size == bytes);
	prime.handle = dumb.handle;
	EXPECT(!ioctl(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));
	*map = map_writable(prime.fd, bytes);
	EXPECT(!close(vgem));
	return prime.fd;
}

const struct exporter exporters[] = {
	{ "a memfd by udmabuf", make_udmabuf },
	{ "vgem", make_vgem },
};
const size_t exporter_count = sizeof(exporters) / sizeof(exporters[0]);
