// SPDX-License-Identifier: GPL-2.0-only
/* Figures of a run while it goes on, at intervals. */
#include "cli/live.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/metrics.h"
#include "cli/opts.h"
#include "cli/place.h"
#include "cli/report_text.h"
#include "cli/report_value.h"
#include "cli/status.h"
#include "cli/xalloc.h"

#define METRICS_SECONDS 1.0 /* where --interval does not say */

static struct {
	const char *interval, *metrics;
	double seconds;
} arg;

struct poptOption live_options[] = {
	{ "interval", 0, POPT_ARG_STRING, &arg.interval, 0,
	  "print a line of figures, or of JSON, that often", "SECONDS" },
	{ "metrics", 0, POPT_ARG_STRING, &arg.metrics, 0,
	  "write OpenMetrics to FILE each --interval (1)", "FILE" },
	POPT_TABLEEND,
};

/* What an interval brought. */
struct change {
	double seconds; /* since the run began */
	double rate;	/* bytes per second; not finite: unknown */
	double cpu;	/* processors that this process used */
	uint64_t p50_ns, p99_ns;
	uint64_t retransmitted;
	const char *limit; /* or NULL */
};

const char *live_file(void)
{
	return arg.metrics;
}

bool live_check(struct report *r, const char *hint)
{
	int rc = arg.metrics ? metrics_check(arg.metrics) : 0;
	char found[512];

	if (rc == -EEXIST) {
		report_error(r, STATUS_ERROR, "name another file",
			     "--metrics %s: what is there is not a file of metrics", arg.metrics);
		return false;
	}
	if (rc && !hint) {
		place_hint(arg.metrics, -rc, found, sizeof(found));
		hint = *found ? found : NULL;
	}
	if (rc)
		report_system_error(r, STATUS_ERROR, rc, hint, "write %s: %s", arg.metrics,
				    strerror(-rc));
	return !rc;
}

bool live_parse(struct report *r)
{
	arg.seconds = arg.metrics ? METRICS_SECONDS : 0;
	if (!opts_seconds(r, "--interval", arg.interval, &arg.seconds))
		return false;
	if (arg.interval && arg.seconds < 0.01) {
		report_error(r, STATUS_ERROR, NULL, "--interval %s: must be at least 0.01",
			     arg.interval);
		return false;
	}
	if (arg.interval)
		report_use_lines(r);
	return live_check(r, NULL);
}

void live_begin(struct live *live, struct report *r, const char *applet)
{
	*live = (struct live){
		.report = r,
		.applet = applet,
		.every_ns = (uint64_t)(arg.seconds * 1e9),
	};
	if (!live->every_ns)
		return;
	live->last_latency = xalloc(calloc(1, sizeof(*live->last_latency)));
	live_restart(live);
}

void live_restart(struct live *live)
{
	live->start_ns = live->last_ns = now_ns();
	live->next_ns = live->start_ns + live->every_ns;
	live->last_cpu = cpu_seconds(RUSAGE_SELF);
}

bool live_has_lines(void)
{
	return arg.interval;
}

/* Check whether the file of metrics does not say yet that the run goes on. */
static bool must_announce(const struct live *live)
{
	return arg.metrics && live->every_ns && !live->announced;
}

int live_timeout(const struct live *live)
{
	if (must_announce(live))
		return 0;
	return live->every_ns ? ms_until(live->next_ns) : -1;
}

/* Set the latencies of the blocks of this interval alone, and keep what there is now for the next one. */
static void compare_latency(struct live *live, const struct zcdma_hist *now, struct change *c)
{
	static struct zcdma_hist since; /* it is large */
	struct zcdma_hist *last = live->last_latency;

	c->p50_ns = c->p99_ns = REPORT_UNKNOWN;
	if (!now || now->count <= last->count)
		return;
	since.count = now->count - last->count;
	since.max = now->max;
	for (size_t i = 0; i < ZCDMA_HIST_BUCKETS; i++)
		since.bucket[i] = now->bucket[i] - last->bucket[i];
	c->p50_ns = zcdma_hist_quantile(&since, 0.5);
	c->p99_ns = zcdma_hist_quantile(&since, 0.99);
	*last = *now;
}

static struct change compare(struct live *live, const struct figures *now)
{
	const uint64_t t = now_ns();
	const double seconds = (double)(t - live->last_ns) / 1e9, cpu = cpu_seconds(RUSAGE_SELF);
	struct change c = {
		.seconds = (double)(t - live->start_ns) / 1e9,
		.rate = seconds > 0 ? (double)figures_since(now->bytes, live->last_bytes) / seconds
				    : NAN,
		.cpu = seconds > 0 ? (cpu - live->last_cpu) / seconds : NAN,
	};

	compare_latency(live, now->latency, &c);
	if (now->tcp) {
		if (tcp_state_is_another(&live->last_tcp, now->tcp))
			live->last_tcp = (struct tcp_state){ 0 };
		c.retransmitted = now->tcp->retransmitted - live->last_tcp.retransmitted;
		c.limit = tcp_state_limit(&live->last_tcp, now->tcp, (t - live->last_ns) / 1000);
		live->last_tcp = *now->tcp;
	}
	live->last_bytes = now->bytes;
	live->last_ns = t;
	live->last_cpu = cpu;
	return c;
}

static json_t *tcp_object(const struct tcp_state *tcp, const struct change *c)
{
	json_t *object;

	if (!tcp)
		return json_null();
	object = xalloc(json_object());
	json_object_set_new(object, "retransmitted_segments", value_count(c->retransmitted));
	json_object_set_new(object, "rtt_us", value_count(tcp->rtt_us));
	json_object_set_new(object, "cwnd_segments", value_count(tcp->cwnd));
	json_object_set_new(object, "limited_by", value_text(c->limit));
	return object;
}

/* Not of a run of which only the bytes are known. */
static json_t *of_sends(const struct figures *now, uint64_t value)
{
	return value_known(now->sends ? value : REPORT_UNKNOWN);
}

static void print_object(const struct live *live, const struct figures *now, const struct change *c)
{
	json_t *line = xalloc(json_object());

	json_object_set_new(line, "applet", value_text(live->applet));
	json_object_set_new(line, "seconds", value_number(c->seconds));
	json_object_set_new(line, "bytes", value_count(now->bytes));
	json_object_set_new(line, "bytes_per_second", value_number(c->rate));
	json_object_set_new(line, "blocks", of_sends(now, now->blocks));
	json_object_set_new(line, "overruns", of_sends(now, now->overruns));
	json_object_set_new(line, "lost_bytes", of_sends(now, now->lost_bytes));
	json_object_set_new(line, "in_flight_blocks", of_sends(now, now->in_flight));
	json_object_set_new(line, "device_to_sent_p50_ns", value_known(c->p50_ns));
	json_object_set_new(line, "device_to_sent_p99_ns", value_known(c->p99_ns));
	json_object_set_new(line, "cpu", value_number(c->cpu));
	json_object_set_new(line, "tcp", tcp_object(now->tcp, c));
	report_print_object(live->report, line);
	json_decref(line);
}

static void print_text(const struct live *live, const struct figures *now, const struct change *c)
{
	char bytes[32], rate[32], p50[32], p99[32], lost[32];
	FILE *f = stderr;

	flockfile(f);
	fprintf(f, "zcdma %s: %.1f s, %s, %s, cpu %.2f", live->applet, c->seconds,
		zcdma_size_format(now->bytes, bytes, sizeof(bytes)),
		text_rate(c->rate, rate, sizeof(rate)), c->cpu);
	if (now->sends)
		fprintf(f, ", in flight %" PRIu64 ", lost %s", now->in_flight,
			text_size(now->lost_bytes, lost, sizeof(lost)));
	if (c->p50_ns != REPORT_UNKNOWN)
		fprintf(f, ", waited p50 %s, p99 %s", text_latency(c->p50_ns, p50, sizeof(p50)),
			text_latency(c->p99_ns, p99, sizeof(p99)));
	if (now->tcp)
		fprintf(f, ", retransmitted %" PRIu64 ", rtt %u us, cwnd %u, limited by the %s",
			c->retransmitted, now->tcp->rtt_us, now->tcp->cwnd, c->limit);
	fputc('\n', f);
	fflush(f);
	funlockfile(f);
}

/* Add the segments of the connections before it to @tcp, whose kernel counts from 0. */
static void add_earlier(struct live *live, struct tcp_state *tcp)
{
	if (tcp_state_is_another(&live->metrics_tcp, tcp))
		live->earlier_retransmitted += live->metrics_tcp.retransmitted;
	live->metrics_tcp = *tcp;
	tcp->retransmitted += live->earlier_retransmitted;
}

/* A disk that fills up need not end a run: say it once, and go on. */
static void write_metrics(struct live *live, const struct figures *now, bool running)
{
	struct figures metrics;
	struct tcp_state tcp;
	int rc;

	if (!arg.metrics)
		return;
	metrics = *now;
	/* What a reader had not taken as it left is taken back. */
	if (now->bytes > live->most_bytes)
		live->most_bytes = now->bytes;
	metrics.bytes = live->most_bytes;
	if (now->tcp) {
		tcp = *now->tcp;
		add_earlier(live, &tcp);
		metrics.tcp = &tcp;
	}
	rc = metrics_write(arg.metrics, live->applet, &metrics, running);
	if (rc && !live->failed)
		report_warn(live->report, "write %s: %s; the run goes on", arg.metrics,
			    strerror(-rc));
	live->failed = rc;
}

void live_show(struct live *live, const struct figures *now)
{
	struct change c;

	if (live_timeout(live))
		return;
	if (must_announce(live)) {
		live->announced = true;
		write_metrics(live, now, true);
		return;
	}
	c = compare(live, now);
	if (arg.interval && report_is_json(live->report))
		print_object(live, now, &c);
	else if (arg.interval && !report_is_quiet(live->report))
		print_text(live, now, &c);
	write_metrics(live, now, true);
	/* By the clock, so that they stay a second apart, but none is made up for. */
	do
		live->next_ns += live->every_ns;
	while (live->next_ns <= now_ns());
}

void live_end(struct live *live, const struct figures *now)
{
	if (!live->every_ns)
		return;
	write_metrics(live, now, false);
	free(live->last_latency);
	live->every_ns = 0;
}
