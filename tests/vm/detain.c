// SPDX-License-Identifier: GPL-2.0-only
/*
 * detain: a device that stalls in its stop keeps no channels of other devices from starting, and what waits for it can
 * be killed; one that stalls in its start and then fails lets go of whoever waits. Loads the module with faults, in the
 * folder $VM_KMOD, for devices whose first stop or start lasts until a signal comes. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/module.h"
#include "shared/ring.h"
#include "shared/tap.h"
#include "shared/task.h"

struct pair {
	struct ring r[2];
	bool started;
};

static struct pair open_pair(unsigned first, unsigned model)
{
	struct pair p = { .started = false };
	char device[32];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(device, sizeof(device), "/dev/zcdma%u", first + i);
		ring_device = device;
		p.r[i] = ring_create(O_RDONLY, ring_wanted(model));
	}
	ring_device = DEVICE;
	return p;
}

static int start_pair(const struct pair *p)
{
	struct zcdma_dev_group g = {
		.size = sizeof(g),
		.count = 1,
		.fds = (uintptr_t)&p->r[1].fd,
	};

	return ioctl(p->r[0].fd, ZCDMA_IOC_START_GROUP, &g) ? -errno : 0;
}

static void *start(void *arg)
{
	struct pair *p = arg;

	EXPECT(!start_pair(p));
	__atomic_store_n(&p->started, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *stop(void *arg)
{
	ring_stop(arg);
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

/* End the stall of a task, as the test itself would do in the end. */
static void wake(const struct task *stalled)
{
	struct sigaction action = { .sa_handler = ignore };

	EXPECT(!sigaction(SIGUSR1, &action, NULL) && !pthread_kill(stalled->thread, SIGUSR1));
}

/* Whether a process waits where no signal but SIGKILL reaches it. */
static bool is_stuck(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	EXPECT(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && !fclose(f));
	return state == 'D';
}

static void a_stop_that_stalls_keeps_no_other_device(unsigned model)
{
	struct pair stalled = open_pair(0, model), other = open_pair(2, model);
	struct task stops, starts;
	pid_t child;

	ring_go(&stalled.r[1]);
	stops = task_start(stop, &stalled.r[1]);
	task_wait_asleep(&stops);
	child = fork();
	if (!child)
		_exit(start_pair(&stalled) != 0);
	EXPECT(child > 0);
	WAIT_FOR(is_stuck(child));
	starts = task_start(start, &other);
	WAIT_FOR(__atomic_load_n(&other.started, __ATOMIC_ACQUIRE));
	task_join(&starts);
	EXPECT(!kill(child, SIGKILL));
	WAIT_FOR(waitpid(child, NULL, WNOHANG) == child);
	wake(&stops);
	task_join(&stops);
	EXPECT(!start_pair(&stalled));
	EXPECT(ring_stats(stalled.r[0].fd).running && ring_stats(stalled.r[1].fd).running);
}

static void *try_to_start(void *arg)
{
	const struct ring *r = arg;

	return (void *)(intptr_t)(ioctl(r->fd, ZCDMA_IOC_START, 0) ? -errno : 0);
}

static void *sync_it(void *arg)
{
	const struct ring *r = arg;

	return (void *)(intptr_t)(fsync(r->fd) ? -errno : 0);
}

static void a_start_that_fails_wakes(unsigned model)
{
	struct ring r = ring_create(O_RDWR, ring_wanted(model));
	struct task starts, syncs;
	static char page[PAGE];

	EXPECT(write(r.fd, page, PAGE) == PAGE);
	starts = task_start(try_to_start, &r);
	task_wait_asleep(&starts);
	syncs = task_start(sync_it, &r);
	task_wait_asleep(&syncs);
	wake(&starts);
	EXPECT(task_join(&starts) == (void *)(intptr_t)-ETIME);
	EXPECT(task_join(&syncs) == (void *)(intptr_t)-EIO);
	/* The next one succeeds, and what was queued is played. */
	ring_go(&r);
	EXPECT(!fsync(r.fd));
}

int main(void)
{
	EXPECT(!module_unload() && !module_load("devices=2 channels=2 mutant=stall"));
	tap_run(a_stop_that_stalls_keeps_no_other_device, ZCDMA_DEV_COMPOUND,
		"compound: a stop that stalls keeps no other device from starting");
	EXPECT(!module_unload() && !module_load("devices=0 sinks=1 mutant=refuse"));
	tap_run(a_start_that_fails_wakes, ZCDMA_DEV_COMPOUND,
		"compound: a start that fails wakes whoever waits");
	return 0;
}
