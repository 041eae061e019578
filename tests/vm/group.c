// SPDX-License-Identifier: GPL-2.0-only
/*
 * group: channels of one device start at the same time of that device, all or none. Loads the module for simulated
 * devices of several channels. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/dmabuf.h"
#include "shared/module.h"
#include "shared/stalled.h"
#include "shared/tap.h"
#include "shared/task.h"

#define CHANNELS 3
#define OTHER	 "/dev/zcdma3" /* a channel of another device */
#define SINK	 "/dev/zcdma6"
#define RATE	 (100ULL * BLOCK)

struct channels {
	struct ring r[CHANNELS];
	int fd[CHANNELS]; /* of all but the first */
};

static struct ring channel(const char *device, unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;

	setup.rate = RATE;
	ring_device = device;
	r = ring_create(O_RDONLY, setup);
	ring_device = DEVICE;
	return r;
}

static struct channels open_channels(unsigned model)
{
	struct channels c;
	char device[32];

	for (unsigned i = 0; i < CHANNELS; i++) {
		snprintf(device, sizeof(device), "/dev/zcdma%u", i);
		c.r[i] = channel(device, model);
		c.fd[i] = -1;
		if (i)
			c.fd[i - 1] = c.r[i].fd;
	}
	return c;
}

static void close_channels(struct channels *c)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		ring_end(&c->r[i]);
}

static struct zcdma_dev_group group_of(const int *fd, unsigned count)
{
	return (struct zcdma_dev_group){
		.size = sizeof(struct zcdma_dev_group),
		.count = count,
		.fds = (uintptr_t)fd,
	};
}

static int try_start(int first, const int *fd, unsigned count)
{
	struct zcdma_dev_group g = group_of(fd, count);

	return ioctl(first, ZCDMA_IOC_START_GROUP, &g) ? -errno : 0;
}

static void stop_all(const struct channels *c)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		ring_stop(&c->r[i]);
}

static void expect_running(const struct channels *c, bool first, bool second, bool third)
{
	EXPECT(!!ring_stats(c->r[0].fd).running == first);
	EXPECT(!!ring_stats(c->r[1].fd).running == second);
	EXPECT(!!ring_stats(c->r[2].fd).running == third);
}

/* Each block of a channel came at the same time as that of the others, to the rounding. */
static void they_start_at_one_time(unsigned model)
{
	struct channels c = open_channels(model);
	struct zcdma_dev_group g = group_of(c.fd, CHANNELS - 1);
	struct zcdma_dev_block b;

	EXPECT(ring_info(c.r[0].fd).flags & ZCDMA_DEV_INFO_GROUP);
	EXPECT(!ioctl(c.r[0].fd, ZCDMA_IOC_START_GROUP, &g));
	EXPECT(g.clock == ZCDMA_DEV_CLOCK_MONOTONIC && g.device_time);
	expect_running(&c, true, true, true);
	for (unsigned i = 0; i < CHANNELS; i++) {
		for (uint64_t n = 0; n < 3; n++) {
			b = ring_take(&c.r[i]);
			EXPECT(is_pattern(ring_data(&c.r[i], &b), b.length, b.offset));
			EXPECT(b.device_time ==
			       g.device_time + b.offset / BLOCK * 1000000000 * BLOCK / RATE);
			EXPECT(!ring_give(&c.r[i], b.index));
		}
	}
	stop_all(&c);
	/* Any of them can be the first. */
	EXPECT(!try_start(c.r[2].fd, (int[]){ c.r[0].fd, c.r[1].fd }, 2));
	expect_running(&c, true, true, true);
	close_channels(&c);
}

static void where_one_runs_none_starts(unsigned model)
{
	struct channels c = open_channels(model);
	char *map;

	for (unsigned i = 0; i < CHANNELS; i++) {
		ring_go(&c.r[i]);
		EXPECT(try_start(c.r[0].fd, c.fd, 2) == -EBUSY);
		expect_running(&c, i == 0, i == 1, i == 2);
		ring_stop(&c.r[i]);
	}
	/* Nor where one may not run. */
	map = dmabuf_map(dmabuf_export(&c.r[2], ZCDMA_DEV_EXPORT_RING, O_RDONLY), PAGE);
	EXPECT(try_start(c.r[0].fd, c.fd, 2) == -EBUSY);
	expect_running(&c, false, false, false);
	EXPECT(!munmap(map, PAGE));
	EXPECT(!try_start(c.r[0].fd, c.fd, 2));
	EXPECT(try_start(c.r[0].fd, c.fd, 2) == -EBUSY);
	close_channels(&c);
}

static void wrong_groups_are_refused(unsigned model)
{
	struct channels c = open_channels(model);
	struct ring other = channel(OTHER, model), sink;
	const int first = c.r[0].fd, second = c.r[1].fd;
	struct zcdma_dev_group g = group_of(c.fd, 2);
	int none, file[2], many[ZCDMA_DEV_GROUP_MAX];

	ring_device = SINK;
	sink = ring_create(O_RDWR, ring_wanted(model));
	ring_device = DEVICE;
	none = ring_open(O_RDONLY);
	EXPECT(!pipe2(file, O_CLOEXEC));
	for (unsigned i = 0; i < ZCDMA_DEV_GROUP_MAX; i++)
		many[i] = second;

	EXPECT(try_start(first, c.fd, 0) == -EINVAL);
	EXPECT(try_start(first, many, ZCDMA_DEV_GROUP_MAX) == -EINVAL);
	EXPECT(try_start(first, c.fd, ~0U) == -EINVAL);
	EXPECT(try_start(first, c.fd, 0x80000000) == -EINVAL);
	EXPECT(try_start(first, NULL, 2) == -EFAULT);
	/* Twice, by one descriptor or two. */
	EXPECT(try_start(first, many, ZCDMA_DEV_GROUP_MAX - 1) == -EINVAL);
	EXPECT(try_start(first, &first, 1) == -EINVAL);
	EXPECT(try_start(first, (int[]){ dup(first) }, 1) == -EINVAL);
	/* Not of this device, or of none. */
	EXPECT(try_start(first, (int[]){ second, other.fd }, 2) == -EINVAL);
	EXPECT(try_start(other.fd, &first, 1) == -EINVAL);
	EXPECT(try_start(first, &sink.fd, 1) == -EOPNOTSUPP);
	EXPECT(try_start(sink.fd, &first, 1) == -EOPNOTSUPP);
	EXPECT(try_start(first, file, 1) == -EINVAL);
	EXPECT(try_start(first, (int[]){ second, -1 }, 2) == -EBADF);
	EXPECT(try_start(first, (int[]){ second, 1 << 20 }, 2) == -EBADF);
	/* Without a ring. */
	EXPECT(try_start(none, &second, 1) == -EBADFD);
	ring_end(&c.r[2]);
	ring_device = "/dev/zcdma2";
	c.fd[1] = ring_open(O_RDONLY);
	ring_device = DEVICE;
	EXPECT(try_start(first, c.fd, 2) == -EBADFD);
	g.reserved[4] = 1;
	EXPECT_ERRNO(ioctl(first, ZCDMA_IOC_START_GROUP, &g), EINVAL);
	EXPECT(!ring_stats(first).running && !ring_stats(second).running);
	EXPECT(!try_start(first, &second, 1));
	EXPECT(ring_stats(first).running && ring_stats(second).running);
}

static void an_answer_that_is_not_read_stops_them(unsigned model)
{
	struct channels c = open_channels(model);
	struct zcdma_dev_group *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(page != MAP_FAILED);
	*page = group_of(c.fd, 2);
	EXPECT(!mprotect(page, PAGE, PROT_READ));
	EXPECT_ERRNO(ioctl(c.r[0].fd, ZCDMA_IOC_START_GROUP, page), EFAULT);
	expect_running(&c, false, false, false);
	EXPECT(!try_start(c.r[0].fd, c.fd, 2));
	close_channels(&c);
}

static void *start_stalled(void *page)
{
	const struct zcdma_dev_group *g = page;
	const int *other = (const int *)(uintptr_t)g->fds;

	return (void *)(intptr_t)(ioctl(other[-1], ZCDMA_IOC_START_GROUP, page) ? -errno : 0);
}

/* The answer of the start cannot be written. That stops all channels but one, which was started again meanwhile. */
static void what_was_started_again_is_not_stopped(unsigned model)
{
	struct channels c = open_channels(model);
	int fd[CHANNELS] = { c.r[0].fd, c.r[1].fd, c.r[2].fd };
	struct zcdma_dev_group g = group_of(fd + 1, 2);
	struct stalled s = stalled_page(true, &g, sizeof(g));
	struct task task = task_start(start_stalled, s.page);

	stalled_wait(&s);
	expect_running(&c, true, true, true);
	ring_stop(&c.r[1]);
	ring_go(&c.r[1]);
	EXPECT(!mprotect(s.page, PAGE, PROT_READ));
	stalled_go_on(&s, NULL, 0);
	EXPECT(task_join(&task) == (void *)(intptr_t)-EFAULT);
	expect_running(&c, false, true, false);
	close_channels(&c);
}

static unsigned starts;

static void *start_and_stop(void *arg)
{
	const struct channels *c = arg;
	int ret;

	do {
		ret = try_start(c->r[0].fd, c->fd, 2);
		__atomic_fetch_add(&starts, !ret, __ATOMIC_RELAXED);
		for (unsigned i = 0; i < CHANNELS; i++)
			ioctl(c->r[i].fd, ZCDMA_IOC_STOP, 0);
	} while (!ret || ret == -EBUSY);
	return (void *)(intptr_t)ret;
}

/* Two threads start the group, each from another end, and the device goes meanwhile. */
static void the_device_goes(unsigned model)
{
	struct channels c = open_channels(model), back = c;
	struct task task[2];

	back.r[0] = c.r[2];
	back.fd[0] = c.r[1].fd;
	back.fd[1] = c.r[0].fd;
	task[0] = task_start(start_and_stop, &c);
	task[1] = task_start(start_and_stop, &back);
	WAIT_FOR(__atomic_load_n(&starts, __ATOMIC_RELAXED) >= 20);
	device_unbind();
	for (unsigned i = 0; i < 2; i++)
		EXPECT(task_join(&task[i]) == (void *)(intptr_t)-ENODEV);
	device_bind();
	close_channels(&c);
	they_start_at_one_time(model);
}

static void each_is_a_channel(unsigned unused)
{
	char path[64], number[8];
	int fd;

	(void)unused;
	for (unsigned i = 0; i < 2 * CHANNELS; i++) {
		snprintf(path, sizeof(path), "/sys/class/zcdma/zcdma%u/channel", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		EXPECT(fd >= 0 && read(fd, number, sizeof(number)) == 2 && !close(fd));
		EXPECT(number[0] == (char)('0' + i % CHANNELS));
	}
}

/* A kernel with lockdep looks whether that is more locks at a time than it can follow. */
static void as_many_start_as_can(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	int fd[ZCDMA_DEV_GROUP_MAX];
	char text[32];

	snprintf(text, sizeof(text), "devices=1 channels=%d", ZCDMA_DEV_GROUP_MAX);
	EXPECT(!module_unload() && !module_load(text));
	setup.block_size = PAGE;
	for (unsigned i = 0; i < ZCDMA_DEV_GROUP_MAX; i++) {
		snprintf(text, sizeof(text), "/dev/zcdma%u", i);
		fd[i] = open(text, O_RDONLY | O_CLOEXEC);
		EXPECT(fd[i] >= 0 && !ring_setup(fd[i], &setup));
	}
	EXPECT(!try_start(fd[0], fd + 1, ZCDMA_DEV_GROUP_MAX - 1));
	for (unsigned i = 0; i < ZCDMA_DEV_GROUP_MAX; i++)
		EXPECT(ring_stats(fd[i]).running);
}

static const struct tap_test tests[] = {
	{ "each channel has its node and number", each_is_a_channel, 0 },
	{ "channels start at one time", they_start_at_one_time, TAP_ALL },
	{ "where one runs, none starts", where_one_runs_none_starts, TAP_PAGED },
	{ "wrong groups are refused", wrong_groups_are_refused, 0x4 },
	{ "channels whose start is not known are stopped", an_answer_that_is_not_read_stops_them,
	  0x4 },
	{ "what was started again is not stopped", what_was_started_again_is_not_stopped, 0x4 },
	{ "a device goes while its channels start", the_device_goes, TAP_ALL },
	/* Last, as it loads the module anew. */
	{ "as many start as a group has", as_many_start_as_can, 0x4 },
};

int main(void)
{
	EXPECT(!module_unload() && !module_load("devices=2 channels=3 sinks=1"));
	TAP_RUN_ALL(tests);
	return 0;
}
