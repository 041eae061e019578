// SPDX-License-Identifier: GPL-2.0-only
/*
 * starve: a device of which every block is in flight gets the next one soon after it comes home, and
 * neither processors that have no part in it nor close() suffer meanwhile. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "shared/flight.h"
#include "shared/memory.h"
#include "shared/tap.h"
#include "shared/task.h"

#define ROUNDS 20

static void run_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	EXPECT(!sched_setaffinity(0, sizeof(set), &set));
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A page of each block of a ring is in a pipe, and the blocks are given back. */
static void leave_all(const struct ring *r, int pipe)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(r);
		off64_t position = (off64_t)b.position;

		flight_splice(r->fd, &position, pipe, PAGE);
		EXPECT(!ring_give(r, b.index));
	}
	EXPECT(ring_stats(r->fd).draining == BLOCKS);
}

static void read_all(int pipe)
{
	static char data[PAGE];

	for (unsigned i = 0; i < BLOCKS; i++)
		EXPECT(read(pipe, data, PAGE) == PAGE);
}

#define REAP "/sys/kernel/debug/zcdma/zcdma0/reap"

static long looks(void)
{
	return memory_number(REAP, "looks ");
}

/*
 * Starve the device, and wait for @count looks of the driver. Return the shortest time between two, in ticks: one
 * look may be slow, and the next one is later for that.
 */
static long starve(const struct ring *r, int pipe, long count)
{
	long first, ticks, shortest = LONG_MAX;

	leave_all(r, pipe);
	for (first = looks(); looks() - first < count; usleep(500)) {
		/* How it began does not matter. */
		if (looks() - first < count / 2)
			continue;
		ticks = memory_number(REAP, "delay_ticks ");
		shortest = ticks < shortest ? ticks : shortest;
	}
	return shortest;
}

/* Return how often the driver looks from when the pages are home to when the device has filled a block. */
static long looks_after(struct ring *r, int pipe, double *ms)
{
	double began;
	long before;

	read_all(pipe);
	before = looks();
	began = now_ms();
	while (!ring_stats(r->fd).full)
		EXPECT(now_ms() - began < tap_limit(5000));
	*ms = now_ms() - began;
	return looks() - before;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The looks count, not the time, which a busy machine decides. Otherwise it would be looked at each tenth second. */
static void the_next_block_comes_soon(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	double ms[ROUNDS];
	int fd[2];

	EXPECT(!pipe(fd));
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* More looks than it takes to be at the longest delay. */
		EXPECT(starve(&r, fd[1], 20) == 1);
		/* One finds the pages, and one may have been under way, or have come after it. */
		EXPECT(looks_after(&r, fd[0], &ms[i]) <= 3);
	}
	qsort(ms, ROUNDS, sizeof(ms[0]), compare);
	printf("# after %.1f ms (median), %.1f at most\n", ms[ROUNDS / 2], ms[ROUNDS - 1]);
	ring_end(&r);
}

/* How often processor @cpu was made to go through net_rx_action(). */
static unsigned long receptions_of(unsigned cpu)
{
	FILE *f = fopen("/proc/softirqs", "re");
	unsigned long count[2] = { 0 };
	char line[4096];

	EXPECT(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " NET_RX: %lu %lu", &count[0], &count[1]) >= 1)
			break;
	}
	fclose(f);
	return count[cpu];
}

static void needs_two_processors(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) != 2)
		tap_skip("it takes two processors");
}

/* They were asked ten times a second, and are once. */
static void others_are_left_alone(unsigned model)
{
	struct ring r;
	unsigned long before;
	int fd[2];

	needs_two_processors();
	run_on(0);
	r = ring_start(model, ZCDMA_DEV_TRACK);
	EXPECT(!pipe(fd));
	leave_all(&r, fd[1]);
	usleep(300000);
	before = receptions_of(1);
	usleep(3000000);
	printf("# %lu in 3 s\n", receptions_of(1) - before);
	EXPECT(receptions_of(1) - before < 15);
}

static atomic_bool stop;

/* Nothing else runs on this processor, on a real-time kernel not even softirqs. */
static void *hog(void *unused)
{
	const struct sched_param p = { .sched_priority = 90 };

	run_on(1);
	EXPECT(!sched_setscheduler(0, SCHED_FIFO, &p));
	while (!atomic_load(&stop))
		;
	return unused;
}

static void *end_ring(void *arg)
{
	ring_end(arg);
	return NULL;
}

static void close_does_not_wait_for_a_hog(unsigned model)
{
	struct task hogging, closing;
	struct timespec limit;
	struct ring r;
	int fd[2], ret;

	needs_two_processors();
	memory_write("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	run_on(1);
	r = ring_start(model, ZCDMA_DEV_TRACK);
	EXPECT(!pipe(fd));
	leave_all(&r, fd[1]);
	run_on(0);
	hogging = task_start(hog, NULL);
	usleep(500000);
	closing = task_start(end_ring, &r);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += tap_limit(20);
	ret = pthread_timedjoin_np(closing.thread, NULL, &limit);
	atomic_store(&stop, true);
	task_join(&hogging);
	memory_write("/proc/sys/kernel/sched_rt_runtime_us", "950000");
	EXPECT(!ret);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the next block comes soon", the_next_block_comes_soon, 0x6 },
		{ "processors that take no part are left alone", others_are_left_alone, 0x4 },
		{ "close() does not wait for a processor that is hogged",
		  close_does_not_wait_for_a_hog, 0x4 },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
