// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A V4L2 device that captures: its format, its buffers' queue, its events. The kernel's own interface is used, and not
 * libv4l, which converts formats by copying, and has no dma-bufs.
 */
#include "source/v4l2_device.h"
#include "source/dev_node.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>

/* How far the device may be from the rate that was asked for: 29.97 for 30. */
#define RATE_TOLERANCE 0.01

static int call(const struct zc_v4l2 *d, unsigned long request, void *arg)
{
	int rc;

	do
		rc = ioctl(d->fd, request, arg);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static bool is_mplane(const struct zc_v4l2 *d)
{
	return d->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
}

int zc_v4l2_fail(struct zc_v4l2 *d, int err, const char *what)
{
	static const struct {
		int err;
		const char *hint;
	} hints[] = {
		{ ENODEV, "the device was removed, or its driver unbound" },
		{ EBUSY, "one program at a time may capture; this names it: fuser -v /dev/video*" },
		{ EACCES,
		  "have the administrator add you to the device's group, which is video on most systems" },
		{ ENOLINK, "connect a signal: the input has none" },
		{ ENOSPC,
		  "the USB bus has no bandwidth left: take a smaller size=, a lower fps=, or another port" },
	};

	zc_fail(d->ctx, err, "%s %s", what, d->path);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].err == err)
			zc_hint(d->ctx, "%s", hints[i].hint);
	}
	return -err;
}

/*
 * What the device is
 */

static const struct kind {
	uint32_t caps;
	enum v4l2_buf_type type; /* 0: refused, because ... */
	const char *refusal, *hint;
} kinds[] = {
	{ V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE, 0,
	  "it converts frames that a program gives it, and captures none", NULL },
	{ V4L2_CAP_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE, NULL, NULL },
	{ V4L2_CAP_VIDEO_CAPTURE_MPLANE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, NULL, NULL },
	{ V4L2_CAP_SDR_CAPTURE, V4L2_BUF_TYPE_SDR_CAPTURE, NULL, NULL },
	{ V4L2_CAP_META_CAPTURE, 0, "it captures metadata alone, and no frames",
	  "take the other node of the device: v4l2-ctl --list-devices" },
	{ UINT32_MAX, 0, "it captures no frames",
	  "take another node of the device: v4l2-ctl --list-devices" },
};

static int find_type(struct zc_v4l2 *d, uint32_t caps)
{
	const struct kind *k = kinds;

	while (!(caps & k->caps) && k < &kinds[ARRAY_SIZE(kinds) - 1])
		k++;
	if (k->refusal) {
		zc_fail_plain(d->ctx, EINVAL, "open %s: %s", d->path, k->refusal);
		if (k->hint)
			zc_hint(d->ctx, "%s", k->hint);
		return -EINVAL;
	}
	d->type = k->type;
	if (caps & V4L2_CAP_STREAMING)
		return 0;
	zc_fail_plain(d->ctx, EOPNOTSUPP, "open %s: its driver has only read(), and no buffers",
		      d->path);
	zc_hint(d->ctx, "use read:%s,block=SIZE, with the size of a frame", d->path);
	return -EOPNOTSUPP;
}

/* Drivers of the kernel that draw a test picture. */
static bool is_simulated(const char *driver)
{
	return !strcmp(driver, "vivid") || !strcmp(driver, "vimc");
}

static int look(struct zc_v4l2 *d)
{
	struct v4l2_event_subscription changes = { .type = V4L2_EVENT_SOURCE_CHANGE };
	struct v4l2_capability cap = { .capabilities = 0 };
	int rc = call(d, VIDIOC_QUERYCAP, &cap);

	if (rc == -ENOTTY) {
		zc_fail_plain(d->ctx, ENOTTY, "open %s: not a V4L2 device", d->path);
		zc_hint(d->ctx, "list the devices: ls /dev/video*");
		return rc;
	}
	if (rc)
		return zc_v4l2_fail(d, -rc, "ask what is");
	rc = find_type(d, cap.capabilities & V4L2_CAP_DEVICE_CAPS ? cap.device_caps
								  : cap.capabilities);
	if (rc)
		return rc;
	d->simulated = is_simulated((const char *)cap.driver);
	/* A camera has no signal that could change. */
	d->has_events = !call(d, VIDIOC_SUBSCRIBE_EVENT, &changes);
	return 0;
}

int zc_v4l2_open(struct zc_v4l2 *d)
{
	int rc;

	d->fd = open(d->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (d->fd < 0 && zc_dev_is_missing(d->ctx, d->path, errno)) {
		zc_hint(d->ctx,
			"/dev/v4l and /sys/class/video4linux list the devices of this machine");
		return -EOPNOTSUPP;
	}
	if (d->fd < 0)
		return zc_v4l2_fail(d, errno, "open");
	rc = look(d);
	if (rc)
		close(d->fd);
	return rc;
}

/*
 * The format
 */

/* The same of a format, whatever the kind of its buffers. */
struct format {
	uint32_t fourcc, width, height, field, frame_bytes, planes;
};

static struct format read_format(const struct v4l2_format *f)
{
	const struct v4l2_pix_format_mplane *m = &f->fmt.pix_mp;
	const struct v4l2_pix_format *p = &f->fmt.pix;

	switch (f->type) {
	case V4L2_BUF_TYPE_SDR_CAPTURE:
		return (struct format){ .fourcc = f->fmt.sdr.pixelformat,
					.frame_bytes = f->fmt.sdr.buffersize,
					.planes = 1 };
	case V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE:
		return (struct format){
			m->pixelformat, m->width, m->height, m->field, m->plane_fmt[0].sizeimage,
			m->num_planes
		};
	default:
		return (struct format){ p->pixelformat, p->width,     p->height,
					p->field,	p->sizeimage, 1 };
	}
}

static void write_format(struct v4l2_format *f, const struct zc_v4l2_wish *w)
{
	struct v4l2_pix_format_mplane *m = &f->fmt.pix_mp;
	struct v4l2_pix_format *p = &f->fmt.pix;

	switch (f->type) {
	case V4L2_BUF_TYPE_SDR_CAPTURE:
		f->fmt.sdr.pixelformat = w->fourcc ?: f->fmt.sdr.pixelformat;
		break;
	case V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE:
		m->pixelformat = w->fourcc ?: m->pixelformat;
		m->width = w->width ?: m->width;
		m->height = w->height ?: m->height;
		/* The driver is to choose what fits. */
		memset(m->plane_fmt, 0, sizeof(m->plane_fmt));
		break;
	default:
		p->pixelformat = w->fourcc ?: p->pixelformat;
		p->width = w->width ?: p->width;
		p->height = w->height ?: p->height;
		p->bytesperline = p->sizeimage = 0;
	}
}

/* Format a four-character code: the top bit says big-endian (v4l2_fourcc_be()). */
static const char *fourcc_name(uint32_t fourcc, char *buf, size_t len)
{
	char c[5] = { 0 };

	for (int i = 0; i < 4; i++) {
		c[i] = (char)(fourcc >> 8 * i & 0x7f);
		if (c[i] < ' ')
			c[i] = '?';
	}
	for (int i = 3; i > 0 && c[i] == ' '; i--)
		c[i] = '\0';
	snprintf(buf, len, "%s%s", c, fourcc >> 31 ? "-BE" : "");
	return buf;
}

static void describe(const struct format *f, char *buf, size_t len)
{
	char name[12];

	fourcc_name(f->fourcc, name, sizeof(name));
	if (f->width)
		snprintf(buf, len, "%s %ux%u", name, f->width, f->height);
	else
		snprintf(buf, len, "%s", name);
}

/* List the formats of the device, and note whether @fourcc is compressed. */
static void list_formats(struct zc_v4l2 *d, uint32_t fourcc, char *list, size_t len)
{
	struct v4l2_fmtdesc f = { .type = d->type };
	size_t used = 0;
	char name[12];

	list[0] = '\0';
	for (; !call(d, VIDIOC_ENUM_FMT, &f); f.index++) {
		if (f.pixelformat == fourcc)
			d->is_compressed = f.flags & V4L2_FMT_FLAG_COMPRESSED;
		if (used < len)
			used += (size_t)snprintf(list + used, len - used, "%s%s", used ? ", " : "",
						 fourcc_name(f.pixelformat, name, sizeof(name)));
	}
}

static bool is_granted(const struct format *f, const struct zc_v4l2_wish *w)
{
	return (!w->fourcc || w->fourcc == f->fourcc) && (!w->width || w->width == f->width) &&
	       (!w->height || w->height == f->height);
}

static int check_format(struct zc_v4l2 *d, const struct format *f, const struct zc_v4l2_wish *w)
{
	char is[48], list[256], asked[12];

	describe(f, is, sizeof(is));
	list_formats(d, f->fourcc, list, sizeof(list));
	if (!is_granted(f, w)) {
		zc_fail_plain(
			d->ctx, EINVAL, "set %s to %s%s%ux%u: the device has %s instead", d->path,
			w->fourcc ? fourcc_name(w->fourcc, asked, sizeof(asked)) : "",
			w->fourcc ? " " : "", w->width ?: f->width, w->height ?: f->height, is);
		zc_hint(d->ctx, "its formats are %s; v4l2-ctl --list-formats-ext lists their sizes",
			list);
		return -EINVAL;
	}
	if (f->planes != 1) {
		zc_fail_plain(
			d->ctx, EINVAL,
			"set up %s: a frame of %s is %u pieces of memory, and a block of a ring is one",
			d->path, is, f->planes);
		zc_hint(d->ctx, "take a format= of one piece; its formats are %s", list);
		return -EINVAL;
	}
	if (f->field == V4L2_FIELD_ALTERNATE) {
		zc_fail_plain(d->ctx, EINVAL,
			      "set up %s: it captures the halves of a frame one after the other",
			      d->path);
		zc_hint(d->ctx,
			"have it interleave them: v4l2-ctl --set-fmt-video=field=interlaced");
		return -EINVAL;
	}
	return f->frame_bytes
		       ? 0
		       : zc_fail_plain(d->ctx, EINVAL,
				       "set up %s: it does not say how large a frame is", d->path);
}

/* Set the frames a second, and add what is granted to .format; a device may have no say in that. */
static int set_rate(struct zc_v4l2 *d, double fps)
{
	struct v4l2_streamparm parm = { .type = d->type };
	const struct v4l2_fract *t = &parm.parm.capture.timeperframe;
	const size_t len = strlen(d->format);
	double granted = 0;
	int rc = call(d, VIDIOC_G_PARM, &parm);

	if (!rc && fps > 0 && parm.parm.capture.capability & V4L2_CAP_TIMEPERFRAME) {
		parm.parm.capture.timeperframe =
			(struct v4l2_fract){ 1000, (uint32_t)(fps * 1000 + 0.5) };
		rc = call(d, VIDIOC_S_PARM, &parm);
	}
	if (!rc && t->numerator)
		granted = (double)t->denominator / t->numerator;
	if (granted > 0)
		snprintf(d->format + len, sizeof(d->format) - len, ", %.6g frames/s", granted);
	if (fps <= 0 || fabs(granted - fps) <= fps * RATE_TOLERANCE)
		return 0;
	if (granted > 0)
		zc_fail_plain(d->ctx, EINVAL,
			      "set %s to %g frames a second: the device has %.6g instead", d->path,
			      fps, granted);
	else
		zc_fail_plain(d->ctx, EINVAL,
			      "set %s to %g frames a second: its driver sets no rate", d->path,
			      fps);
	zc_hint(d->ctx, "v4l2-ctl --list-formats-ext lists the rates of each size");
	return -EINVAL;
}

int zc_v4l2_set_format(struct zc_v4l2 *d, const struct zc_v4l2_wish *wish)
{
	struct v4l2_format v = { .type = d->type };
	struct format f;
	int rc = call(d, VIDIOC_G_FMT, &v);

	if (!rc && (wish->fourcc || wish->width)) {
		write_format(&v, wish);
		rc = call(d, VIDIOC_S_FMT, &v);
	}
	if (rc)
		return zc_v4l2_fail(d, -rc, "set the format of");
	f = read_format(&v);
	rc = check_format(d, &f, wish);
	if (rc)
		return rc;
	d->frame_bytes = f.frame_bytes;
	describe(&f, d->format, sizeof(d->format));
	return set_rate(d, wish->fps);
}

/*
 * The queue
 */

static void name_buffer(const struct zc_v4l2 *d, struct v4l2_buffer *b, struct v4l2_plane *plane)
{
	b->type = d->type;
	if (!is_mplane(d))
		return;
	b->m.planes = plane;
	b->length = 1;
}

int zc_v4l2_request(struct zc_v4l2 *d, enum v4l2_memory memory, unsigned *count)
{
	struct v4l2_requestbuffers r = { .count = *count, .type = d->type, .memory = memory };
	int rc = call(d, VIDIOC_REQBUFS, &r);

	if (!rc)
		*count = r.count;
	return rc;
}

int zc_v4l2_query(struct zc_v4l2 *d, unsigned index, off_t *offset, size_t *len)
{
	struct v4l2_buffer b = { .index = index, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_plane plane = { .length = 0 };
	int rc;

	name_buffer(d, &b, &plane);
	rc = call(d, VIDIOC_QUERYBUF, &b);
	*offset = is_mplane(d) ? plane.m.mem_offset : b.m.offset;
	*len = is_mplane(d) ? plane.length : b.length;
	return rc;
}

int zc_v4l2_queue(struct zc_v4l2 *d, const struct zc_v4l2_buffer *b)
{
	struct v4l2_plane plane = { .length = (uint32_t)b->len };
	struct v4l2_buffer v = { .index = b->index, .memory = b->memory };

	if (b->memory == V4L2_MEMORY_DMABUF)
		plane.m.fd = b->dmabuf;
	else if (b->memory == V4L2_MEMORY_USERPTR)
		plane.m.userptr = (unsigned long)b->data;
	name_buffer(d, &v, &plane);
	if (!is_mplane(d)) {
		v.length = plane.length;
		if (b->memory == V4L2_MEMORY_DMABUF)
			v.m.fd = plane.m.fd;
		else if (b->memory == V4L2_MEMORY_USERPTR)
			v.m.userptr = plane.m.userptr;
	}
	return call(d, VIDIOC_QBUF, &v);
}

/* What a timestamp of the driver is; any clock but CLOCK_MONOTONIC cannot be compared. */
static void read_time(const struct v4l2_buffer *b, struct zc_v4l2_frame *f)
{
	if ((b->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) {
		f->time_ns = zc_now_ns();
		f->clock = "when zcdma took it, as the driver names no clock";
		return;
	}
	f->time_ns = (uint64_t)b->timestamp.tv_sec * 1000000000u +
		     (uint64_t)b->timestamp.tv_usec * 1000u;
	f->clock = (b->flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK) == V4L2_BUF_FLAG_TSTAMP_SRC_SOE
			   ? "start of exposure, by the driver"
			   : "end of frame, by the driver";
}

int zc_v4l2_dequeue(struct zc_v4l2 *d, enum v4l2_memory memory, struct zc_v4l2_frame *f)
{
	struct v4l2_buffer b = { .memory = memory };
	struct v4l2_plane plane = { .length = 0 };
	uint32_t used;
	int rc;

	name_buffer(d, &b, &plane);
	rc = call(d, VIDIOC_DQBUF, &b);
	if (rc)
		return rc;
	used = is_mplane(d) ? plane.bytesused : b.bytesused;
	*f = (struct zc_v4l2_frame){
		.index = b.index,
		/* What is before it counts as used: struct v4l2_plane in videodev2.h. */
		.offset = is_mplane(d) ? zc_min(plane.data_offset, used) : 0,
		.seq = b.sequence,
		.damaged = b.flags & V4L2_BUF_FLAG_ERROR,
		.last = b.flags & V4L2_BUF_FLAG_LAST,
	};
	f->bytes = used - f->offset;
	read_time(&b, f);
	return 0;
}

int zc_v4l2_stream(struct zc_v4l2 *d, bool on)
{
	int type = (int)d->type;

	return call(d, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

bool zc_v4l2_has_changed(struct zc_v4l2 *d)
{
	struct v4l2_event e = { .type = 0 };
	bool changed = false;

	while (d->has_events && !call(d, VIDIOC_DQEVENT, &e))
		changed |= e.type == V4L2_EVENT_SOURCE_CHANGE &&
			   e.u.src_change.changes & V4L2_EVENT_SRC_CH_RESOLUTION;
	return changed;
}
