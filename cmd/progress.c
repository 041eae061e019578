// SPDX-License-Identifier: GPL-2.0-only
/* Progress: a line on the terminal that is written over, and a line of its own for SIGUSR1. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "signals.h"

#define INTERVAL_MS 500
#define CLEAR_LINE  "\r\033[K"

int progress_timeout(const struct progress *p)
{
	return p->shown ? INTERVAL_MS : -1;
}

void progress_begin(struct progress *p, const struct report *r, const char *applet, bool wanted)
{
	*p = (struct progress){
		.applet = applet,
		.shown = wanted && isatty(STDERR_FILENO) && !report_is_quiet(r),
		.stats_seen = signals_stats(),
		.start_ns = now_ns(),
	};
	p->last_ns = p->start_ns;
	p->next_ns = p->start_ns + INTERVAL_MS * 1000000ull;
}

bool progress_due(const struct progress *p)
{
	return p->stats_seen != signals_stats() || (p->shown && now_ns() >= p->next_ns);
}

void progress_show(struct progress *p, const struct progress_now *now)
{
	bool asked = p->stats_seen != signals_stats();
	uint64_t t = now_ns();
	double elapsed = (double)(t - p->start_ns) / 1e9, since = (double)(t - p->last_ns) / 1e9;
	char text[32];

	if (p->dirty)
		fputs(CLEAR_LINE, stderr);
	fprintf(stderr, "zcdma %s: %s in %.1f s, %.2f MB/s", p->applet,
		zcdma_size_format(now->bytes, text, sizeof(text)), elapsed,
		since > 0 ? (double)(now->bytes - p->last_bytes) / since / 1e6 : 0);
	if (now->sends)
		fprintf(stderr, ", block %" PRIu64 ", in flight %" PRIu64 ", overruns %" PRIu64,
			now->seq, now->in_flight, now->overruns);
	if (asked || !p->shown)
		fputc('\n', stderr);
	p->dirty = p->shown && !asked;
	fflush(stderr);
	p->stats_seen = signals_stats();
	p->last_bytes = now->bytes;
	p->last_ns = t;
	p->next_ns = t + INTERVAL_MS * 1000000ull;
}

void progress_end(struct progress *p)
{
	if (p->dirty)
		fputs(CLEAR_LINE, stderr);
	p->dirty = false;
}
