/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A V4L2 device and /dev/udmabuf, without a driver: a memfd whose calls are answered here, as <linux/videodev2.h> says.
 * It fills a buffer when a caller wants one, with the pattern: frame N is what a stream of whole frames has there. Include
 * it after cmocka.h.
 */
#ifndef TEST_FAKE_CAMERA_H
#define TEST_FAKE_CAMERA_H

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "fortified.h"

#define FAKE_SEED  7
#define FAKE_MOST  32
#define FAKE_FRAME (100u * 50 * 2) /* bytes of a frame */
#define FAKE_ROOM  12288u	   /* in whole pages */
#define FAKE_SMALL 5000u	   /* bytes of a small frame */

/* What a test may set before it opens the device, or between frames ... */
static struct {
	int fd; /* the memfd */
	uint32_t caps, field, planes;
	uint32_t data_offset; /* of a plane's data: a header of the driver's is before it */
	uint32_t refused;     /* memories, a bit for each enum v4l2_memory */
	int error;	      /* an errno of the next call of .error_of */
	unsigned long error_of;
	unsigned error_after; /* calls before it that succeed */
	int udmabuf_error;    /* an errno of open("/dev/udmabuf") */
	bool contiguous;      /* takes no dma-bufs */
	unsigned
		trap; /* buffers from this index on, 1 for the first, get only their first page written; 0: none */
	unsigned small, empty; /* frames since the start that have only FAKE_SMALL bytes, or none */
	bool silent;	       /* no frame comes */
	int signal;	       /* ... until this one has come, as the first wait begins; or 0 */
	bool gone, changed, compressed, other_clock;
	unsigned
		large; /* the first frame, from 1 on, that is larger than was said, as the buffers are; 0: none */
	uint64_t skip, damage,
		repeat; /* a bit for each number of a frame: lost before it, damaged, its number is the last one's */
	unsigned most; /* frames; 0: any number */
	bool last;     /* marks the last of them */
	/* ... and what it finds. */
	unsigned exports, begins, ends, queued_total;
	/* The queue. */
	enum v4l2_memory memory;
	unsigned count, queue[FAKE_MOST], queued;
	bool is_queued[FAKE_MOST], on;
	unsigned frame; /* its number since the start */
	uint32_t number;
	struct {
		int fd; /* what exported it */
		uint64_t offset;
	} dmabufs[1024]; /* by descriptor */
	unsigned char *place[FAKE_MOST];
	int place_fd[FAKE_MOST];
	uint64_t place_offset[FAKE_MOST];
} cam;

static inline bool cam_is_mplane(void)
{
	return cam.caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE;
}

/* Write @len bytes of the frame to buffer @index. */
static inline void cam_write(unsigned index, const void *data, size_t len)
{
	const uint64_t at = cam.place_offset[index] + cam.data_offset;

	if (cam.memory == V4L2_MEMORY_USERPTR)
		memcpy(cam.place[index] + cam.data_offset, data, len);
	else
		assert_int_equal(pwrite(cam.place_fd[index], data, len, (off_t)at), len);
}

static inline int cam_set_format(struct v4l2_format *f)
{
	struct v4l2_pix_format_mplane *m = &f->fmt.pix_mp;
	struct v4l2_pix_format *p = &f->fmt.pix;

	if (cam_is_mplane()) {
		m->pixelformat = V4L2_PIX_FMT_YUYV;
		m->width = 100;
		m->height = 50;
		m->field = cam.field;
		m->num_planes = (uint8_t)cam.planes;
		m->plane_fmt[0].sizeimage = FAKE_FRAME;
		return 0;
	}
	p->pixelformat = V4L2_PIX_FMT_YUYV;
	p->width = 100;
	p->height = 50;
	p->field = cam.field;
	p->bytesperline = 200;
	p->sizeimage = FAKE_FRAME;
	return 0;
}

static inline int cam_request(struct v4l2_requestbuffers *r)
{
	if (cam.refused & 1u << r->memory)
		return EINVAL;
	/* A driver may want another number of them. */
	cam.count = r->count ? r->count < 3 ? 3 : r->count : 0;
	r->count = cam.count;
	cam.memory = r->memory;
	cam.queued = 0;
	memset(cam.is_queued, 0, sizeof(cam.is_queued));
	return ftruncate(cam.fd, (off_t)FAKE_ROOM * FAKE_MOST) < 0 ? errno : 0;
}

static inline int cam_query(struct v4l2_buffer *b)
{
	const unsigned len = cam.large ? 2 * FAKE_ROOM : FAKE_ROOM;

	if (cam_is_mplane()) {
		b->m.planes->m.mem_offset = b->index * FAKE_ROOM;
		b->m.planes->length = len;
	} else {
		b->m.offset = b->index * FAKE_ROOM;
		b->length = len;
	}
	return 0;
}

static inline int cam_queue(const struct v4l2_buffer *b)
{
	const int fd = cam_is_mplane() ? b->m.planes->m.fd : b->m.fd;

	if (cam.memory == V4L2_MEMORY_DMABUF && cam.contiguous)
		return EFAULT;
	if (b->index >= cam.count || cam.is_queued[b->index] || b->memory != cam.memory)
		return EINVAL;
	if (cam.memory == V4L2_MEMORY_USERPTR) {
		cam.place[b->index] =
			(void *)(cam_is_mplane() ? b->m.planes->m.userptr : b->m.userptr);
	} else if (cam.memory == V4L2_MEMORY_DMABUF) {
		cam.place_fd[b->index] = cam.dmabufs[fd].fd;
		cam.place_offset[b->index] = cam.dmabufs[fd].offset;
	} else {
		cam.place_fd[b->index] = cam.fd;
		cam.place_offset[b->index] = b->index * FAKE_ROOM;
	}
	cam.is_queued[b->index] = true;
	cam.queue[cam.queued++] = b->index;
	cam.queued_total++;
	return 0;
}

static inline int cam_dequeue(struct v4l2_buffer *b)
{
	static unsigned char frame[FAKE_FRAME];
	const unsigned n = cam.frame, index = cam.queue[0];
	const uint64_t bit = n < 64 ? UINT64_C(1) << n : 0;
	uint32_t used = cam.compressed ? FAKE_FRAME - n * 100 : FAKE_FRAME;

	if (n < cam.small)
		used = FAKE_SMALL;
	if (n < cam.empty)
		used = 0;
	if (!cam.on)
		return EINVAL;
	if (!cam.queued || cam.silent || (cam.most && n >= cam.most && !cam.last))
		return EAGAIN;
	if (cam.most && n >= cam.most)
		return EPIPE;
	memmove(cam.queue, cam.queue + 1, --cam.queued * sizeof(cam.queue[0]));
	cam.is_queued[index] = false;
	cam.number += cam.skip & bit ? 3 : cam.repeat & bit ? 0 : 1;
	zcdma_pattern_fill(frame, sizeof(frame), (uint64_t)cam.number * FAKE_FRAME, FAKE_SEED);
	cam_write(index, frame, cam.trap && index + 1 >= cam.trap ? 4096 : used);
	cam.frame++;
	if (cam.large && cam.frame >= cam.large)
		used = FAKE_ROOM + 1;
	b->index = index;
	b->sequence = cam.number;
	b->flags = (cam.other_clock ? V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN
				    : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) |
		   (cam.damage & bit ? V4L2_BUF_FLAG_ERROR : 0) |
		   (cam.last && cam.frame == cam.most ? V4L2_BUF_FLAG_LAST : 0);
	b->timestamp = (struct timeval){ 5, n };
	if (cam_is_mplane()) {
		b->m.planes->data_offset = cam.data_offset;
		b->m.planes->bytesused = cam.data_offset + used;
	} else {
		b->bytesused = used;
	}
	return 0;
}

static inline int cam_stream(bool on)
{
	cam.on = on;
	cam.frame = 0;
	cam.number = UINT32_MAX; /* so that the first is 0 */
	if (!on) {
		cam.queued = 0;
		memset(cam.is_queued, 0, sizeof(cam.is_queued));
	}
	return 0;
}

static inline int cam_event(struct v4l2_event *e)
{
	if (!cam.changed)
		return ENOENT;
	cam.changed = false;
	e->type = V4L2_EVENT_SOURCE_CHANGE;
	e->u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION;
	return 0;
}

static inline int cam_formats(struct v4l2_fmtdesc *f)
{
	if (f->index)
		return EINVAL;
	f->pixelformat = V4L2_PIX_FMT_YUYV;
	f->flags = cam.compressed ? V4L2_FMT_FLAG_COMPRESSED : 0;
	return 0;
}

static inline int cam_rate(struct v4l2_streamparm *p)
{
	p->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
	p->parm.capture.timeperframe = (struct v4l2_fract){ 1001, 30000 };
	return 0;
}

static inline int cam_call(unsigned long request, void *arg)
{
	struct v4l2_capability *cap = arg;

	if (cam.gone)
		return ENODEV;
	if (cam.error && request == cam.error_of && !cam.error_after--)
		return cam.error;
	switch (request) {
	case VIDIOC_QUERYCAP:
		strcpy((char *)cap->driver, "fake");
		cap->capabilities = V4L2_CAP_DEVICE_CAPS;
		cap->device_caps = cam.caps;
		return 0;
	case VIDIOC_SUBSCRIBE_EVENT:
		return 0;
	case VIDIOC_DQEVENT:
		return cam_event(arg);
	case VIDIOC_ENUM_FMT:
		return cam_formats(arg);
	case VIDIOC_G_FMT:
	case VIDIOC_S_FMT:
		return cam_set_format(arg);
	case VIDIOC_G_PARM:
	case VIDIOC_S_PARM:
		return cam_rate(arg);
	case VIDIOC_REQBUFS:
		return cam_request(arg);
	case VIDIOC_QUERYBUF:
		return cam_query(arg);
	case VIDIOC_QBUF:
		return cam_queue(arg);
	case VIDIOC_DQBUF:
		return cam_dequeue(arg);
	case VIDIOC_STREAMON:
	case VIDIOC_STREAMOFF:
		return cam_stream(request == VIDIOC_STREAMON);
	}
	return ENOTTY;
}

/* Export as /dev/udmabuf does: the descriptor names the place. */
static inline int cam_export(const struct udmabuf_create *c)
{
	const int seals = (int)syscall(SYS_fcntl, c->memfd, F_GET_SEALS);
	int fd;

	if (!(seals & F_SEAL_SHRINK) || seals & F_SEAL_WRITE || c->offset % 4096 || c->size % 4096)
		return -EINVAL;
	fd = (int)syscall(SYS_fcntl, cam.fd, F_DUPFD_CLOEXEC, 100);
	cam.dmabufs[fd].fd = (int)c->memfd;
	cam.dmabufs[fd].offset = c->offset;
	cam.exports++;
	return fd;
}

static inline void cam_sync(const struct dma_buf_sync *s)
{
	assert_true(s->flags & DMA_BUF_SYNC_READ);
	if (s->flags & DMA_BUF_SYNC_END)
		cam.ends++;
	else
		cam.begins++;
}

/* These come before those of the C library. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int err;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == UDMABUF_CREATE) {
		err = cam_export(arg);
		errno = -err;
		return err < 0 ? -1 : err;
	}
	if (request == DMA_BUF_IOCTL_SYNC) {
		cam_sync(arg);
		return 0;
	}
	if (_IOC_TYPE(request) != 'V')
		return (int)syscall(SYS_ioctl, fd, request, arg);
	err = cam_call(request, arg);
	errno = err;
	return err ? -1 : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (strcmp(path, "/dev/udmabuf"))
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	errno = cam.udmabuf_error;
	return errno ? -1 : (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
}

/* The memfd is always ready, so that nothing waits for it but what is silent. */
int poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	if (cam.signal && timeout_ms > 0) {
		raise(cam.signal);
		cam.signal = 0;
		cam.silent = false;
	}
	if (cam.silent && timeout_ms > 0)
		return 0;
	return ppoll(p, n, timeout_ms < 0 ? NULL : &t, NULL);
}

/* Have a new device, and return the address of its ring with @options. */
static inline const char *fake_camera(const char *options)
{
	static char address[128];

	memset(&cam, 0, sizeof(cam));
	cam.caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
	cam.field = V4L2_FIELD_NONE;
	cam.planes = 1;
	cam.fd = memfd_create("camera", MFD_CLOEXEC);
	snprintf(address, sizeof(address), "v4l2:/proc/self/fd/%d%s%s", cam.fd, *options ? "," : "",
		 options);
	return address;
}

#endif
