// SPDX-License-Identifier: GPL-2.0-only
/* A thread of a test, which can wait until it sleeps. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tap.h"
#include "task.h"

struct start {
	void *(*run)(void *);
	void *arg;
	pid_t tid;
};

static void *run_task(void *arg)
{
	struct start *start = arg, copy = *start;

	__atomic_store_n(&start->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	return copy.run(copy.arg);
}

struct task task_start(void *(*run)(void *), void *arg)
{
	struct start start = { run, arg, 0 };
	struct task t;

	EXPECT(!pthread_create(&t.thread, NULL, run_task, &start));
	WAIT_FOR(__atomic_load_n(&start.tid, __ATOMIC_ACQUIRE));
	t.tid = start.tid;
	return t;
}

/* Asleep twice at the same count of switches: it did not run in between. */
static bool is_asleep(const struct task *t, unsigned long *switches)
{
	char path[64], line[128];
	unsigned long now = 0;
	bool sleeps = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", t->tid);
	f = fopen(path, "re");
	EXPECT(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "State:\tS", 8))
			sleeps = true;
		sscanf(line, "voluntary_ctxt_switches: %lu", &now);
	}
	fclose(f);
	sleeps &= now == *switches;
	*switches = now;
	return sleeps;
}

void task_wait_asleep(const struct task *t)
{
	unsigned long switches = 0;

	WAIT_FOR(is_asleep(t, &switches));
}

void *task_join(const struct task *t)
{
	void *ret;

	EXPECT(!pthread_join(t->thread, &ret));
	return ret;
}
