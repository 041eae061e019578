// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pages of a memfd as a dma-buf, which a driver imports: /dev/udmabuf (drivers/dma-buf/udmabuf.c). */
#include "memory/udmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

const char *zc_udmabuf_hint(int err)
{
	if (err == ENOENT)
		return "a kernel with CONFIG_UDMABUF has " ZC_UDMABUF_PATH
		       ": Debian's, from 6.12 on";
	if (err == EACCES || err == EPERM)
		return "have the administrator give you " ZC_UDMABUF_PATH
		       ", by its group or by a rule of udev";
	return NULL;
}

int zc_udmabuf_export(int udmabuf_fd, int memfd, uint64_t offset, uint64_t len)
{
	const struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.offset = offset,
		.size = len,
	};
	int fd;

	/* Once: a ring that is shared has its seals sealed. */
	if (!(fcntl(memfd, F_GET_SEALS) & F_SEAL_SHRINK) &&
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -errno;
	fd = ioctl(udmabuf_fd, UDMABUF_CREATE, &create);
	return fd < 0 ? -errno : fd;
}

/* A call that a signal interrupts may be made again: Documentation/driver-api/dma-buf.rst. */
static int sync_cpu(int fd, uint64_t flags)
{
	const struct dma_buf_sync sync = { .flags = flags };
	int rc;

	do
		rc = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	while (rc < 0 && (errno == EINTR || errno == EAGAIN));
	return rc < 0 ? -errno : 0;
}

int zc_dmabuf_begin_read(int dmabuf_fd)
{
	return sync_cpu(dmabuf_fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
}

int zc_dmabuf_end_read(int dmabuf_fd)
{
	return sync_cpu(dmabuf_fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}
