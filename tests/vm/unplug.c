// SPDX-License-Identifier: GPL-2.0-only
/*
 * unplug: the device, or the whole module, goes while it is in use: nothing hangs, and data on its
 * way stays right. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/fault.h"
#include "shared/flight.h"
#include "shared/module.h"
#include "shared/tap.h"
#include "shared/task.h"

static const struct way *way;

static void expect_a_new_ring_works(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.seq == i && is_pattern(ring_data(&r, &b), b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	ring_end(&r);
}

/*
 * The device
 */

static void expect_gone(int fd)
{
	struct zcdma_dev_info info = { .size = sizeof(info) };
	struct zcdma_dev_stats stats = { .size = sizeof(stats) };
	struct zcdma_dev_setup setup = ring_wanted(ZCDMA_DEV_COMPOUND);
	struct zcdma_dev_block block = { .size = sizeof(block) };
	struct zcdma_dev_give give = { .size = sizeof(give) };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	off64_t position = 1LL << 40;
	char data[8];
	int pipe_fd[2];

	EXPECT(!pipe(pipe_fd));
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_INFO, &info), ENODEV);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_SETUP, &setup), ENODEV);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_START, 0), ENODEV);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_STOP, 0), ENODEV);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_TAKE, &block), ENODEV);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_GIVE, &give), ENODEV);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_STATS, &stats), ENODEV);
	EXPECT_ERRNO(read(fd, data, sizeof(data)), ENODEV);
	EXPECT_ERRNO(pread(fd, data, sizeof(data), position), ENODEV);
	EXPECT_ERRNO(splice(fd, NULL, pipe_fd[1], NULL, PAGE, 0), ENODEV);
	EXPECT_ERRNO(splice(fd, &position, pipe_fd[1], NULL, PAGE, 0), ENODEV);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	EXPECT(poll(&p, 1, 0) == 1 && p.revents == (POLLERR | POLLHUP));
	EXPECT(!close(pipe_fd[0]) && !close(pipe_fd[1]));
}

static void every_call_says_enodev(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	int other = ring_open(O_RDONLY);

	ring_take(&r);
	device_unbind();
	expect_gone(r.fd);
	expect_gone(other);
	device_bind();
	/* A new device of the same name is not theirs, and they do not own it. */
	expect_gone(r.fd);
	expect_gone(other);
	expect_a_new_ring_works(model);
	ring_end(&r);
	EXPECT(!close(other));
	expect_a_new_ring_works(model);
}

static void mappings_stay(unsigned model)
{
	for (unsigned policy = ZCDMA_DEV_TRACK; policy <= ZCDMA_DEV_STRICT; policy++) {
		struct ring r = ring_start(model, policy);
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		EXPECT(!madvise(r.map + b.mmap_offset, PAGE, MADV_DONTNEED));
		device_unbind();
		EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		device_bind();
		expect_a_new_ring_works(model);
		EXPECT(!close(r.fd));
		EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		EXPECT(!munmap(r.map, r.setup.ring_bytes));
	}
}

static void mappings_of_the_device_s_memory_go(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	char *second = ring_map(&r, PROT_READ);

	EXPECT(!fault_of_reading(r.map) && !fault_of_reading(second));
	device_unbind();
	for (uint64_t at = 0; at < r.setup.ring_bytes; at += PAGE) {
		EXPECT(fault_of_reading(r.map + at) == SIGBUS);
		EXPECT(fault_of_reading(second + at) == SIGBUS);
	}
	device_bind();
	EXPECT(fault_of_reading(r.map) == SIGBUS);
	ring_end(&r);
	expect_a_new_ring_works(model);
}

static void *wait_in_take(void *arg)
{
	struct zcdma_dev_block b = { .size = sizeof(b) };

	EXPECT_ERRNO(ioctl(((struct ring *)arg)->fd, ZCDMA_IOC_TAKE, &b), ENODEV);
	return NULL;
}

static void *wait_in_read(void *arg)
{
	char data[8];

	EXPECT_ERRNO(read(((struct ring *)arg)->fd, data, sizeof(data)), ENODEV);
	return NULL;
}

static void *wait_in_poll(void *arg)
{
	struct pollfd p = { .fd = ((struct ring *)arg)->fd, .events = POLLIN };

	EXPECT(poll(&p, 1, -1) == 1 && p.revents == (POLLERR | POLLHUP));
	return NULL;
}

static void who_waits_wakes_up(unsigned model)
{
	/* Two in read(): one of them waits for the other. */
	void *(*const waits[])(void *) = { wait_in_take, wait_in_read, wait_in_read, wait_in_poll };
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	struct task task[4];

	for (size_t i = 0; i < 4; i++) {
		task[i] = task_start(waits[i], &r);
		task_wait_asleep(&task[i]);
	}
	device_unbind();
	for (size_t i = 0; i < 4; i++)
		task_join(&task[i]);
	device_bind();
	expect_a_new_ring_works(model);
}

/* The old file, and what it sent, next to a new ring of the same device. */
static void data_outlives_the_device(unsigned model)
{
	struct ring r = ring_create(FLIGHT_OPEN, ring_wanted(model));
	struct zcdma_dev_block b;
	struct flight f;

	ring_go(&r);
	b = ring_take(&r);
	f = flight_leave(way, &r, &b);
	EXPECT(!ring_give(&r, b.index));
	device_unbind();
	device_bind();
	expect_a_new_ring_works(model);
	ring_end(&r);
	expect_a_new_ring_works(model);
	flight_arrive(&f);
}

/* Until the device is gone. */
static void *take_until_gone(void *arg)
{
	const struct ring *r = arg;
	struct zcdma_dev_block b = { .size = sizeof(b) };
	int fd[2];

	EXPECT(!pipe(fd));
	while (!ioctl(r->fd, ZCDMA_IOC_TAKE, &b)) {
		off64_t position = (off64_t)b.position;

		if (splice(r->fd, &position, fd[1], NULL, PAGE, 0) < 0)
			break;
		if (ring_give(r, b.index))
			break;
		flight_receive(fd[0], b.offset, PAGE);
	}
	EXPECT(errno == ENODEV);
	return NULL;
}

static void *read_until_gone(void *arg)
{
	const struct ring *r = arg;
	static char data[3 * PAGE];
	ssize_t n;

	while ((n = read(r->fd, data, sizeof(data))) > 0)
		;
	EXPECT(n < 0 && errno == ENODEV);
	return NULL;
}

/* The last mapping that could be had. */
static void *map_until_gone(void *arg)
{
	const struct ring *r = arg;
	char *last = NULL, *map;

	while ((map = mmap(NULL, r->setup.ring_bytes, PROT_READ, MAP_SHARED, r->fd, 0)) !=
	       MAP_FAILED) {
		if (last)
			EXPECT(!munmap(last, r->setup.ring_bytes));
		last = map;
	}
	EXPECT(errno == ENODEV);
	return last;
}

static void it_goes_in_the_middle_of_everything(unsigned model)
{
	for (unsigned round = 0; round < 4; round++) {
		struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
		struct task task[] = { task_start(take_until_gone, &r),
				       task_start(take_until_gone, &r),
				       task_start(read_until_gone, &r),
				       task_start(map_until_gone, &r) };
		char *last;

		WAIT_FOR(ring_stats(r.fd).delivered > 4 * BLOCKS);
		device_unbind();
		for (size_t i = 0; i < 3; i++)
			task_join(&task[i]);
		last = task_join(&task[3]);
		if (last) {
			EXPECT(fault_of_reading(last) ==
			       (model == ZCDMA_DEV_COHERENT ? SIGBUS : 0));
			EXPECT(!munmap(last, r.setup.ring_bytes));
		}
		ring_end(&r);
		device_bind();
	}
	expect_a_new_ring_works(model);
}

static void *set_up_for_ever(void *arg)
{
	const bool *stop = arg;
	uintptr_t rings = 0;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		struct zcdma_dev_setup s = ring_wanted(ZCDMA_DEV_PAGES);
		int fd = open(DEVICE, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (!ring_setup(fd, &s)) {
			rings++;
			ioctl(fd, ZCDMA_IOC_START, 0);
		}
		close(fd);
	}
	return (void *)rings;
}

static void it_goes_while_rings_are_set_up(unsigned unused)
{
	bool stop = false;
	struct task task[] = { task_start(set_up_for_ever, &stop),
			       task_start(set_up_for_ever, &stop) };
	uintptr_t rings = 0;

	(void)unused;
	for (unsigned i = 0; i < 10; i++) {
		device_unbind();
		device_bind();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < 2; i++)
		rings += (uintptr_t)task_join(&task[i]);
	EXPECT(rings);
	expect_a_new_ring_works(ZCDMA_DEV_PAGES);
}

static void its_files_in_sysfs_and_debugfs_go(unsigned unused)
{
	struct ring r = ring_start(ZCDMA_DEV_COMPOUND, ZCDMA_DEV_TRACK);
	const char *const paths[] = { "/sys/kernel/debug/zcdma/zcdma0/stats",
				      "/sys/kernel/debug/zcdma/zcdma0/blocks",
				      "/sys/kernel/debug/zcdma/zcdma0/pages" };
	char data[64];
	int fd[3];

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		fd[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		EXPECT(fd[i] >= 0 && read(fd[i], data, sizeof(data)) > 0);
		EXPECT(lseek(fd[i], 0, SEEK_SET) == 0);
	}
	device_unbind();
	for (size_t i = 0; i < 3; i++) {
		EXPECT(read(fd[i], data, sizeof(data)) < 0 && (errno == ENODEV || errno == EIO));
		EXPECT(access(paths[i], F_OK) && !close(fd[i]));
	}
	device_bind();
	ring_end(&r);
	expect_a_new_ring_works(ZCDMA_DEV_COMPOUND);
}

/*
 * The module
 */

static void a_mapping_holds_the_module(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	EXPECT(module_unload() == -EWOULDBLOCK);
	EXPECT(!close(r.fd));
	EXPECT(module_unload() == -EWOULDBLOCK);
	EXPECT(!fault_of_reading(r.map));
	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	EXPECT(!module_unload());
	EXPECT(!module_load("devices=1"));
	expect_a_new_ring_works(model);
}

/* A file of a device that is gone. */
static void a_file_holds_the_module(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	device_unbind();
	EXPECT(module_unload() == -EWOULDBLOCK);
	ring_end(&r);
	EXPECT(!module_unload());
	EXPECT(!module_load("devices=1"));
	expect_a_new_ring_works(model);
}

static void data_outlives_the_module(unsigned model)
{
	struct ring r = ring_create(FLIGHT_OPEN, ring_wanted(model));
	struct zcdma_dev_block b;
	struct flight f;

	ring_go(&r);
	b = ring_take(&r);
	f = flight_leave(way, &r, &b);
	ring_end(&r);
	EXPECT(!module_unload());
	EXPECT(access("/sys/module/zcdma", F_OK));
	flight_arrive(&f);
	EXPECT(!module_load("devices=1"));
	expect_a_new_ring_works(model);
}

static struct zcdma_dev_block take_of(int fd)
{
	return ring_take(&(struct ring){ .fd = fd });
}

static void devices_are_independent(unsigned model)
{
	static const char *const paths[] = { "/dev/zcdma0", "/dev/zcdma1", "/dev/zcdma2" };
	int fd[3];

	EXPECT(!module_unload() && !module_load("devices=3"));
	EXPECT(access("/dev/zcdma3", F_OK));
	for (unsigned i = 0; i < 3; i++) {
		struct zcdma_dev_setup s = ring_wanted(model);

		s.blocks += i;
		fd[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		EXPECT(fd[i] >= 0 && !ring_setup(fd[i], &s));
		EXPECT(!ioctl(fd[i], ZCDMA_IOC_START, 0));
	}
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned n = 0; n <= i; n++)
			EXPECT(take_of(fd[i]).seq == n);
	}
	for (unsigned i = 0; i < 3; i++) {
		EXPECT(ring_stats(fd[i]).held == i + 1);
		EXPECT(ring_stats(fd[i]).ring_blocks == BLOCKS + i);
	}
	device_unbind();
	expect_gone(fd[0]);
	EXPECT(take_of(fd[1]).seq == 2 && take_of(fd[2]).seq == 3);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(!close(fd[i]));
	EXPECT(!module_unload() && !module_load("devices=1"));
	EXPECT(access("/dev/zcdma1", F_OK));
	expect_a_new_ring_works(model);
}

static void parameters_are_checked(unsigned unused)
{
	(void)unused;
	EXPECT(!module_unload());
	EXPECT(module_load("devices=65") == -EINVAL);
	EXPECT(module_load("devices=many") == -EINVAL);
	EXPECT(!module_load("devices=0") && access(DEVICE, F_OK));
	EXPECT(!module_unload() && !module_load("devices=64"));
	EXPECT(!access(DEVICE, F_OK) && !access("/dev/zcdma63", F_OK));
	EXPECT(!module_unload() && !module_load("devices=1"));
	expect_a_new_ring_works(ZCDMA_DEV_COMPOUND);
}

static const struct tap_test tests[] = {
	{ "unbound, every call says ENODEV, and a new device is another", every_call_says_enodev,
	  TAP_ALL },
	{ "unbound, mappings stay as they are", mappings_stay, TAP_PAGED },
	{ "unbound, mappings raise SIGBUS", mappings_of_the_device_s_memory_go, 0x1 },
	{ "unbound, waiters wake up", who_waits_wakes_up, TAP_ALL },
	{ "unbound in the middle of everything", it_goes_in_the_middle_of_everything, TAP_ALL },
	{ "unbound while rings are set up", it_goes_while_rings_are_set_up, 0 },
	{ "unbound, its files in sysfs and debugfs go", its_files_in_sysfs_and_debugfs_go, 0 },
	{ "a file and a mapping hold the module", a_mapping_holds_the_module, TAP_ALL },
	{ "a file of a device that was unbound holds the module", a_file_holds_the_module,
	  TAP_ALL },
	{ "devices are independent", devices_are_independent, TAP_ALL },
	{ "parameters of the module are checked", parameters_are_checked, 0 },
};

static void plug_in(void)
{
	int ret = module_load("devices=1");

	EXPECT(!ret || ret == -EEXIST);
	if (access(DEVICE, F_OK))
		device_bind();
}

int main(void)
{
	tap_prepare = plug_in;
	TAP_RUN_ALL(tests);
	for (size_t i = 0; i < flight_way_count; i++) {
		way = &flight_ways[i];
		for (unsigned model = ZCDMA_DEV_PAGES; model <= ZCDMA_DEV_SCATTER; model++) {
			tap_run(data_outlives_the_device, model,
				"%s: unbound, what is in %s stays right", tap_models[model],
				way->name);
			tap_run(data_outlives_the_module, model,
				"%s: the module gone, what is in %s stays right", tap_models[model],
				way->name);
		}
	}
	plug_in();
	return 0;
}
