// SPDX-License-Identifier: GPL-2.0-only
/* The calls in which nth.c lets something fail, in the order in which they are made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control.h"
#include "dmabuf.h"
#include "nth.h"
#include "tap.h"

#define PIECE	   (64 * 1024)
#define PIPE_BYTES (1 << 20)

/* Return what a call of libc's says, as 0 or -errno. */
static int result(long rc)
{
	return rc < 0 ? -errno : 0;
}

/*
 * The device, its ring, and its mapping
 */

static int open_device(struct state *s)
{
	s->r.fd = open(ring_device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return result(s->r.fd);
}

static int set_up(struct state *s)
{
	struct zcdma_dev_setup setup = s->r.setup;
	int rc;

	if (setup.model == ZCDMA_DEV_IMPORTED)
		setup.dmabufs = (uintptr_t)s->import;
	rc = ring_setup(s->r.fd, &setup);
	if (!rc)
		s->r.setup = setup;
	return rc;
}

static int map_ring(struct state *s)
{
	s->r.map =
		mmap(NULL, s->r.setup.ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->r.fd, 0);
	if (s->r.map != MAP_FAILED)
		return 0;
	s->r.map = NULL;
	return -errno;
}

static int start(struct state *s)
{
	return result(ioctl(s->r.fd, ZCDMA_IOC_START, 0));
}

static int start_group(struct state *s)
{
	struct zcdma_dev_group g = {
		.size = sizeof(g),
		.count = 1,
		.fds = (uintptr_t)&s->channel,
	};

	return result(ioctl(s->r.fd, ZCDMA_IOC_START_GROUP, &g));
}

static int stop(struct state *s)
{
	return result(ioctl(s->r.fd, ZCDMA_IOC_STOP, 0));
}

static int get_info(struct state *s)
{
	struct zcdma_dev_info i = { .size = sizeof(i) };

	return result(ioctl(s->r.fd, ZCDMA_IOC_INFO, &i));
}

static int get_stats(struct state *s)
{
	struct zcdma_dev_stats st = { .size = sizeof(st) };

	return result(ioctl(s->r.fd, ZCDMA_IOC_STATS, &st));
}

static int unmap(struct state *s)
{
	int rc = s->r.map ? munmap(s->r.map, s->r.setup.ring_bytes) : 0;

	if (!rc)
		s->r.map = NULL;
	return result(rc);
}

static int close_device(struct state *s)
{
	int fd = s->r.fd;

	s->r.fd = -1;
	return fd >= 0 ? result(close(fd)) : 0;
}

/*
 * Blocks
 */

static void wait_for_block(const struct state *s)
{
	EXPECT(poll(&(struct pollfd){ s->r.fd, POLLIN, 0 }, 1, (int)tap_limit(30000)) == 1);
}

static void wait_for_room(const struct state *s)
{
	EXPECT(poll(&(struct pollfd){ s->r.fd, POLLOUT, 0 }, 1, (int)tap_limit(30000)) == 1);
}

/* A block that is half read is readable, and cannot be taken. */
static void wait_for_full(const struct state *s)
{
	WAIT_FOR(ring_stats(s->r.fd).full);
}

static int take(struct state *s)
{
	struct zcdma_dev_block b = { .size = sizeof(b) };

	if (ioctl(s->r.fd, ZCDMA_IOC_TAKE, &b))
		return -errno;
	s->block = b;
	return 0;
}

static int give(struct state *s)
{
	return ring_give(&s->r, s->block.index);
}

static int queue(struct state *s)
{
	struct zcdma_dev_give g = {
		.size = sizeof(g),
		.index = s->block.index,
		.length = NTH_LENGTH,
	};

	return result(ioctl(s->r.fd, ZCDMA_IOC_GIVE, &g));
}

static int touch(struct state *s)
{
	return result(madvise(s->r.map + s->block.mmap_offset, NTH_LENGTH, MADV_POPULATE_READ));
}

static int read_at(struct state *s)
{
	static char data[PIECE];

	return result(pread(s->r.fd, data, sizeof(data), (off_t)s->block.position));
}

static int splice_at(struct state *s)
{
	off_t at = (off_t)s->block.position;

	return result(splice(s->r.fd, &at, s->pipe[1], NULL, PIECE, SPLICE_F_NONBLOCK));
}

static int vmsplice_block(struct state *s)
{
	struct iovec v = { s->r.map + s->block.mmap_offset, PIECE };

	return result(vmsplice(s->pipe[1], &v, 1, SPLICE_F_NONBLOCK));
}

/*
 * The stream
 */

/* The stream's own read() and splice() take what is left of a block first. */
static int read_stream(struct state *s)
{
	static char data[PIECE];

	return result(read(s->r.fd, data, sizeof(data)));
}

static int splice_stream(struct state *s)
{
	return result(splice(s->r.fd, NULL, s->pipe[1], NULL, PIECE, SPLICE_F_NONBLOCK));
}

/* More than a block, the rest of which is queued by the next call. */
static int write_stream(struct state *s)
{
	static const char data[NTH_LENGTH + PAGE];

	return result(write(s->r.fd, data, sizeof(data)));
}

/* The pipe has more than one call takes, so that what fails can be tried again. */
static int splice_to_device(struct state *s)
{
	return result(splice(s->pipe[0], NULL, s->r.fd, NULL, NTH_LENGTH, SPLICE_F_NONBLOCK));
}

static int sendfile_to_device(struct state *s)
{
	off_t at = 0;

	return result(sendfile(s->r.fd, s->file, &at, NTH_LENGTH));
}

static int drain(struct state *s)
{
	return result(fsync(s->r.fd));
}

/*
 * dma-bufs
 */

static int export(const struct state *s, unsigned index, int *to)
{
	int fd = dmabuf_try_export(&s->r, index, O_CLOEXEC);

	*to = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static int export_block(struct state *s)
{
	return export(s, s->block.index, &s->dmabuf);
}

static int export_ring(struct state *s)
{
	return export(s, ZCDMA_DEV_EXPORT_RING, &s->ring_dmabuf);
}

static int map_dmabuf(struct state *s)
{
	s->dmabuf_map = dmabuf_try_map(s->dmabuf, NTH_LENGTH);
	return s->dmabuf_map ? 0 : -errno;
}

static int map_ring_dmabuf(struct state *s)
{
	s->ring_dmabuf_map = dmabuf_try_map(s->ring_dmabuf, s->r.setup.ring_bytes);
	return s->ring_dmabuf_map ? 0 : -errno;
}

static int touch_dmabuf(struct state *s)
{
	return result(madvise(s->dmabuf_map, NTH_LENGTH, MADV_POPULATE_READ));
}

static int sync_dmabuf(struct state *s)
{
	struct dma_buf_sync begin = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };
	struct dma_buf_sync end = { .flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ };
	int rc = result(ioctl(s->dmabuf, DMA_BUF_IOCTL_SYNC, &begin));

	return rc ? rc : result(ioctl(s->dmabuf, DMA_BUF_IOCTL_SYNC, &end));
}

/* For DMA by another device. */
static int import_block(struct state *s)
{
	int handle = s->vgem < 0 ? 0 : vgem_import(s->vgem, s->dmabuf);

	s->handle = handle > 0 ? handle : 0;
	return handle < 0 ? handle : 0;
}

static int close_import(struct state *s)
{
	int rc = s->handle ? vgem_try_close_handle(s->vgem, s->handle) : 0;

	if (!rc)
		s->handle = 0;
	return rc;
}

static int unmap_dmabuf(struct state *s)
{
	int rc = s->dmabuf_map ? munmap(s->dmabuf_map, NTH_LENGTH) : 0;

	if (!rc)
		s->dmabuf_map = NULL;
	return result(rc);
}

static int close_dmabuf(struct state *s)
{
	int fd = s->dmabuf;

	s->dmabuf = -1;
	return fd >= 0 ? result(close(fd)) : 0;
}

static int close_ring_dmabuf(struct state *s)
{
	int rc = s->ring_dmabuf_map ? munmap(s->ring_dmabuf_map, s->r.setup.ring_bytes) : 0;
	int fd = s->ring_dmabuf;

	if (rc)
		return -errno;
	s->ring_dmabuf_map = NULL;
	s->ring_dmabuf = -1;
	return fd >= 0 ? result(close(fd)) : 0;
}

/*
 * The control page
 */

static int map_page(struct state *s)
{
	s->page = mmap(NULL, s->r.setup.control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->r.fd,
		       (off_t)s->r.setup.control_offset);
	if (s->page != MAP_FAILED)
		return 0;
	s->page = NULL;
	return -errno;
}

static int unmap_page(struct state *s)
{
	int rc = s->page ? munmap(s->page, s->r.setup.control_bytes) : 0;

	if (!rc)
		s->page = NULL;
	return result(rc);
}

static int poll_page(struct state *s)
{
	return result(poll(&(struct pollfd){ s->r.fd, POLLIN, 0 }, 1, 0));
}

static int take_by_page(struct state *s)
{
	struct control c = { .ring = s->r, .page = s->page };

	return control_try_take(&c, &s->block) ? 0 : -EAGAIN;
}

/* What was collected before the call failed is refused the second time, which the call does not tell. */
static int give_by_page(struct state *s)
{
	struct control c = { .ring = s->r, .page = s->page };

	control_put(&c, s->block.index, 0);
	return poll_page(s);
}

/*
 * In which order they are made
 */

static const struct call captures[] = {
	{ "open", open_device, false, NULL },
	{ "INFO", get_info, false, NULL },
	{ "SETUP", set_up, false, NULL },
	{ "mmap", map_ring, false, NULL },
	{ "EXPORT of the ring", export_ring, true, NULL },
	{ "mmap of the ring's dma-buf", map_ring_dmabuf, true, NULL },
	{ "close of the ring's dma-buf", close_ring_dmabuf, true, NULL },
	{ "START", start, false, NULL },
	{ "read", read_stream, false, wait_for_block },
	{ "splice", splice_stream, false, wait_for_block },
	{ "TAKE", take, false, wait_for_full },
	{ "a page fault", touch, true, NULL },
	{ "pread", read_at, false, NULL },
	{ "splice at an offset", splice_at, false, NULL },
	{ "vmsplice", vmsplice_block, true, NULL },
	{ "EXPORT", export_block, true, NULL },
	{ "mmap of a dma-buf", map_dmabuf, true, NULL },
	{ "a page fault in a dma-buf", touch_dmabuf, true, NULL },
	{ "an import for DMA", import_block, true, NULL },
	{ "SYNC of a dma-buf", sync_dmabuf, true, NULL },
	{ "STATS", get_stats, false, NULL },
	{ "GIVE", give, false, NULL },
	{ "close of an import", close_import, true, NULL },
	{ "munmap of a dma-buf", unmap_dmabuf, true, NULL },
	{ "STOP", stop, false, NULL },
	{ "munmap", unmap, false, NULL },
	{ "close", close_device, false, NULL },
	{ "close of a dma-buf", close_dmabuf, true, NULL },
};

static const struct call plays[] = {
	{ "open to play", open_device, false, NULL },
	{ "SETUP to play", set_up, false, NULL },
	{ "mmap to play", map_ring, false, NULL },
	{ "TAKE of an empty block", take, false, NULL },
	{ "a page fault in an empty block", touch, true, NULL },
	{ "GIVE of a block to play", queue, false, NULL },
	{ "START to play", start, false, NULL },
	{ "write", write_stream, false, wait_for_room },
	{ "splice to the device", splice_to_device, false, wait_for_room },
	{ "sendfile to the device", sendfile_to_device, false, wait_for_room },
	{ "fsync", drain, false, NULL },
	{ "STOP of what plays", stop, false, NULL },
	{ "munmap of what played", unmap, false, NULL },
	{ "close of what played", close_device, false, NULL },
};

static const struct call controls[] = {
	{ "open for a control page", open_device, false, NULL },
	{ "SETUP with a control page and a timeout", set_up, false, NULL },
	{ "mmap beside a control page", map_ring, false, NULL },
	{ "mmap of a control page", map_page, false, NULL },
	{ "START with a timeout", start, false, NULL },
	{ "poll of a control page", poll_page, false, NULL },
	{ "taking by a control page", take_by_page, false, wait_for_block },
	{ "giving by a control page", give_by_page, false, NULL },
	{ "STOP with a timeout", stop, false, NULL },
	{ "munmap of a control page", unmap_page, false, NULL },
	{ "munmap beside a control page", unmap, false, NULL },
	{ "close with a control page", close_device, false, NULL },
};

static const struct call imports[] = {
	{ "open for imported memory", open_device, false, NULL },
	{ "SETUP of imported memory", set_up, false, NULL },
	{ "START on imported memory", start, false, NULL },
	{ "TAKE of imported memory", take, false, wait_for_full },
	{ "GIVE of imported memory", give, false, NULL },
	{ "STOP on imported memory", stop, false, NULL },
	{ "close of imported memory", close_device, false, NULL },
};

static const struct call groups[] = {
	{ "open of a channel", open_device, false, NULL },
	{ "SETUP of a channel", set_up, false, NULL },
	{ "START_GROUP", start_group, false, NULL },
	{ "TAKE from a channel", take, false, wait_for_full },
	{ "STOP of a channel", stop, false, NULL },
	{ "close of a channel", close_device, false, NULL },
};

/* Blocks take longer than the timeout, so all that come are short. */
static void want_control(struct state *s)
{
	struct zcdma_dev_setup *setup = &s->r.setup;

	setup->flags = ZCDMA_DEV_SETUP_CONTROL | ZCDMA_DEV_SETUP_NODE;
	setup->rate = 100 * setup->block_size;
	setup->timeout_ns = 1000000;
}

static void want_import(struct state *s)
{
	for (unsigned i = 0; i < NTH_IMPORTS; i++)
		s->import[i] = exporters[0].make(NTH_LENGTH, &s->import_map[i]);
}

static void want_group(struct state *s)
{
	struct zcdma_dev_setup setup = s->r.setup;

	s->channel = open("/dev/zcdma1", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	EXPECT(s->channel >= 0 && !ring_setup(s->channel, &setup));
}

static void want_play(struct state *s)
{
	static char data[16 * NTH_LENGTH];

	EXPECT(write(s->pipe[1], data, PIPE_BYTES) == PIPE_BYTES);
	s->file = memfd_create("nth", MFD_CLOEXEC);
	EXPECT(s->file >= 0 && write(s->file, data, NTH_LENGTH) == (ssize_t)NTH_LENGTH);
}

static void want_vgem(struct state *s)
{
	s->vgem = vgem_try_open();
}

#define CALLS(table) (table), sizeof(table) / sizeof((table)[0])

const struct direction nth_directions[] = {
	{ "what captures", DEVICE, 0xf, CALLS(captures), want_vgem, NULL },
	{ "what plays", "/dev/zcdma2", 0xf, CALLS(plays), want_play, NULL },
	{ "a control page", DEVICE, 1 << ZCDMA_DEV_COMPOUND, CALLS(controls), want_control, NULL },
	/* dma_buf_vmap() warns where the exporter has no memory to map the buffer. */
	{ "imported memory", DEVICE, 1 << ZCDMA_DEV_IMPORTED, CALLS(imports), want_import, set_up },
	{ "a group", DEVICE, 1 << ZCDMA_DEV_COMPOUND, CALLS(groups), want_group, NULL },
};
const size_t nth_direction_count = sizeof(nth_directions) / sizeof(nth_directions[0]);

struct state nth_begin(const struct direction *direction, unsigned model)
{
	struct state s = {
		.r.fd = -1,
		.r.setup = ring_wanted(model),
		.pipe = { -1, -1 },
		.file = -1,
		.channel = -1,
		.dmabuf = -1,
		.ring_dmabuf = -1,
		.vgem = -1,
		.import = { -1, -1, -1, -1 },
	};

	s.r.setup.block_size = NTH_LENGTH;
	s.r.setup.blocks = NTH_BLOCKS;
	EXPECT(!pipe2(s.pipe, O_CLOEXEC) && fcntl(s.pipe[1], F_SETPIPE_SZ, PIPE_BYTES) > 0);
	direction->want(&s);
	return s;
}

void nth_end(struct state *s)
{
	EXPECT(!close_import(s) && (s->vgem < 0 || !close(s->vgem)));
	EXPECT(!unmap_dmabuf(s) && !close_dmabuf(s) && !close_ring_dmabuf(s));
	EXPECT(!unmap_page(s) && !unmap(s) && !close_device(s));
	EXPECT(!close(s->pipe[0]) && !close(s->pipe[1]));
	EXPECT((s->file < 0 || !close(s->file)) && (s->channel < 0 || !close(s->channel)));
	for (unsigned i = 0; i < NTH_IMPORTS; i++) {
		EXPECT(s->import[i] < 0 || !close(s->import[i]));
		EXPECT(!s->import_map[i] || !munmap(s->import_map[i], NTH_LENGTH));
	}
}
