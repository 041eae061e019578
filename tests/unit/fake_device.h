/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device that plays, without a driver: a memfd whose calls are answered here, as <linux/zcdma.h> says. It plays one block
 * at a time, and only when a caller looks for one: at each second ZCDMA_IOC_TAKE, in poll() and in fsync(). What is spliced or
 * written takes the place of an empty block. Include it after cmocka.h.
 */
#ifndef TEST_FAKE_DEVICE_H
#define TEST_FAKE_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/zcdma.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fortified.h"
#include "internal.h"

#define FAKE_BLOCKS_MOST 64

/* What a test may set before it opens the device ... */
static struct {
	int fd; /* the memfd */
	bool captures;
	uint32_t align;
	int setup_error, fsync_error; /* errnos, or 0 */
	atomic_bool stalls;	      /* plays nothing, and fsync() does not return */
	unsigned most;		      /* blocks that it plays; 0: any number */
	bool gone;
	uint64_t underruns, failed;
	uint32_t frags;	       /* pieces that it fetches for a block; 0: it fetches none */
	uint64_t copied_align; /* what its driver says that it copied of what was spliced */
	/* ... and what it finds. */
	unsigned char *played;
	size_t played_len;
	size_t lengths[4096]; /* of the blocks that were queued */
	unsigned queued;
	bool running, stopped;
	uint64_t spliced, written;
	/* The ring. */
	struct zcdma_dev_setup setup;
	uint64_t bytes;
	unsigned blocks; /* that it played */
	struct {
		uint32_t index[FAKE_BLOCKS_MOST];
		unsigned count;
	} free_list, full;
	uint64_t len[FAKE_BLOCKS_MOST], played_ns[FAKE_BLOCKS_MOST];
	bool held[FAKE_BLOCKS_MOST];
	unsigned takes;
	unsigned char *map;
} fake;

static inline void fake_push(void *list, uint32_t index)
{
	__typeof__(fake.full) *l = list;

	l->index[l->count++] = index;
}

static inline uint32_t fake_pop(void *list)
{
	__typeof__(fake.full) *l = list;
	uint32_t index = l->index[0];

	memmove(l->index, l->index + 1, --l->count * sizeof(l->index[0]));
	return index;
}

static inline void fake_play_one(void)
{
	uint32_t index;

	if (!fake.running || fake.stalls || !fake.full.count ||
	    (fake.most && fake.blocks == fake.most))
		return;
	fake.blocks++;
	index = fake_pop(&fake.full);
	fake.played = realloc(fake.played, fake.played_len + fake.len[index]);
	memcpy(fake.played + fake.played_len, fake.map + index * fake.setup.stride,
	       fake.len[index]);
	fake.played_len += fake.len[index];
	fake.bytes += fake.len[index];
	fake.played_ns[index] = zc_now_ns();
	fake_push(&fake.free_list, index);
}

static inline int fake_setup(struct zcdma_dev_setup *s)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (fake.setup_error)
		return fake.setup_error;
	s->stride = (s->block_size + page - 1) / page * page;
	s->ring_bytes = s->stride * s->blocks;
	s->chunks = 1;
	fake.setup = *s;
	if (ftruncate(fake.fd, (off_t)s->ring_bytes) < 0)
		return errno;
	fake.map = mmap(NULL, s->ring_bytes, PROT_READ, MAP_SHARED, fake.fd, 0);
	fake.free_list.count = fake.full.count = 0;
	for (uint32_t i = 0; i < s->blocks; i++)
		fake_push(&fake.free_list, i);
	return 0;
}

static inline int fake_take(struct zcdma_dev_block *k)
{
	if (fake.takes++ % 2)
		fake_play_one();
	if (!fake.free_list.count)
		return EAGAIN;
	k->index = fake_pop(&fake.free_list);
	k->mmap_offset = k->index * fake.setup.stride;
	k->time_ns = fake.played_ns[k->index];
	fake.held[k->index] = true;
	return 0;
}

static inline int fake_give(const struct zcdma_dev_give *g)
{
	if (g->index >= fake.setup.blocks || !fake.held[g->index] ||
	    g->length > fake.setup.block_size || !g->length || g->length % fake.align)
		return EINVAL;
	fake.held[g->index] = false;
	fake.len[g->index] = g->length;
	fake.lengths[fake.queued++] = g->length;
	fake_push(&fake.full, g->index);
	return 0;
}

static inline int fake_stop(void)
{
	fake.running = false;
	fake.stopped = true;
	while (fake.full.count)
		fake_push(&fake.free_list, fake_pop(&fake.full));
	return 0;
}

static inline void fake_info(struct zcdma_dev_info *i)
{
	i->page_size = 4096;
	i->models = 1u << ZCDMA_DEV_COMPOUND;
	i->default_model = ZCDMA_DEV_COMPOUND;
	i->block_align = 64;
	i->blocks_max = FAKE_BLOCKS_MOST;
	i->block_size_max = 1 << 20;
	i->flags = fake.captures ? 0 : ZCDMA_DEV_INFO_OUT;
	i->length_align = fake.align;
	i->frags_max = fake.frags;
	strcpy(i->source, "fake");
}

static inline int fake_call(unsigned long request, void *arg)
{
	struct zcdma_dev_stats *s = arg;

	if (fake.gone)
		return ENODEV;
	switch (request) {
	case ZCDMA_IOC_INFO:
		fake_info(arg);
		return 0;
	case ZCDMA_IOC_SETUP:
		return fake_setup(arg);
	case ZCDMA_IOC_START:
		fake.running = true;
		return 0;
	case ZCDMA_IOC_STOP:
		return fake_stop();
	case ZCDMA_IOC_TAKE:
		return fake_take(arg);
	case ZCDMA_IOC_GIVE:
		return fake_give(arg);
	}
	s->bytes = fake.bytes;
	s->underruns = fake.underruns;
	s->failed = fake.failed;
	s->splice_copied_bytes = s->splice_copied_by[ZCDMA_DEV_COPIED_ALIGN] = fake.copied_align;
	return 0;
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
	if (_IOC_TYPE(request) != ZCDMA_IOC_MAGIC)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	err = fake_call(request, arg);
	errno = err;
	return err ? -1 : 0;
}

static inline bool fake_is(int fd)
{
	struct stat a, b;

	return !fstat(fd, &a) && !fstat(fake.fd, &b) && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* Have an empty block be of these bytes. Returns their number, or 0 without one. */
static inline size_t fake_queue(const void *data, size_t len)
{
	uint32_t index;

	if (!fake.free_list.count)
		return 0;
	index = fake_pop(&fake.free_list);
	fake.len[index] = len;
	fake.lengths[fake.queued++] = len;
	if (pwrite(fake.fd, data, len, (off_t)(index * fake.setup.stride)) < 0)
		return 0;
	fake_push(&fake.full, index);
	return len;
}

/* The C library's own calls are made through these, and the kernel's do the rest. */
ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags)
{
	unsigned char *data;
	ssize_t n;

	if (!fake_is(out))
		return syscall(SYS_splice, in, in_at, out, out_at, len, flags);
	if (fake.gone || !fake.free_list.count) {
		errno = fake.gone ? ENODEV : EAGAIN;
		return -1;
	}
	len = zc_min(len, (size_t)fake.setup.block_size);
	data = malloc(len);
	n = read(in, data, len);
	if (n > 0)
		fake.spliced += fake_queue(data, (size_t)n);
	free(data);
	return n;
}

ssize_t write(int fd, const void *data, size_t len)
{
	size_t n;

	if (!fake_is(fd))
		return syscall(SYS_write, fd, data, len);
	n = fake_queue(data, zc_min(len, (size_t)fake.setup.block_size));
	fake.written += n;
	errno = EAGAIN;
	return n ? (ssize_t)n : -1;
}

static inline short fake_events(void)
{
	if (fake.gone)
		return POLLERR | POLLHUP;
	if (!fake.free_list.count)
		fake_play_one();
	return fake.free_list.count ? POLLOUT : 0;
}

int poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	struct pollfd *device = NULL;
	short events = 0;
	int rc, fd = -1;

	for (nfds_t i = 0; i < n; i++) {
		if (p[i].fd >= 0 && fake_is(p[i].fd))
			device = &p[i];
	}
	if (device) {
		events = (short)(fake_events() & (device->events | POLLERR | POLLHUP));
		fd = device->fd;
		device->fd = -1;
	}
	if (events)
		t = (struct timespec){ 0 };
	rc = ppoll(p, n, timeout_ms < 0 && !events ? NULL : &t, NULL);
	if (!device)
		return rc;
	device->fd = fd;
	device->revents = events;
	return rc < 0 ? rc : rc + !!events;
}

int fsync(int fd)
{
	int err = fake.fsync_error;

	(void)fd;
	while (fake.stalls && !fake.stopped)
		usleep(1000);
	while (fake.full.count && !err && !fake.stopped)
		fake_play_one();
	if (fake.gone)
		err = ENODEV;
	errno = err;
	return err ? -1 : 0;
}

/* Have a new device, and return the address of its ring of @options. */
static inline const char *fake_device(const char *options)
{
	static char address[128];

	memset(&fake, 0, sizeof(fake));
	fake.align = 1;
	fake.fd = memfd_create("fake", MFD_CLOEXEC);
	snprintf(address, sizeof(address), "dev:/proc/self/fd/%d%s%s", fake.fd, *options ? "," : "",
		 options);
	return address;
}

static inline void fake_end(void)
{
	if (fake.map)
		munmap(fake.map, fake.setup.ring_bytes);
	free(fake.played);
	close(fake.fd);
	memset(&fake, 0, sizeof(fake));
}

#endif
