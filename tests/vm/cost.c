// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost: what taking a block and giving it back costs the thread that does it. In instructions, where
 * a nanosecond is one: see speed.sh. Speaks TAP.
 */
#include <fcntl.h>
#include <linux/zcdma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 16
#define ROUNDS 8
#define PERIOD 4000000 /* ns for a block */
#define LIMIT  5000    /* for the default model */

struct shape {
	const char *name;
	unsigned model;
	uint64_t block_size;
	unsigned limit; /* 0: for the record */
};

static const struct shape shapes[] = {
	{ "compound, 64 KiB", ZCDMA_DEV_COMPOUND, 64 << 10, LIMIT },
	{ "compound, 1 MiB", ZCDMA_DEV_COMPOUND, 1 << 20, LIMIT },
	{ "compound, 4 MiB", ZCDMA_DEV_COMPOUND, 4 << 20, 0 },
	{ "pages, 1 MiB", ZCDMA_DEV_PAGES, 1 << 20, 0 },
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
		usleep(BLOCKS * PERIOD / 1000 / 4);
		check(!ioctl(fd, ZCDMA_IOC_STATS, &stats), "stats");
	} while (stats.full < BLOCKS);
}

/* With the ring mapped, as senders have it, and with blocks that need not be waited for. */
static uint64_t measure(const struct shape *shape)
{
	struct zcdma_dev_setup setup = {
		.size = sizeof(setup),
		.model = shape->model,
		.block_size = shape->block_size,
		.blocks = BLOCKS,
		.rate = shape->block_size * 1000000000u / PERIOD,
	};
	int fd = open("/dev/zcdma0", O_RDONLY | O_CLOEXEC);
	uint64_t start, sum = 0;
	void *map;

	check(fd >= 0 && !ioctl(fd, ZCDMA_IOC_SETUP, &setup), "set up");
	map = mmap(NULL, setup.ring_bytes, PROT_READ, MAP_SHARED, fd, 0);
	check(map != MAP_FAILED, "mmap");
	check(!ioctl(fd, ZCDMA_IOC_START, 0), "start");
	for (int round = 0; round < ROUNDS; round++) {
		wait_until_full(fd);
		start = cpu_ns();
		for (int i = 0; i < BLOCKS; i++)
			take_and_give(fd);
		sum += cpu_ns() - start;
	}
	munmap(map, setup.ring_bytes);
	close(fd);
	return sum / ROUNDS / BLOCKS;
}

int main(void)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *s = &shapes[i];
		uint64_t cost = measure(s);

		if (s->limit)
			printf("%s - take and give, %s: %llu instructions, at most %u\n",
			       cost <= s->limit ? "ok" : "not ok", s->name,
			       (unsigned long long)cost, s->limit);
		else
			printf("# take and give, %s: %llu instructions\n", s->name,
			       (unsigned long long)cost);
	}
	return 0;
}
