/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals. The first SIGINT, SIGTERM or SIGHUP asks a run to drain, report and exit with signals_status();
 * another one, a second later or more, ends the process at once. SIGUSR1 asks for statistics now, and SIGHUP, where
 * that was chosen, for a new file.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

#include <zcdma.h>

/*
 * Until this long after the first request to stop, another one is taken to be the same: timeout(1) signals its
 * child and right after that the whole process group, to which the child belongs.
 */
#define SIGNALS_SAME_REQUEST_NS 1000000000u

/* Most contexts that can be watched at once. */
#define SIGNALS_MAX 1025

/* Install the handlers: a signal interrupts @ctx from here on. Returns false beyond SIGNALS_MAX contexts. */
bool signals_watch(struct zcdma_ctx *ctx);

/* Call before @ctx is freed. */
void signals_unwatch(struct zcdma_ctx *ctx);

/* Return the signal that asked to stop, or 0. */
int signals_stop(void);

/*
 * Return true if @rc, of a call on @ctx, says that a signal ended it which did not ask to stop. Then @ctx is ready for the
 * same call again.
 */
bool signals_call_again(struct zcdma_ctx *ctx, int rc);

/*
 * Return the exit status of a run that went well until a signal stopped it, if one did: 128 + the signal's
 * number, but 0 after SIGTERM, which is how a service is stopped, if the run was @endless.
 */
int signals_status(bool endless);

/*
 * Return how often statistics were asked for. Compare it with an earlier answer, so that each thread of
 * a receiver sees every request.
 */
unsigned signals_stats(void);

/* Have SIGHUP ask for a cut of a recording from now on, and not to stop. */
void signals_cut_at_hangup(void);

/* Return how often a cut was asked for, as signals_stats() does. */
unsigned signals_cuts(void);

/* Have SIGUSR2, which else is ignored, trigger a recording. */
void signals_trigger_at_usr2(void);

/* Return how often that was asked for, as signals_stats() does. */
unsigned signals_triggers(void);

#endif
