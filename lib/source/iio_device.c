// SPDX-License-Identifier: LGPL-2.1-or-later
/* The buffer of an IIO device, by the calls for dma-bufs that Linux has from 6.10 on: Documentation/iio/iio_dmabuf_api.rst. */
#include "source/iio_device.h"
#include "source/dev_node.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/ioctl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* As in linux/iio/buffer.h, which has them from 6.10 on only. */
struct iio_dmabuf {
	uint32_t fd, flags;
	uint64_t bytes_used;
};

#define GET_FD	_IOWR('i', 0x91, int)
#define ATTACH	_IOW('i', 0x92, int)
#define DETACH	_IOW('i', 0x93, int)
#define ENQUEUE _IOW('i', 0x94, struct iio_dmabuf)

/* A call that a signal interrupts can be made again: nothing is queued then. */
static int call(int fd, unsigned long request, void *arg)
{
	int rc;

	do
		rc = ioctl(fd, request, arg);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

int zc_iio_fail(struct zc_iio *d, int err, const char *what)
{
	zc_fail(d->ctx, err, "%s %s", what, d->path);
	if (err == ENODEV)
		zc_hint(d->ctx, "the device was removed, or its driver unbound");
	else if (err == EBUSY)
		zc_hint(d->ctx,
			"one program at a time may have its buffer, and another may have enabled it");
	else if (err == EACCES || err == EPERM)
		zc_hint(d->ctx, "the device and its files in %s are root's on most systems",
			d->folder[0] ? d->folder : "/sys/bus/iio/devices");
	return -err;
}

/*
 * Opening
 */

/* Get the buffer of the device that is open as @fd. */
static int get_buffer(struct zc_iio *d, int fd)
{
	int buffer = 0;
	int rc = call(fd, GET_FD, &buffer);

	if (rc == -ENOTTY || rc == -EINVAL) {
		rc = zc_fail_plain(d->ctx, EINVAL, "open %s: not an IIO device with a buffer",
				   d->path);
		zc_hint(d->ctx, "list the devices: ls /dev/iio:device*");
		return rc;
	}
	if (rc == -ENODEV)
		return zc_fail_plain(d->ctx, ENODEV, "open %s: it has no buffer", d->path);
	if (rc)
		return zc_iio_fail(d, -rc, "get the buffer of");
	d->fd = buffer;
	return 0;
}

static int check_direction(struct zc_iio *d)
{
	char path[96], line[16];

	snprintf(path, sizeof(path), "%s/direction", d->folder);
	if (!zc_read_line(path, line, sizeof(line)) || strcmp(line, "out") != 0)
		return 0;
	return zc_fail_plain(d->ctx, EINVAL, "open %s: it plays, and captures nothing", d->path);
}

static int look(struct zc_iio *d, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return zc_iio_fail(d, errno, "open");
	snprintf(d->folder, sizeof(d->folder), "/sys/dev/char/%u:%u/buffer0", major(st.st_rdev),
		 minor(st.st_rdev));
	return get_buffer(d, fd);
}

int zc_iio_open(struct zc_iio *d)
{
	int fd = open(d->path, O_RDWR | O_CLOEXEC);
	int rc;

	d->fd = -1;
	if (fd < 0 && zc_dev_is_missing(d->ctx, d->path, errno)) {
		zc_hint(d->ctx, "/sys/bus/iio/devices lists the devices of this machine");
		return -EOPNOTSUPP;
	}
	if (fd < 0)
		return zc_iio_fail(d, errno, "open");
	rc = look(d, fd);
	close(fd);
	if (!rc)
		rc = check_direction(d);
	if (rc)
		zc_iio_close(d);
	return rc;
}

void zc_iio_close(struct zc_iio *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

/*
 * The queue
 */

int zc_iio_attach(struct zc_iio *d, int dmabuf)
{
	return call(d->fd, ATTACH, &dmabuf);
}

int zc_iio_detach(struct zc_iio *d, int dmabuf)
{
	return call(d->fd, DETACH, &dmabuf);
}

int zc_iio_queue(struct zc_iio *d, int dmabuf, size_t bytes)
{
	struct iio_dmabuf queued = { .fd = (uint32_t)dmabuf, .bytes_used = bytes };
	struct dma_buf_export_sync_file fence = { .flags = DMA_BUF_SYNC_READ, .fd = -1 };
	int rc = call(d->fd, ENQUEUE, &queued);

	if (!rc)
		rc = call(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &fence);
	return rc ? rc : fence.fd;
}

int zc_iio_is_full(int fence)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };
	struct sync_file_info info = { .status = 0 };
	int rc;

	if (poll(&p, 1, 0) <= 0)
		return 0;
	rc = call(fence, SYNC_IOC_FILE_INFO, &info);
	return rc ? rc : info.status;
}

int zc_iio_enable(struct zc_iio *d, bool on)
{
	char path[96];
	ssize_t n = -1;
	int fd, rc;

	snprintf(path, sizeof(path), "%s/enable", d->folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		n = write(fd, on ? "1" : "0", 1);
	rc = n == 1 ? 0 : -errno;
	if (fd >= 0)
		close(fd);
	if (!rc) {
		d->enabled = on;
		return 0;
	}
	zc_iio_fail(d, -rc, on ? "enable the buffer of" : "disable the buffer of");
	if (rc == -EINVAL)
		zc_hint(d->ctx, "enable a channel first: echo 1 >%s/in_NAME_en", d->folder);
	return rc;
}

bool zc_iio_is_gone(const struct zc_iio *d)
{
	return access(d->folder, F_OK) < 0;
}
