// SPDX-License-Identifier: GPL-2.0-only
/* bench: every path from every memory, side by side, and what that means. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "applet.h"
#include "bench/compare.h"
#include "bench/crossover.h"
#include "bench/machine.h"
#include "bench/options.h"
#include "bench/server.h"
#include "bench/plan.h"
#include "bench/plot.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "cli/clock.h"
#include "cli/xalloc.h"
#include "cli/opts.h"
#include "cli/signals.h"

static struct bench_options arg;

static const struct poptOption table[] = {
	{ "direction", 0, POPT_ARG_STRING, &arg.direction, 0,
	  "measure the sender (out), the receiver (in), or playing to a device", "out|in|play" },
	{ "mode", 0, POPT_ARG_STRING, &arg.mode, 0, "paths, or ways to receive (all)", "NAME,..." },
	{ "memory", 0, POPT_ARG_STRING, &arg.memory, 0, "memories (all)", "NAME,..." },
	{ "list", 0, POPT_ARG_NONE, &arg.list, 0, "list the names of modes, memories and nets",
	  NULL },
	{ "net", 0, POPT_ARG_STRING, &arg.net, 0, "the network, which bench makes (loopback)",
	  "loopback|veth|blackhole|wire" },
	{ "to", 0, POPT_ARG_STRING, &arg.to, 0,
	  "the other end: zcdma bench --serve, or verify -l; or the device, dev:PATH", "ADDRESS" },
	{ "serve", 0, POPT_ARG_STRING, &arg.serve, 0, "be the other end of benches elsewhere",
	  "ADDRESS" },
	{ "block", 0, POPT_ARG_STRING, &arg.block, 0, "size of a block (1M)", "SIZE" },
	{ "ring", 0, POPT_ARG_STRING, &arg.ring, 0, "size of the ring (more than the cache holds)",
	  "SIZE" },
	{ "streams", 0, POPT_ARG_STRING, &arg.streams, 0, "streams side by side (1)", "N" },
	{ "repeat", 0, POPT_ARG_STRING, &arg.repeat, 0,
	  "runs of each row (3, to 9 where it is not clear)", "N" },
	{ "seconds", 0, POPT_ARG_STRING, &arg.seconds, 0,
	  "of a run (such that all take less than 20 s)", "S" },
	{ "check", 0, POPT_ARG_NONE, &arg.check, 0,
	  "the receiver verifies blocks, each filled anew", NULL },
	{ "cpu", 0, POPT_ARG_STRING, &arg.cpu, 0, "bind the end that is measured to a CPU", "N" },
	{ "congestion", 0, POPT_ARG_STRING, &arg.congestion, 0,
	  "congestion control of the sender (reno)", "NAME" },
	{ "sweep", 0, POPT_ARG_STRING, &arg.sweep, 0, "one row for each size of a block", "block" },
	{ "plot", 0, POPT_ARG_STRING, &arg.plot, 0, "draw a sweep into an SVG file, by gnuplot",
	  "FILE" },
	{ "compare", 0, POPT_ARG_STRING, &arg.compare, 0,
	  "say what changed since the --json document in FILE", "FILE" },
	POPT_TABLEEND,
};

/*
 * Running
 */

/* Check that what arrived is complete and, with --check, right. Returns 0 or an exit status. */
static int check_rows(struct report *r, const struct bench_job *job, const struct bench_rows *rows)
{
	const bool in = job->direction == BENCH_IN;
	const char *joins = in ? " into " : " from ";

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->failed.incomplete)
			return report_error(r, STATUS_INCOMPLETE, NULL, "%s%s%s: %s",
					    bench_mode(row), joins, row->memory, row->failed.error);
		for (unsigned k = 0; job->check && k < row->count; k++) {
			const struct bench_sample *s = &row->sample[k];

			if (!in && s->receiver_cpu_ns >= 0 && !s->checked)
				return report_error(
					r, STATUS_ERROR,
					"start it as zcdma bench --serve=ADDRESS --check",
					"--check: the receiver was not started with --check");
			if (s->checked && !s->correct)
				return report_error(r, STATUS_INCOMPLETE, NULL,
						    "--check: what arrived by %s%s%s is wrong",
						    bench_mode(row), joins, row->memory);
		}
	}
	return STATUS_OK;
}

/* No row ran: the first one's reason is the bench's; but one that holds for all of them comes first. */
static int nothing_ran(struct report *r, const struct bench_job *job, const struct bench_rows *rows)
{
	const struct bench_sample *s = &rows->row[0].failed;
	const char *port;
	char hint[256];

	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].failed.unreachable) {
			s = &rows->row[i].failed;
			break;
		}
	}
	if (!rows->count)
		return report_error(r, STATUS_ERROR, NULL, "nothing to run");
	port = strrchr(job->to, ':') ? strrchr(job->to, ':') + 1 : job->to;
	snprintf(hint, sizeof(hint), "%s", s->hint);
	if (arg.to && s->unreachable && s->rc == -ECONNREFUSED)
		snprintf(hint, sizeof(hint),
			 "nothing listens there; start a receiver: zcdma bench --serve :%.*s",
			 (int)strcspn(port, ","), port);
	return report_system_error(r, STATUS_ERROR, s->rc, hint[0] ? hint : NULL, "%s", s->error);
}

/*
 * A receiver that takes a fixed number of streams, as verify does, may end before the last run. Without --repeat and
 * --seconds the time decides how many runs there are.
 */
static void note_gone(struct report *r, const struct bench_job *job, const struct bench_rows *rows)
{
	unsigned repeats = arg.repeat || arg.seconds ? job->repeats : BENCH_LEAST_REPEATS;
	unsigned gone = 0, other = 0;

	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].failed.rc == -ECONNREFUSED)
			gone++;
		else if (rows->row[i].failed.rc)
			other++;
	}
	if (arg.to && gone && job->direction == BENCH_OUT)
		report_note(
			r,
			"the receiver was gone before the end: zcdma bench --serve takes any number of streams, zcdma verify --listen --streams=%u those of all rows with --repeat=%u",
			(rows->count - other) * (1 + repeats) * job->streams, repeats);
}

/* One that does not tell what it cost may count the streams: it gets those of the table. */
static bool may_cross(const struct bench_job *job, const struct bench_rows *rows)
{
	if (job->direction != BENCH_OUT)
		return false;
	for (unsigned i = 0; arg.to && i < rows->count; i++) {
		if (rows->row[i].count && rows->row[i].sample[0].receiver_cpu_ns < 0)
			return false;
	}
	return !arg.sweep && !signals_stop();
}

/* How many rows a crossing adds to @good ones, if one of them does not copy. */
static unsigned crossing_rows(const struct bench_job *job, unsigned good)
{
	return job->direction != BENCH_OUT || arg.sweep || good < 2 ? 0
								    : 2 * (BENCH_SWEEP_SIZES - 1);
}

/* Compare the best path that does not copy to copying, with other block sizes. */
static void cross(const struct bench_job *job, const struct bench_rows *rows,
		  struct bench_pace *pace, struct bench_rows *crossing)
{
	const struct bench_row *best = may_cross(job, rows) ? bench_best_uncopied(rows) : NULL;

	if (!best)
		return;
	bench_cross_plan(rows, best, job->ring_bytes, crossing);
	bench_rows_try(job, crossing, pace);
	pace->later = 0;
	bench_rows_run(job, crossing, pace, bench_cross_in_doubt);
}

static void note_time(struct report *r, double seconds, unsigned rows)
{
	if (seconds > 60 && !signals_stop())
		report_note(r, "%u rows: at least %.0f minutes", rows, ceil(seconds / 60));
}

static bool any_ran(const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].count)
			return true;
	}
	return false;
}

static int show(struct report *r, const struct bench_job *job, const struct bench_outcome *o)
{
	if (!o->interrupted && !any_ran(o->rows))
		return nothing_ran(r, job, o->rows);
	bench_headline(r, o);
	bench_report_facts(r, job, o->rows, o->net);
	bench_show(r, o);
	bench_verdict(r, o);
	return o->interrupted ? signals_status(false) : check_rows(r, job, o->rows);
}

static int measure(struct report *r, struct bench_job *job, struct bench_rows *rows,
		   const char *net)
{
	struct bench_rows crossing = { 0 };
	struct bench_outcome o = {
		.rows = rows,
		.crossing = arg.sweep ? rows : &crossing,
		.sweep = arg.sweep,
		.net = net,
	};
	struct bench_pace pace = { 0 };
	unsigned good, more;
	int status;

	progress_begin_line(&pace.progress, r, "bench", true);
	bench_rows_limit(job, &pace, rows->count);
	good = bench_rows_try(job, rows, &pace);
	if (!good && !signals_stop()) {
		progress_end(&pace.progress, NULL);
		return nothing_ran(r, job, rows);
	}
	more = crossing_rows(job, good);
	note_time(r, bench_rows_schedule(job, &pace, good, more), good);
	pace.later = more * BENCH_LEAST_REPEATS;
	bench_rows_cut(job, rows, &pace, bench_may_be_best);
	bench_rows_run(job, rows, &pace, bench_may_be_best);
	cross(job, rows, &pace, &crossing);
	progress_end(&pace.progress, NULL);
	note_gone(r, job, rows);
	o.interrupted = signals_stop();
	o.done = pace.done;
	o.planned = pace.planned;
	status = show(r, job, &o);
	free(crossing.row);
	return status;
}

static int run_bench(struct report *r, const struct bench_net *net, struct bench_job *job,
		     struct bench_rows *rows)
{
	const char *where = arg.to ? arg.to : net->name;
	struct bench_compare *old = NULL;
	char to[160];
	int status = STATUS_OK;

	job->to = arg.to ? arg.to : to;
	if (arg.plot)
		status = bench_plot_check(r, arg.sweep, arg.plot);
	if (!status && arg.compare)
		status = bench_compare_load(r, arg.compare, job, rows, where, &old);
	if (!status && !arg.to)
		status = bench_net_enter(net, r, job->check, to, sizeof(to));
	if (!status)
		status = measure(r, job, rows, where);
	if (!status && arg.compare)
		bench_compare_show(r, old, rows);
	if (!status && arg.plot)
		status = bench_plot(r, rows, arg.plot);
	bench_compare_free(old);
	return status;
}

static int plan_in(struct report *r, const struct bench_net *net, struct bench_rows *rows)
{
	if (!net->receives)
		return report_error(r, STATUS_ERROR, "use --net=loopback or --net=veth",
				    "--net %s: nothing arrives there to be received", net->name);
	return bench_plan_in(r, arg.mode ? arg.mode : "all", rows);
}

static int plan(struct report *r, const struct bench_job *job, const struct bench_net *net,
		const uint64_t *block, unsigned blocks, struct bench_rows *rows)
{
	const char *modes = arg.mode ? arg.mode : "all",
		   *memories = arg.memory ? arg.memory : "all";

	if (job->direction == BENCH_IN)
		return plan_in(r, net, rows);
	if (job->direction == BENCH_PLAY)
		return bench_plan_play(r, modes, memories, block, blocks, rows);
	return bench_plan(r, modes, memories, block, blocks, rows);
}

static int bench(struct report *r, struct zcdma_ctx *ctx)
{
	const struct bench_net *net = bench_options_net(&arg, r);
	struct bench_rows rows = { 0 };
	struct bench_job job;
	uint64_t block[BENCH_BLOCKS_MOST];
	unsigned blocks = net ? bench_options_blocks(&arg, r, block) : 0;
	int status;

	if (!blocks || !bench_options_job(&arg, r, block[blocks - 1], &job))
		return STATUS_ERROR;
	status = bench_options_check_to(&arg, r, ctx, net, &job);
	if (!status)
		status = plan(r, &job, net, block, blocks, &rows);
	if (!status)
		status = run_bench(r, net, &job, &rows);
	free(rows.row);
	return status;
}

static int serve(struct report *r, struct zcdma_ctx *ctx)
{
	struct zcdma_addr addr;
	int rc = bench_options_check_serve(&arg, r, ctx, &addr), count;
	int listeners[ZCDMA_LISTEN_MOST];
	char name[128];

	if (rc)
		return rc;
	count = zcdma_listen_all(ctx, &addr, listeners, ZCDMA_LISTEN_MOST);
	if (count < 0)
		return report_ctx_error(r, STATUS_ERROR, ctx, count);
	for (int i = 0; i < count; i++)
		report_listening(r, zcdma_sockname(listeners[i], false, name, sizeof(name)),
				 arg.serve);
	rc = bench_peer_serve(ctx, listeners, (unsigned)count, arg.check);
	return rc ? report_ctx_error(r, STATUS_ERROR, ctx, rc) : signals_status(true);
}

static int bench_or_serve(struct report *r)
{
	struct zcdma_ctx *ctx;
	int rc = zcdma_new(&ctx), status;

	if (rc)
		return report_system_error(r, STATUS_ERROR, rc, NULL, "start: %s", strerror(-rc));
	signals_watch(ctx);
	status = arg.serve ? serve(r, ctx) : bench(r, ctx);
	signals_unwatch(ctx);
	zcdma_free(ctx);
	return status;
}

int bench_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = "[OPTION...]",
		.about =
			"Measures every path from every memory, by turns, and says which one to use here and why.",
		.table = table,
	};
	int status;

	if (!opts_parse(&o, r, argc, argv, &status))
		goto out;
	status = STATUS_OK;
	if (arg.list)
		bench_list(r);
	else if ((arg.to != NULL) + (arg.serve != NULL) + (arg.net != NULL) > 1)
		status = report_error(r, STATUS_ERROR, NULL,
				      "--net, --to and --serve exclude each other");
	else
		status = bench_or_serve(r);
out:
	opts_free(&o);
	return status;
}
