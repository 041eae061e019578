/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread that takes files from a queue, one after the other. */
#ifndef RECORD_QUEUE_H
#define RECORD_QUEUE_H

#include <pthread.h>

#include "record/file.h"

struct record_queue {
	void (*handle)(void *arg, struct record_file *file); /* takes the file over */
	void *arg;

	/* Its own. */
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	struct record_file *first, **last;
	unsigned waiting; /* files in the queue, with the one that is being handled */
	bool started, closing;
};

/* Make it empty. Its thread starts with the first file. */
void record_queue_init(struct record_queue *q, void (*handle)(void *, struct record_file *),
		       void *arg);

/* Put a file into the queue. If no thread can be started, it is handled here and now. */
void record_queue_add(struct record_queue *q, struct record_file *file);

/* Wait at most @ms until the queue is empty and its thread idle. Returns how many files it still has. */
unsigned record_queue_wait(struct record_queue *q, int ms);

/* Wait for the rest of the files, and end the thread. */
void record_queue_close(struct record_queue *q);

#endif
