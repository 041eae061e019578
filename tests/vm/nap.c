// SPDX-License-Identifier: GPL-2.0-only
/*
 * nap: a device that sleeps and wakes up goes on, and marks that data may be missing; one that plays is as busy or as
 * idle as it was. The module is the one with faults, which puts a device to sleep as the kernel does. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/memory.h"
#include "shared/module.h"
#include "shared/ring.h"
#include "shared/tap.h"
#include "shared/task.h"

#define NAP "/sys/module/zcdma_sim/parameters/nap"

static void *take_one(void *arg)
{
	static struct zcdma_dev_block b;

	b = ring_take(arg);
	return &b;
}

/* Start a ring at a rate of a block in 50 ms, so that no block is full when the device goes to sleep. */
static struct ring slow_ring(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct ring r;

	s.rate = 20 * BLOCK;
	r = ring_create(O_RDONLY, s);
	ring_go(&r);
	return r;
}

static void a_waiter_gets_the_next_block(unsigned model)
{
	struct ring r = slow_ring(model);
	struct zcdma_dev_block first = ring_take(&r), next;
	struct task waiter = task_start(take_one, &r);

	memory_write(NAP, "1");
	next = *(struct zcdma_dev_block *)task_join(&waiter);
	/* Blocks that were full before come first. */
	while (!(next.flags & ZCDMA_DEV_BLOCK_GAP)) {
		EXPECT(is_pattern(ring_data(&r, &next), next.length, next.offset));
		EXPECT(!ring_give(&r, next.index) && next.seq < first.seq + BLOCKS);
		next = ring_take(&r);
	}
	EXPECT(is_pattern(ring_data(&r, &next), next.length, next.offset));
	EXPECT(ring_stats(r.fd).gaps == 1 && ring_stats(r.fd).running);
	EXPECT(!ring_take(&r).flags);
	ring_end(&r);
}

static void what_is_stopped_stays_so(unsigned model)
{
	struct ring r = slow_ring(model);

	ring_stop(&r);
	memory_write(NAP, "1");
	EXPECT(!ring_stats(r.fd).running && !ring_stats(r.fd).gaps);
	ring_go(&r);
	while (ring_take(&r).flags & ZCDMA_DEV_BLOCK_GAP)
		EXPECT(!"there is a gap");
	ring_end(&r);
}

/* The machine ends: the device is stopped, and does not start again. */
static void a_shutdown_is_for_good(unsigned model)
{
	struct ring r = slow_ring(model);

	memory_write(NAP, "0");
	EXPECT(!ring_stats(r.fd).running);
	ring_stop(&r);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_START, 0), EIO);
	ring_end(&r);
}

static void *wait_until_played(void *arg)
{
	EXPECT(!fsync(((struct ring *)arg)->fd));
	return NULL;
}

/* fsync() said that the data ends there, so the device has no underrun after it. */
static void fsync_holds_beyond_it(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct task waiter;
	struct ring r;

	s.rate = 5 * BLOCK;
	r = ring_create(O_RDWR, s);
	ring_go(&r);
	for (unsigned i = 0; i < 2; i++) {
		struct zcdma_dev_give g = { .size = sizeof(g), .length = BLOCK };

		g.index = ring_take(&r).index;
		EXPECT(!ioctl(r.fd, ZCDMA_IOC_GIVE, &g));
	}
	waiter = task_start(wait_until_played, &r);
	task_wait_asleep(&waiter);
	memory_write(NAP, "1");
	task_join(&waiter);
	usleep(500000); /* two blocks more would have been due */
	EXPECT(!ring_stats(r.fd).underruns);
	ring_end(&r);
}

int main(void)
{
	static const struct tap_test of_output[] = {
		{ "after fsync() and sleep nothing is missed", fsync_holds_beyond_it, 0x4 },
	};
	static const struct tap_test tests[] = {
		{ "a waiter gets the next block after the device slept",
		  a_waiter_gets_the_next_block, TAP_ALL },
		{ "a device that is stopped stays so", what_is_stopped_stays_so, 0x4 },
		{ "after a shutdown it does not start", a_shutdown_is_for_good, 0x4 },
	};

	TAP_RUN_ALL(tests);
	EXPECT(!module_unload() && !module_load("devices=0 sinks=1"));
	TAP_RUN_ALL(of_output);
	return 0;
}
