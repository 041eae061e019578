// SPDX-License-Identifier: LGPL-2.1-or-later
/* A dumb buffer of a DRM device, for which no card has to show anything. */
#include <fcntl.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "probe/call.h"

/* As in drm/drm_mode.h, which is not among the kernel's headers of each distribution. */
struct create_dumb {
	uint32_t height, width, bpp, flags;
	uint32_t handle, pitch;
	uint64_t size;
};

struct map_dumb {
	uint32_t handle, pad;
	uint64_t offset;
};

#define CREATE_DUMB _IOWR('d', 0xb2, struct create_dumb)
#define MAP_DUMB    _IOWR('d', 0xb3, struct map_dumb)

#define WIDTH 1024

int zc_probe_call_drm(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		      struct zc_mapping *m, struct zcdma_probe *p)
{
	const size_t wanted = zc_probe_whole_pages(bytes);
	struct create_dumb dumb = { .width = WIDTH,
				    .height = (uint32_t)((wanted + 4 * WIDTH - 1) / (4 * WIDTH)),
				    .bpp = 32 };
	struct map_dumb map = { .handle = 0 };
	const int fd = open(name, O_RDWR | O_CLOEXEC);
	int rc;

	(void)ctx;
	if (fd < 0)
		return zc_probe_absent(p, errno, "open: %s", strerror(errno));
	rc = ioctl(fd, CREATE_DUMB, &dumb) < 0 ? -errno : 0;
	map.handle = dumb.handle;
	if (!rc && ioctl(fd, MAP_DUMB, &map) < 0)
		rc = -errno;
	if (rc)
		zc_probe_absent(p, -rc, "make a dumb buffer: %s", strerror(-rc));
	else
		rc = zc_probe_map(m, p, fd, (off_t)map.offset, zc_min(wanted, (size_t)dumb.size),
				  writable);
	close(fd);
	return rc;
}
