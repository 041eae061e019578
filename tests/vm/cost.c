// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost: what taking a block and giving it back costs the thread that does it, and the kernel's workers, by calls and
 * through the control page. In instructions, where a nanosecond is one: see speed.sh. Speaks TAP.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/zcdma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shared/control.h"

#define RING	      16
#define ROUNDS	      8
#define PERIOD	      4000000 /* ns for a block */
#define LIMIT	      5000    /* for the default model */
#define LIMIT_CHECK   4500    /* where counts of many pages are added up, before Linux 6.10 */
#define LIMIT_CONTROL 1200

struct shape {
	bool control; /* through the control page, and not by calls */
	const char *name;
	unsigned model;
	uint64_t block_size;
	unsigned limit; /* 0: for the record */
};

static const struct shape shapes[] = {
	{ false, "compound, 64 KiB", ZCDMA_DEV_COMPOUND, 64 << 10, LIMIT },
	{ false, "compound, 1 MiB", ZCDMA_DEV_COMPOUND, 1 << 20, LIMIT },
	{ false, "compound, 4 MiB", ZCDMA_DEV_COMPOUND, 4 << 20, LIMIT_CHECK },
	{ false, "pages, 1 MiB", ZCDMA_DEV_PAGES, 1 << 20, 0 },
	{ true, "compound, 1 MiB", ZCDMA_DEV_COMPOUND, 1 << 20, LIMIT_CONTROL },
	{ true, "compound, 4 MiB", ZCDMA_DEV_COMPOUND, 4 << 20, LIMIT_CONTROL },
	{ true, "pages, 1 MiB", ZCDMA_DEV_PAGES, 1 << 20, LIMIT_CONTROL },
};

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	printf("not ok - cost: %s\n", what);
	exit(1);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void take_and_give(int fd)
{
	struct zcdma_dev_block block = { .size = sizeof(block) };
	struct zcdma_dev_give give = { .size = sizeof(give) };

	check(!ioctl(fd, ZCDMA_IOC_TAKE, &block), "take");
	give.index = block.index;
	check(!ioctl(fd, ZCDMA_IOC_GIVE, &give), "give");
}

static void wait_until_full(int fd)
{
	struct zcdma_dev_stats stats = { .size = sizeof(stats) };

	do {
		usleep(RING * PERIOD / 1000 / 4);
		check(!ioctl(fd, ZCDMA_IOC_STATS, &stats), "stats");
	} while (stats.full < RING);
}

struct cost {
	uint64_t thread, workers; /* for a block */
};

/* Return how long the kernel's workers that are bound to no processor ran. */
static uint64_t workers_ns(void)
{
	DIR *proc = opendir("/proc");
	uint64_t sum = 0, ns;
	struct dirent *e;
	char path[300], name[32];
	FILE *f;

	check(proc != NULL, "/proc");
	while ((e = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (!fgets(name, sizeof(name), f))
			name[0] = '\0';
		fclose(f);
		snprintf(path, sizeof(path), "/proc/%s/schedstat", e->d_name);
		f = strncmp(name, "kworker/u", 9) ? NULL : fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%" SCNu64, &ns) == 1)
			sum += ns;
		fclose(f);
	}
	closedir(proc);
	return sum;
}

/* With the ring mapped, as senders have it, and with blocks that need not be waited for. */
static struct cost measure_calls(struct zcdma_dev_setup setup)
{
	int fd = open("/dev/zcdma0", O_RDONLY | O_CLOEXEC);
	uint64_t start, sum = 0, workers;
	void *map;

	check(fd >= 0 && !ioctl(fd, ZCDMA_IOC_SETUP, &setup), "set up");
	map = mmap(NULL, setup.ring_bytes, PROT_READ, MAP_SHARED, fd, 0);
	check(map != MAP_FAILED, "mmap");
	check(!ioctl(fd, ZCDMA_IOC_START, 0), "start");
	workers = workers_ns();
	for (int round = 0; round < ROUNDS; round++) {
		wait_until_full(fd);
		start = cpu_ns();
		for (int i = 0; i < RING; i++)
			take_and_give(fd);
		sum += cpu_ns() - start;
	}
	workers = workers_ns() - workers;
	munmap(map, setup.ring_bytes);
	close(fd);
	return (struct cost){ sum / ROUNDS / RING, workers / ROUNDS / RING };
}

/* The same through the control page, half of the ring at a time, so that the device has the other half. */
static struct cost measure_control(struct zcdma_dev_setup setup)
{
	struct control c = control_create(setup);
	uint64_t start, sum = 0, workers;
	struct zcdma_dev_block b;

	ring_go(&c.ring);
	workers = workers_ns();
	for (int round = 0; round < 2 * ROUNDS; round++) {
		while (__atomic_load_n(&c.page->filled, __ATOMIC_RELAXED) - c.page->taken <
		       RING / 2)
			usleep(PERIOD / 1000);
		start = cpu_ns();
		for (int i = 0; i < RING / 2; i++) {
			check(control_try_take(&c, &b), "take from the page");
			control_give(&c, b.index, 0);
		}
		sum += cpu_ns() - start;
	}
	workers = workers_ns() - workers;
	check(!c.kicks, "the device has blocks");
	control_end(&c);
	return (struct cost){ sum / ROUNDS / RING, workers / ROUNDS / RING };
}

static struct cost measure(const struct shape *shape)
{
	struct zcdma_dev_setup setup = {
		.size = sizeof(setup),
		.model = shape->model,
		.block_size = shape->block_size,
		.blocks = RING,
		.rate = shape->block_size * 1000000000u / PERIOD,
	};

	return shape->control ? measure_control(setup) : measure_calls(setup);
}

static void report(const struct shape *shape)
{
	const struct cost cost = measure(shape);
	const char *how = shape->control ? "control page" : "calls";

	if (shape->limit)
		printf("%s - take and give by %s, %s: %" PRIu64 " instructions, at most %u\n",
		       cost.thread <= shape->limit ? "ok" : "not ok", how, shape->name, cost.thread,
		       shape->limit);
	else
		printf("# take and give by %s, %s: %" PRIu64 " instructions\n", how, shape->name,
		       cost.thread);
	printf("#   and %" PRIu64 " in workers of the kernel\n", cost.workers);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		report(&shapes[i]);
	return 0;
}
