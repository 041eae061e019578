// SPDX-License-Identifier: GPL-2.0-only
/*
 * late: a processor that is slow to make a block ready for an output device keeps neither the order of the control page
 * nor a stop from holding. The module is the one with faults, with a device that plays, and is late with the first
 * block of the ring until a signal comes. Speaks TAP.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "shared/control.h"
#include "shared/module.h"
#include "shared/sink.h"
#include "shared/tap.h"
#include "shared/task.h"

static void ignore(int signal)
{
	(void)signal;
}

static struct control create(unsigned model, uint64_t rate)
{
	const struct sigaction action = { .sa_handler = ignore };
	struct zcdma_dev_setup s = ring_wanted(model);
	struct control c;

	EXPECT(!sigaction(SIGUSR1, &action, NULL));
	s.rate = rate;
	c = control_create(s);
	/* The first one must be the first block of the ring. */
	for (unsigned i = 0; i < BLOCKS; i++)
		EXPECT(control_take(&c).index == i);
	return c;
}

/* The signal that ends its wait ends poll() as well. */
static void *collect(void *arg)
{
	struct pollfd p = { .fd = ((struct control *)arg)->ring.fd };

	EXPECT_ERRNO(poll(&p, 1, 0), EINTR);
	return NULL;
}

static void *stop(void *arg)
{
	ring_stop(arg);
	return NULL;
}

/* Put the first block back, and have a thread collect it, which is late. */
static struct task put_late(struct control *c, uint64_t offset)
{
	const uint32_t held = ring_stats(c->ring.fd).held;
	struct task task;

	sink_fill(c->ring.map, BLOCK, offset);
	control_put(c, 0, BLOCK);
	task = task_start(collect, c);
	WAIT_FOR(ring_stats(c->ring.fd).held == held - 1);
	task_wait_asleep(&task);
	return task;
}

static void wake(struct task *task)
{
	EXPECT(!pthread_kill(task->thread, SIGUSR1));
	task_join(task);
}

/* A second thread collects the second block meanwhile. */
static void the_order_holds(unsigned model)
{
	struct control c = create(model, 0);
	struct task late = put_late(&c, 0);

	sink_fill(c.ring.map + c.ring.setup.stride, BLOCK, BLOCK);
	control_put(&c, 1, BLOCK);
	control_kick(&c);
	ring_go(&c.ring);
	wake(&late);
	EXPECT(!fsync(c.ring.fd));
	sink_expect_played(&c.ring, 2 * BLOCK);
	control_end(&c);
}

/* A device of a byte a second is at the second block still. */
static void a_stop_drops_it(unsigned model)
{
	struct control c = create(model, 1);
	struct task late, stopping;

	ring_go(&c.ring);
	control_put(&c, 1, BLOCK);
	control_kick(&c);
	late = put_late(&c, BLOCK);
	stopping = task_start(stop, &c.ring);
	WAIT_FOR(!ring_stats(c.ring.fd).running);
	wake(&late);
	task_join(&stopping);
	EXPECT(!ring_stats(c.ring.fd).full && ring_stats(c.ring.fd).held == BLOCKS);
	for (unsigned i = 0; i < 2; i++)
		EXPECT(control_take(&c).error == ECANCELED);
	control_end(&c);
}

static const struct tap_test tests[] = {
	{ "what is put into the control page is played in order", the_order_holds, TAP_ALL },
	{ "a stop drops what is not ready yet", a_stop_drops_it, TAP_ALL },
};

int main(void)
{
	device_name = "zcdma-sink.0";
	TAP_RUN_ALL(tests);
	return 0;
}
