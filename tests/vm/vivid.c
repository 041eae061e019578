// SPDX-License-Identifier: GPL-2.0-only
/*
 * vivid: blocks as buffers of a video driver, which imports them (V4L2_MEMORY_DMABUF): it shows what was captured, and
 * captures what is played. Wants vivid with a node of each, and the simulated devices of one source and one
 * loop. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/dmabuf.h"
#include "shared/tap.h"

#define NODES	8
#define BUFFERS 3 /* vivid begins with two */
#define FRAMES	12
#define FRAME	(1024 * 1024) /* at most: 720 x 576 pixels of 2 bytes */

struct video {
	int fd;
	unsigned type; /* enum v4l2_buf_type */
	size_t bytes;  /* of a frame */
};

static int open_node(unsigned capability)
{
	struct v4l2_capability cap;
	char path[32];
	int fd;

	for (unsigned i = 0; i < NODES; i++) {
		snprintf(path, sizeof(path), "/dev/video%u", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && !ioctl(fd, VIDIOC_QUERYCAP, &cap) &&
		    !strcmp((char *)cap.driver, "vivid") && cap.device_caps & capability)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	tap_skip("vivid is not here");
}

static struct video video_open(unsigned capability, unsigned type)
{
	struct video v = { .fd = open_node(capability), .type = type };
	struct v4l2_format f = { .type = type };
	struct v4l2_requestbuffers r = { .count = BUFFERS,
					 .type = type,
					 .memory = V4L2_MEMORY_DMABUF };

	EXPECT(!ioctl(v.fd, VIDIOC_G_FMT, &f));
	f.fmt.pix.width = 320;
	f.fmt.pix.height = 180;
	f.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
	EXPECT(!ioctl(v.fd, VIDIOC_S_FMT, &f));
	v.bytes = f.fmt.pix.sizeimage;
	EXPECT(v.bytes && v.bytes <= FRAME);
	EXPECT(!ioctl(v.fd, VIDIOC_REQBUFS, &r) && r.count == BUFFERS);
	return v;
}

static void video_queue(const struct video *v, unsigned index, int dmabuf, size_t length)
{
	struct v4l2_buffer b = {
		.index = index,
		.type = v->type,
		.memory = V4L2_MEMORY_DMABUF,
		.m.fd = dmabuf,
		.length = (unsigned)length,
		.bytesused = (unsigned)v->bytes,
	};

	EXPECT(!ioctl(v->fd, VIDIOC_QBUF, &b));
}

static unsigned video_dequeue(const struct video *v)
{
	struct v4l2_buffer b = { .type = v->type, .memory = V4L2_MEMORY_DMABUF };

	EXPECT(!ioctl(v->fd, VIDIOC_DQBUF, &b));
	EXPECT(!(b.flags & V4L2_BUF_FLAG_ERROR) && b.bytesused == v->bytes);
	return b.index;
}

static void video_start(const struct video *v)
{
	EXPECT(!ioctl(v->fd, VIDIOC_STREAMON, &v->type));
}

/* Free the buffers, which unmaps what is mapped still. */
static void video_end(const struct video *v)
{
	struct v4l2_requestbuffers r = { .type = v->type, .memory = V4L2_MEMORY_DMABUF };

	EXPECT(!ioctl(v->fd, VIDIOC_STREAMOFF, &v->type));
	EXPECT(!ioctl(v->fd, VIDIOC_REQBUFS, &r));
	EXPECT(!close(v->fd));
}

static struct zcdma_dev_setup frames_wanted(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);

	setup.block_size = FRAME;
	return setup;
}

/* Show a block, which is given back at once. */
static struct zcdma_dev_block show(const struct video *v, const struct ring *r, unsigned buffer)
{
	struct zcdma_dev_block b = ring_take(r);
	int fd = dmabuf_export(r, b.index, O_RDONLY);

	video_queue(v, buffer, fd, r->setup.stride);
	EXPECT(!close(fd));
	EXPECT(!ring_give(r, b.index));
	return b;
}

static void what_is_captured_is_shown(unsigned model)
{
	struct video v = video_open(V4L2_CAP_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_OUTPUT);
	struct ring r = ring_create(O_RDONLY, frames_wanted(model));
	struct zcdma_dev_block shown[BUFFERS];
	unsigned buffer;

	ring_go(&r);
	for (unsigned i = 0; i < BUFFERS; i++)
		shown[i] = show(&v, &r, i);
	video_start(&v);
	for (unsigned i = 0; i < FRAMES; i++) {
		/* The device goes round beside what is shown. */
		ring_run_for(&r, 2 * BLOCKS);
		EXPECT(ring_stats(r.fd).draining == BUFFERS);
		for (unsigned k = 0; k < BUFFERS; k++)
			EXPECT(is_pattern(ring_data(&r, &shown[k]), FRAME, shown[k].offset));
		buffer = video_dequeue(&v);
		shown[buffer] = show(&v, &r, buffer);
		WAIT_FOR(ring_stats(r.fd).draining == BUFFERS);
	}
	video_end(&v);
	WAIT_FOR(ring_stats(r.fd).draining == 0);
	for (unsigned k = 0; k < BUFFERS; k++)
		ring_run_until(&r, shown[k].index);
}

static int queue(const struct ring *r, unsigned index, size_t length)
{
	struct zcdma_dev_give g = { .size = sizeof(g), .index = index, .length = length };

	return ioctl(r->fd, ZCDMA_IOC_GIVE, &g) ? -errno : 0;
}

/* Returns the node of the loop that plays, or else the one that captures. */
static const char *find_loop(bool plays)
{
	static char path[32];

	for (unsigned i = 0; i < NODES; i++) {
		struct zcdma_dev_info info = { .size = sizeof(info) };
		int fd;

		snprintf(path, sizeof(path), "/dev/zcdma%u", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		EXPECT(!ioctl(fd, ZCDMA_IOC_INFO, &info) && !close(fd));
		if (!strcmp(info.source, "loop") && plays == !!(info.flags & ZCDMA_DEV_INFO_OUT))
			return path;
	}
	tap_skip("there is no loop");
}

/* A frame is what it was when the driver had written it, in the block and when it was played. */
static void what_is_filmed_is_played(unsigned model)
{
	struct video v = video_open(V4L2_CAP_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE);
	struct zcdma_dev_setup setup = frames_wanted(model);
	struct zcdma_dev_block out[BUFFERS], in;
	int fd[BLOCKS];
	struct ring play, capture;
	static char frame[FRAME];
	unsigned buffer;

	setup.seed = 0;
	ring_device = find_loop(true);
	play = ring_create(O_RDWR, setup);
	ring_device = find_loop(false);
	capture = ring_create(O_RDONLY, setup);
	ring_go(&capture);
	ring_go(&play);
	for (unsigned i = 0; i < BLOCKS; i++)
		fd[i] = dmabuf_export(&play, i, O_RDWR);
	for (unsigned i = 0; i < BUFFERS; i++) {
		out[i] = ring_take(&play);
		video_queue(&v, i, fd[out[i].index], play.setup.stride);
	}
	video_start(&v);
	for (unsigned i = 0; i < FRAMES; i++) {
		buffer = video_dequeue(&v);
		memcpy(frame, ring_data(&play, &out[buffer]), v.bytes);
		EXPECT(!queue(&play, out[buffer].index, v.bytes));
		in = ring_take(&capture);
		EXPECT(in.length == v.bytes);
		EXPECT(!memcmp(ring_data(&capture, &in), frame, v.bytes));
		EXPECT(memcmp(frame, frame + 1, v.bytes - 1));
		EXPECT(!ring_give(&capture, in.index));
		out[buffer] = ring_take(&play);
		video_queue(&v, buffer, fd[out[buffer].index], play.setup.stride);
	}
	video_end(&v);
	EXPECT(!fsync(play.fd));
}

static const struct tap_test tests[] = {
	{ "a video driver shows blocks while the device goes on", what_is_captured_is_shown,
	  TAP_PAGED },
	{ "a video driver films into blocks that are played", what_is_filmed_is_played, TAP_PAGED },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
