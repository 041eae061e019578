// SPDX-License-Identifier: GPL-2.0-only
/* A thread that takes files from a queue, one after the other. */
#include "record/queue.h"

#include <signal.h>
#include <time.h>

#include "cli/clock.h"

void record_queue_init(struct record_queue *q, void (*handle)(void *, struct record_file *),
		       void *arg)
{
	pthread_condattr_t attr;

	*q = (struct record_queue){ .handle = handle, .arg = arg };
	q->last = &q->first;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &attr);
	pthread_condattr_destroy(&attr);
}

/* Take the next file, and wait for it. Returns NULL when the queue is closed. The caller has the lock. */
static struct record_file *take(struct record_queue *q)
{
	struct record_file *file;

	while (!q->first && !q->closing)
		pthread_cond_wait(&q->changed, &q->lock);
	file = q->first;
	if (!file)
		return NULL;
	q->first = file->next;
	if (!q->first)
		q->last = &q->first;
	file->next = NULL;
	return file;
}

static void *run(void *arg)
{
	struct record_queue *q = arg;
	struct record_file *file;

	pthread_mutex_lock(&q->lock);
	while ((file = take(q))) {
		pthread_mutex_unlock(&q->lock);
		q->handle(q->arg, file);
		pthread_mutex_lock(&q->lock);
		q->waiting--;
		pthread_cond_broadcast(&q->changed);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* Signals are for the thread that captures. */
static bool start(struct record_queue *q)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	q->started = !pthread_create(&q->thread, NULL, run, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return q->started;
}

void record_queue_add(struct record_queue *q, struct record_file *file)
{
	if (!q->started && !start(q)) {
		q->handle(q->arg, file);
		return;
	}
	pthread_mutex_lock(&q->lock);
	file->next = NULL;
	*q->last = file;
	q->last = &file->next;
	q->waiting++;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

unsigned record_queue_wait(struct record_queue *q, int ms)
{
	const uint64_t end = now_ns() + (uint64_t)ms * 1000000u;
	const struct timespec ts = {
		.tv_sec = (time_t)(end / 1000000000u),
		.tv_nsec = (long)(end % 1000000000u),
	};
	unsigned waiting;

	pthread_mutex_lock(&q->lock);
	while (q->waiting && !pthread_cond_timedwait(&q->changed, &q->lock, &ts))
		;
	waiting = q->waiting;
	pthread_mutex_unlock(&q->lock);
	return waiting;
}

void record_queue_close(struct record_queue *q)
{
	if (q->started) {
		pthread_mutex_lock(&q->lock);
		q->closing = true;
		pthread_cond_broadcast(&q->changed);
		pthread_mutex_unlock(&q->lock);
		pthread_join(q->thread, NULL);
	}
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
}
