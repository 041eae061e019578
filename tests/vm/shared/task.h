/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread of a test, which can wait until it sleeps. */
#ifndef TASK_H
#define TASK_H

#include <pthread.h>
#include <sys/types.h>

struct task {
	pthread_t thread;
	pid_t tid;
};

struct task task_start(void *(*run)(void *), void *arg);

/* Wait until the thread sleeps in the kernel, where it stays until something wakes it. */
void task_wait_asleep(const struct task *t);

void *task_join(const struct task *t);

#endif /* TASK_H */
