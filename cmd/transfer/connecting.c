// SPDX-License-Identifier: GPL-2.0-only
/* A note while a receiver is waited for: the library connects again and again within one call. */
#include "transfer/connecting.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

/* A receiver that is started in the same breath answers before that. */
#define PATIENCE_NS 500000000

static void note(const struct connecting *c)
{
	if (c->addr.retry == UINT64_MAX)
		report_note(c->r, "waiting for a receiver at %s, without a limit", c->to);
	else
		report_note(c->r, "waiting for a receiver at %s, for %" PRIu64 " s at most", c->to,
			    c->addr.retry);
}

static void *watch(void *arg)
{
	struct connecting *c = arg;
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&c->lock);
	while (!c->done && !rc)
		rc = pthread_cond_clockwait(&c->changed, &c->lock, CLOCK_MONOTONIC, &until);
	if (!c->done)
		note(c);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void hold_statistics(struct connecting *c)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &held, &c->signals);
}

void connecting_begin(struct connecting *c, const struct transfer *t, struct report *r,
		      const char *to)
{
	*c = (struct connecting){ .r = r, .to = to };
	c->waits = t->reconnects && !zcdma_addr_parse(t->ctx, to, &c->addr) && c->addr.retry;
	hold_statistics(c); /* in the thread too, which inherits that */
	if (!c->waits)
		return;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	/* Without a thread nothing is noted. */
	c->started = !pthread_create(&c->thread, NULL, watch, c);
}

static void end_note(struct connecting *c)
{
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (c->started)
		pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
}

void connecting_end(struct connecting *c)
{
	if (c->waits)
		end_note(c);
	pthread_sigmask(SIG_SETMASK, &c->signals, NULL);
}
