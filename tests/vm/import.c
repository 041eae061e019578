// SPDX-License-Identifier: GPL-2.0-only
/*
 * import: rings made of somebody else's memory. The device fills and plays it; it cannot be
 * mapped or read through the ring; and what cannot be sound is refused. Wants the simulated devices of one source, one sink and one loop.
 * Speaks TAP.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "shared/dmabuf.h"
#include "shared/memory.h"
#include "shared/module.h"
#include "shared/tap.h"

#define SINK	"/dev/zcdma1"
#define CAPTURE "/dev/zcdma2" /* of what PLAY plays */
#define PLAY	"/dev/zcdma3"
#define CHECKED "/sys/bus/platform/devices/zcdma-sink.0/"
#define TRACING "/sys/kernel/tracing/"
#define COUNT	4

static const struct exporter *exporter;

/* Memory of the exporter, and a ring made of it whose descriptors are closed. */
struct imported {
	struct ring r;
	int fd[COUNT];
	char *map[COUNT];
};

static struct zcdma_dev_setup import_wanted(const int *fd)
{
	struct zcdma_dev_setup setup = ring_wanted(ZCDMA_DEV_IMPORTED);

	setup.blocks = COUNT;
	setup.dmabufs = (uintptr_t)fd;
	return setup;
}

static struct imported import(const char *device, int flags)
{
	struct imported i = { 0 };

	for (unsigned k = 0; k < COUNT; k++)
		i.fd[k] = exporter->make(BLOCK, &i.map[k]);
	ring_device = device;
	i.r = (struct ring){ .fd = ring_open(flags), .setup = import_wanted(i.fd) };
	EXPECT(!ring_setup(i.r.fd, &i.r.setup));
	return i;
}

static void close_descriptors(const struct imported *i)
{
	for (unsigned k = 0; k < COUNT; k++)
		EXPECT(!close(i->fd[k]));
}

static void expect_filled(const struct imported *i)
{
	struct zcdma_dev_block b = ring_take(&i->r);

	dmabuf_sync(i->fd[b.index], DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	EXPECT(b.length == BLOCK && is_pattern(i->map[b.index], BLOCK, b.offset));
	dmabuf_sync(i->fd[b.index], DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	EXPECT(!ring_give(&i->r, b.index));
}

static void it_is_filled(unsigned unused)
{
	struct imported i = import(DEVICE, O_RDONLY);

	(void)unused;
	EXPECT(i.r.setup.stride == BLOCK && i.r.setup.ring_bytes == COUNT * BLOCK);
	ring_go(&i.r);
	for (unsigned n = 0; n < 5 * COUNT; n++)
		expect_filled(&i);
	EXPECT(ring_stats(i.r.fd).busy_at_release == 0);
	close_descriptors(&i);
	ring_run_for(&i.r, 2 * COUNT);
	ring_stop(&i.r);
	EXPECT(!close(i.r.fd));
	/* The memory is its owner's still, and no one writes to it. */
	i.map[0][0] = 1;
	EXPECT(i.map[0][0] == 1);
}

static void the_ring_gives_no_access(unsigned unused)
{
	struct imported i = import(DEVICE, O_RDONLY);
	struct zcdma_dev_block b;
	off64_t position;
	char data[8];
	int fd[2];

	(void)unused;
	EXPECT(!pipe(fd));
	ring_go(&i.r);
	b = ring_take(&i.r);
	position = (off64_t)b.position;
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, i.r.fd, 0) == MAP_FAILED &&
	       errno == EOPNOTSUPP);
	EXPECT_ERRNO(read(i.r.fd, data, sizeof(data)), EOPNOTSUPP);
	EXPECT_ERRNO(pread(i.r.fd, data, sizeof(data), position), EOPNOTSUPP);
	EXPECT_ERRNO(splice(i.r.fd, NULL, fd[1], NULL, PAGE, SPLICE_F_NONBLOCK), EOPNOTSUPP);
	EXPECT_ERRNO(splice(i.r.fd, &position, fd[1], NULL, PAGE, SPLICE_F_NONBLOCK), EOPNOTSUPP);
	EXPECT(dmabuf_try_export(&i.r, b.index, 0) == -EOPNOTSUPP);
	EXPECT(!ring_give(&i.r, b.index));
}

/*
 * A probe of the kernel's that counts the calls of a function.
 */

static void probe(const char *command)
{
	int fd = open(TRACING "kprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		tap_skip("this kernel has no kprobe_events");
	EXPECT(write(fd, command, strlen(command)) == (ssize_t)strlen(command) && !close(fd));
}

static void count_calls(bool on)
{
	memory_write(TRACING "events/kprobes/zcdma_begin/enable", on ? "1" : "0");
	memory_write(TRACING "events/kprobes/zcdma_end/enable", on ? "1" : "0");
}

/* In the place of the device's DMA it is the CPU that writes, which the exporter has to know. */
static void the_exporter_knows_of_the_cpu(unsigned unused)
{
	struct imported i;
	long begun, ended;

	(void)unused;
	i = import(DEVICE, O_RDONLY);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	probe("p:zcdma_begin dma_buf_begin_cpu_access\n");
	probe("p:zcdma_end dma_buf_end_cpu_access\n");
	count_calls(true);
	ring_go(&i.r);
	ring_run_for(&i.r, 2 * COUNT);
	ring_stop(&i.r);
	count_calls(false);
	begun = memory_number(TRACING "kprobe_profile", "  zcdma_begin");
	ended = memory_number(TRACING "kprobe_profile", "  zcdma_end");
	probe("-:zcdma_begin\n");
	probe("-:zcdma_end\n");
	EXPECT(begun >= 2 * COUNT && ended == begun);
}

/* Fail to set up, and leave the stream to the next. */
static void expect_refused(const int *fd, int error, unsigned model)
{
	struct zcdma_dev_setup setup = import_wanted(fd);
	int file = ring_open(O_RDONLY);

	setup.model = model;
	EXPECT(ring_setup(file, &setup) == -error);
	EXPECT(!close(file));
}

static void what_is_not_sound_is_refused(unsigned unused)
{
	struct zcdma_dev_setup setup;
	int fd[COUNT], bad[COUNT], file = ring_open(O_RDONLY);
	char *map;

	(void)unused;
	for (unsigned k = 0; k < COUNT; k++)
		fd[k] = exporter->make(BLOCK, &map);
	memcpy(bad, fd, sizeof(bad));
	expect_refused(NULL, EFAULT, ZCDMA_DEV_IMPORTED);
	expect_refused(fd, EINVAL, ZCDMA_DEV_COMPOUND);
	bad[3] = -1;
	expect_refused(bad, EBADF, ZCDMA_DEV_IMPORTED);
	bad[3] = file;
	expect_refused(bad, EINVAL, ZCDMA_DEV_IMPORTED);
	bad[3] = fd[0];
	expect_refused(bad, EINVAL, ZCDMA_DEV_IMPORTED);
	bad[3] = exporter->make(BLOCK / 2, &map);
	expect_refused(bad, EINVAL, ZCDMA_DEV_IMPORTED);
	setup = import_wanted(fd);
	setup.policy = ZCDMA_DEV_STRICT;
	EXPECT(ring_setup(file, &setup) == -EINVAL);
	setup = import_wanted(fd);
	EXPECT(!ring_setup(file, &setup));
}

static void it_outlives_the_device(unsigned unused)
{
	struct imported i = import(DEVICE, O_RDONLY);

	(void)unused;
	ring_go(&i.r);
	expect_filled(&i);
	close_descriptors(&i);
	device_unbind();
	memset(i.map[0], 0x5a, BLOCK);
	device_bind();
	EXPECT(i.map[0][BLOCK - 1] == 0x5a);
	EXPECT(!close(i.r.fd));
	EXPECT(i.map[0][BLOCK - 1] == 0x5a);
}

static void fill(char *to, size_t len, uint64_t offset)
{
	for (size_t i = 0; i < len; i++, offset++)
		to[i] = (char)(((offset / 8) ^ SEED) >> offset % 8 * 8);
}

static void expect_checked(const char *name, uint64_t value)
{
	unsigned long long found;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), CHECKED "%s", name);
	file = fopen(path, "re");
	EXPECT(file && fscanf(file, "%llu", &found) == 1 && !fclose(file));
	EXPECT(found == value);
}

static void queue(const struct ring *r, unsigned index)
{
	struct zcdma_dev_give g = { .size = sizeof(g), .index = index, .length = BLOCK };

	EXPECT(!ioctl(r->fd, ZCDMA_IOC_GIVE, &g));
}

static void expect_played(const struct ring *r, uint64_t bytes)
{
	EXPECT(!fsync(r->fd));
	expect_checked("checked_bytes", bytes);
	expect_checked("wrong_bytes", 0);
}

static void it_is_played(unsigned unused)
{
	struct imported i = import(SINK, O_RDWR);
	uint64_t offset = 0;

	(void)unused;
	EXPECT_ERRNO(write(i.r.fd, "data", 4), EOPNOTSUPP);
	ring_go(&i.r);
	for (; offset < 3ULL * COUNT * BLOCK; offset += BLOCK) {
		struct zcdma_dev_block b = ring_take(&i.r);

		dmabuf_sync(i.fd[b.index], DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
		fill(i.map[b.index], BLOCK, offset);
		dmabuf_sync(i.fd[b.index], DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
		queue(&i.r, b.index);
	}
	expect_played(&i.r, offset);
}

/* A device plays what another captured: the ring is made of blocks that are held, which wait for it. */
static void a_device_plays_what_another_captured(unsigned model)
{
	struct ring in, out = { 0 };
	struct zcdma_dev_block b[COUNT];
	int fd[COUNT];

	ring_device = DEVICE;
	in = ring_start(model, ZCDMA_DEV_TRACK);
	for (unsigned k = 0; k < COUNT; k++) {
		b[k] = ring_take(&in);
		fd[k] = dmabuf_export(&in, b[k].index, O_RDONLY);
	}
	ring_device = SINK;
	out = (struct ring){ .fd = ring_open(O_RDWR), .setup = import_wanted(fd) };
	EXPECT(!ring_setup(out.fd, &out.setup));
	ring_go(&out);
	for (unsigned k = 0; k < COUNT; k++) {
		EXPECT(!close(fd[k]) && !ring_give(&in, b[k].index));
		EXPECT(ring_take(&out).index == k);
	}
	ring_run_for(&in, 4 * BLOCKS);
	EXPECT(ring_stats(in.fd).draining == COUNT);
	for (unsigned k = 0; k < COUNT; k++)
		queue(&out, k);
	expect_played(&out, COUNT * BLOCK);
	EXPECT(!close(out.fd));
	WAIT_FOR(ring_stats(in.fd).draining == 0);
	ring_run_until(&in, b[0].index);
}

/* The exporter refuses to map it, before dma_buf_vmap() would warn. */
static void a_block_that_is_not_held_is_refused(unsigned model)
{
	struct zcdma_dev_setup setup;
	int fd[COUNT], file;
	struct ring in;

	ring_device = DEVICE;
	in = ring_create(O_RDONLY, ring_wanted(model));
	for (unsigned k = 0; k < COUNT; k++)
		fd[k] = dmabuf_export(&in, k, O_RDONLY);
	ring_device = SINK;
	file = ring_open(O_RDWR);
	setup = import_wanted(fd);
	EXPECT(ring_setup(file, &setup) == -EBUSY);
	EXPECT(!close(file));
}

/*
 * A fence that is not signalled, so that the thread in the device's place waits. Since 6.0 kthread_stop() ends such a
 * wait by itself, so the tests that stop the thread fail on older kernels alone, whatever the driver does; in a loop the
 * thread of the other side goes on.
 */

struct fenced {
	struct imported i;
	int vgem, handle;
	unsigned fence;
};

static const struct exporter *exporter_of(const char *name)
{
	for (size_t i = 0; i < exporter_count; i++)
		if (!strcmp(exporters[i].name, name))
			return &exporters[i];
	EXPECT(!"there is such an exporter");
	return NULL;
}

/* Import a ring, and have the block that the device is given first wait for a fence. */
static struct fenced import_fenced(const char *device, int flags)
{
	struct fenced f = { .vgem = vgem_open() };

	exporter = exporter_of("vgem");
	f.i = import(device, flags);
	f.handle = vgem_import(f.vgem, f.i.fd[0]);
	EXPECT(f.handle > 0);
	f.fence = vgem_fence(f.vgem, f.handle);
	return f;
}

/* Whether a thread of the kernel's waits, as it does for a fence; else it is idle, or runs. */
static bool is_waiting(const char *name)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	bool waiting = false;

	EXPECT(proc);
	while (!waiting && (entry = readdir(proc))) {
		char path[300], comm[32], state;
		FILE *stat;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		stat = fopen(path, "re");
		if (!stat)
			continue;
		waiting = fscanf(stat, "%*d (%31[^)]) %c", comm, &state) == 2 && state == 'S' &&
			  !strcmp(comm, name);
		fclose(stat);
	}
	closedir(proc);
	return waiting;
}

static void a_stop_does_not_wait_for_a_fence(unsigned unused)
{
	struct fenced f = import_fenced(DEVICE, O_RDONLY);

	(void)unused;
	ring_go(&f.i.r);
	WAIT_FOR(is_waiting("zcdma-sim.0"));
	ring_stop(&f.i.r);
	ring_go(&f.i.r);
	WAIT_FOR(is_waiting("zcdma-sim.0"));
	vgem_signal(f.vgem, f.fence);
	for (unsigned n = 0; n < 2 * COUNT; n++)
		expect_filled(&f.i);
}

static void a_device_goes_before_a_fence(unsigned unused)
{
	struct fenced f = import_fenced(DEVICE, O_RDONLY);

	(void)unused;
	ring_go(&f.i.r);
	WAIT_FOR(is_waiting("zcdma-sim.0"));
	device_unbind();
	device_bind();
	vgem_signal(f.vgem, f.fence);
}

static void a_stop_of_what_plays_does_not_wait(unsigned unused)
{
	struct fenced f = import_fenced(SINK, O_RDWR);

	(void)unused;
	ring_go(&f.i.r);
	EXPECT(ring_take(&f.i.r).index == 0);
	queue(&f.i.r, 0);
	WAIT_FOR(is_waiting("zcdma-sink.0"));
	ring_stop(&f.i.r);
	vgem_signal(f.vgem, f.fence);
	/* It was not played, and is not called so. */
	EXPECT_ERRNO(fsync(f.i.r.fd), EIO);
}

static struct ring play_a_block(unsigned rate_blocks)
{
	struct zcdma_dev_setup setup = ring_wanted(ZCDMA_DEV_COMPOUND);
	struct ring r;

	setup.rate = rate_blocks * (uint64_t)BLOCK;
	ring_device = PLAY;
	r = ring_create(O_RDWR, setup);
	ring_go(&r);
	EXPECT(ring_take(&r).index == 0);
	fill(r.map, BLOCK, 0);
	queue(&r, 0);
	return r;
}

/* What plays goes on without what captured, and waits for the next fence as it did for the first. */
static void a_stop_of_what_captures_does_not_wait(unsigned rate_blocks)
{
	struct fenced f = import_fenced(CAPTURE, O_RDONLY);
	struct ring play;

	ring_go(&f.i.r);
	play = play_a_block(rate_blocks);
	WAIT_FOR(is_waiting("zcdma-loop.0"));
	ring_stop(&f.i.r);
	vgem_signal(f.vgem, f.fence);
	EXPECT(!fsync(play.fd));
	f.fence = vgem_fence(f.vgem, f.handle);
	ring_go(&f.i.r);
	EXPECT(ring_take(&play).index == 1);
	queue(&play, 1);
	WAIT_FOR(is_waiting("zcdma-loop.0"));
	vgem_signal(f.vgem, f.fence);
	EXPECT(!fsync(play.fd));
	EXPECT(ring_take(&f.i.r).index == 0 && ring_stats(f.i.r.fd).failed == 0);
}

/* The block to capture into is not lost by that, nor was it filled. */
static void a_stop_of_what_plays_leaves_the_capture(unsigned unused)
{
	struct fenced f = import_fenced(CAPTURE, O_RDONLY);
	struct ring play;

	(void)unused;
	ring_go(&f.i.r);
	play = play_a_block(0);
	WAIT_FOR(is_waiting("zcdma-loop.0"));
	ring_stop(&play);
	vgem_signal(f.vgem, f.fence);
	EXPECT(ring_stats(f.i.r.fd).failed == 0 && ring_stats(f.i.r.fd).blocks == 0);
	ring_go(&play);
	EXPECT(ring_take(&play).index == 1);
	queue(&play, 1);
	EXPECT(ring_take(&f.i.r).index == 0);
}

static const struct {
	const char *name;
	void (*run)(unsigned unused);
} tests[] = {
	{ "memory is filled", it_is_filled },
	{ "the ring gives no access to memory", the_ring_gives_no_access },
	{ "what is not sound is refused of memory", what_is_not_sound_is_refused },
	{ "the device goes from memory", it_outlives_the_device },
	{ "memory is played", it_is_played },
	{ "the exporter knows what the CPU does to memory", the_exporter_knows_of_the_cpu },
};

int main(void)
{
	for (size_t i = 0; i < exporter_count; i++) {
		exporter = &exporters[i];
		for (size_t k = 0; k < sizeof(tests) / sizeof(tests[0]); k++) {
			ring_device = DEVICE;
			tap_run(tests[k].run, 0, "%s of %s", tests[k].name, exporter->name);
		}
	}
	tap_run(a_stop_does_not_wait_for_a_fence, 0, "a stop does not wait for a fence of memory");
	tap_run(a_device_goes_before_a_fence, 0, "the device goes before a fence of memory");
	tap_run(a_stop_of_what_plays_does_not_wait, 0,
		"a stop of what plays does not wait for a fence of memory");
	tap_run(a_stop_of_what_captures_does_not_wait, 0,
		"a stop of what captures in a loop does not wait for a fence of memory");
	tap_run(a_stop_of_what_captures_does_not_wait, 100, "the same where what plays has a rate");
	tap_run(a_stop_of_what_plays_leaves_the_capture, 0,
		"a stop of what plays in a loop does not wait for a fence of memory");
	for (unsigned model = ZCDMA_DEV_PAGES; model <= ZCDMA_DEV_SCATTER; model++)
		tap_run(a_device_plays_what_another_captured, model,
			"%s: a device plays what another captured", tap_models[model]);
	tap_run(a_block_that_is_not_held_is_refused, ZCDMA_DEV_COMPOUND,
		"compound: a block that is not held is refused");
	return 0;
}
