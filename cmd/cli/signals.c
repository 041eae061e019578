// SPDX-License-Identifier: GPL-2.0-only
/* Signals: what they ask for is noted, and every waiting context is woken. */
#include "cli/signals.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/clock.h"

static struct zcdma_ctx *_Atomic watched[SIGNALS_MAX];
static atomic_int stop;
static atomic_ullong stop_ns; /* when it was first asked for, or 0 */
static atomic_uint stats, cuts, triggers;
static atomic_bool hangup_cuts; /* SIGHUP asks for a cut, and not to stop */
static atomic_int handling;	/* handlers that run now, in whatever thread */

static const int stops[] = { SIGINT, SIGTERM, SIGHUP };

/* Note the first request; end the process, as @sig would by default, at a later one. */
static void request_stop(int sig)
{
	unsigned long long now = now_ns(), first = 0;

	if (atomic_compare_exchange_strong(&stop_ns, &first, now)) {
		stop = sig;
	} else if (now >= first + SIGNALS_SAME_REQUEST_NS) {
		signal(sig, SIG_DFL);
		kill(getpid(), sig);
	}
}

static void handle(int sig)
{
	handling++;
	if (sig == SIGUSR1)
		stats++;
	else if (sig == SIGUSR2)
		triggers++;
	else if (sig == SIGHUP && hangup_cuts)
		cuts++;
	else
		request_stop(sig);
	for (size_t i = 0; i < SIGNALS_MAX; i++) {
		struct zcdma_ctx *ctx = watched[i];

		if (ctx)
			zcdma_interrupt(ctx);
	}
	handling--;
}

static void install(void)
{
	/* No SA_RESTART: a write() to a pipe that nobody reads has to end. */
	struct sigaction sa = { .sa_handler = handle };

	sigaction(SIGUSR1, &sa, NULL);
	/* It asks a recording to write, and ends no run, as a service may send it to all of its kind. */
	signal(SIGUSR2, SIG_IGN);
	/* One request at a time, so that the first one is the one that is reported. */
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigaddset(&sa.sa_mask, stops[i]);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		struct sigaction old;

		/* nohup(1) has it ignored, and means it. */
		if (stops[i] != SIGHUP ||
		    (!sigaction(SIGHUP, NULL, &old) && old.sa_handler != SIG_IGN))
			sigaction(stops[i], &sa, NULL);
	}
}

bool signals_watch(struct zcdma_ctx *ctx)
{
	static atomic_flag installed = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&installed))
		install();
	for (size_t i = 0; i < SIGNALS_MAX; i++) {
		struct zcdma_ctx *none = NULL;

		if (!atomic_compare_exchange_strong(&watched[i], &none, ctx))
			continue;
		/* It may have come before the context could be woken. */
		if (stop)
			zcdma_interrupt(ctx);
		return true;
	}
	return false;
}

void signals_unwatch(struct zcdma_ctx *ctx)
{
	for (size_t i = 0; i < SIGNALS_MAX; i++) {
		struct zcdma_ctx *this = ctx;

		if (atomic_compare_exchange_strong(&watched[i], &this, NULL))
			break;
	}
	/* A handler in another thread may have found the context just before. */
	while (handling)
		sched_yield();
}

int signals_stop(void)
{
	return stop;
}

bool signals_call_again(struct zcdma_ctx *ctx, int rc)
{
	if (rc != -EINTR || stop)
		return false;
	zcdma_resume(ctx);
	return true;
}

int signals_status(bool endless)
{
	return stop == SIGTERM && endless ? 0 : stop ? 128 + stop : 0;
}

unsigned signals_stats(void)
{
	return stats;
}

void signals_cut_at_hangup(void)
{
	hangup_cuts = true;
}

unsigned signals_cuts(void)
{
	return cuts;
}

void signals_trigger_at_usr2(void)
{
	struct sigaction sa = { .sa_handler = handle };

	sigaction(SIGUSR2, &sa, NULL);
}

unsigned signals_triggers(void)
{
	return triggers;
}
