// SPDX-License-Identifier: GPL-2.0-only
/* Progress: a line on the terminal that is written over, one of its own for SIGUSR1, live.h and service.h. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/util.h>

#include "cli/clock.h"
#include "cli/report_text.h"
#include "cli/signals.h"

#define INTERVAL_MS 500
#define CLEAR_LINE  "\r\033[K"

int progress_timeout(const struct progress *p)
{
	const int ms = sooner(live_timeout(&p->live), service_timeout(&p->service));

	return p->shown ? sooner(ms, INTERVAL_MS) : ms;
}

/* Return true if the terminal understands CLEAR_LINE: terminfo's "dumb" does not, nor does one without a name. */
static bool can_clear(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb");
}

void progress_begin_line(struct progress *p, const struct report *r, const char *applet,
			 bool wanted)
{
	*p = (struct progress){
		.applet = applet,
		.shown = wanted && isatty(STDERR_FILENO) && can_clear() && !report_is_quiet(r),
		.stats_seen = signals_stats(),
	};
	progress_restart(p);
}

void progress_begin(struct progress *p, struct report *r, const char *applet, bool wanted)
{
	progress_begin_line(p, r, applet, wanted && !live_has_lines());
	live_begin(&p->live, r, applet);
	service_begin(&p->service);
}

void progress_restart(struct progress *p)
{
	p->start_ns = p->last_ns = now_ns();
	p->next_ns = p->start_ns + INTERVAL_MS * 1000000ull;
	live_restart(&p->live);
}

static bool line_is_due(const struct progress *p)
{
	return p->stats_seen != signals_stats() || (p->shown && now_ns() >= p->next_ns);
}

bool progress_due(const struct progress *p)
{
	return line_is_due(p) || !live_timeout(&p->live) || !service_timeout(&p->service);
}

void progress_say(struct progress *p, const char *const part[])
{
	bool asked = p->stats_seen != signals_stats();
	/* The last column stays empty: some terminals go on to the next line from there. */
	size_t room = asked || !p->shown ? SIZE_MAX : text_width(stderr) - 1, len;

	if (p->dirty)
		fputs(CLEAR_LINE, stderr);
	len = strlen("zcdma : ") + strlen(p->applet);
	for (unsigned i = 0; part[i] && (len += strlen(part[i])) <= room; i++) {
		if (!i)
			fprintf(stderr, "zcdma %s: ", p->applet);
		fputs(part[i], stderr);
	}
	if (asked || !p->shown)
		fputc('\n', stderr);
	p->dirty = p->shown && !asked;
	fflush(stderr);
	p->stats_seen = signals_stats();
	p->next_ns = now_ns() + INTERVAL_MS * 1000000ull;
}

static double mb_per_second(uint64_t bytes, uint64_t ns)
{
	return ns ? (double)bytes / (double)ns * 1e3 : 0;
}

/* The time that is left at the mean rate: empty where the end is not known. */
static void say_left(char *buf, size_t len, const struct figures *now, uint64_t elapsed_ns)
{
	double left;

	buf[0] = '\0';
	if (now->total <= now->bytes || !now->bytes)
		return;
	left = (double)elapsed_ns / 1e9 / (double)now->bytes * (double)(now->total - now->bytes);
	snprintf(buf, len, ", %.0f s left", left);
}

static void show_line(struct progress *p, const struct figures *now)
{
	uint64_t t = now_ns(), elapsed, since;
	char size[32], bytes[64], rate[48], mean[48], left[48];
	char block[48] = "", flight[48] = "", lost[48] = "", overruns[32];

	/* The clock starts with the first byte. */
	if (!now->bytes)
		p->start_ns = p->last_ns = t;
	elapsed = t - p->start_ns;
	since = t - p->last_ns;
	snprintf(bytes, sizeof(bytes), "%s in %.1f s",
		 zcdma_size_format(now->bytes, size, sizeof(size)), (double)elapsed / 1e9);
	snprintf(rate, sizeof(rate), ", now %.2f MB/s",
		 mb_per_second(figures_since(now->bytes, p->last_bytes), since));
	snprintf(mean, sizeof(mean), ", mean %.2f MB/s", mb_per_second(now->bytes, elapsed));
	say_left(left, sizeof(left), now, elapsed);
	if (now->sends) {
		snprintf(block, sizeof(block), ", block %" PRIu64, now->seq);
		snprintf(flight, sizeof(flight), ", in flight %" PRIu64, now->in_flight);
		snprintf(lost, sizeof(lost), ", overruns %s",
			 text_count(now->overruns, overruns, sizeof(overruns)));
	}
	progress_say(p,
		     (const char *const[]){ bytes, rate, left, mean, block, flight, lost, NULL });
	p->last_bytes = now->bytes;
	p->last_ns = t;
}

void progress_show(struct progress *p, const struct figures *now)
{
	if (line_is_due(p))
		show_line(p, now);
	live_show(&p->live, now);
	service_show(&p->service, now, now_ns() - p->start_ns);
}

void progress_end(struct progress *p, const struct figures *now)
{
	if (p->dirty)
		fputs(CLEAR_LINE, stderr);
	p->dirty = false;
	live_end(&p->live, now);
	service_end(&p->service);
}
