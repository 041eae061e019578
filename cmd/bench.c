// SPDX-License-Identifier: GPL-2.0-only
/* bench: every path from every memory, side by side, and what that means. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applet.h"
#include "bench/compare.h"
#include "bench/crossover.h"
#include "bench/machine.h"
#include "bench/net.h"
#include "bench/server.h"
#include "bench/plan.h"
#include "bench/plot.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "cli/clock.h"
#include "cli/xalloc.h"
#include "cli/cpu.h"
#include "cli/opts.h"
#include "cli/signals.h"

static struct {
	const char *direction, *mode, *memory, *net, *to, *serve, *block, *ring, *repeat, *seconds,
		*streams;
	const char *cpu, *congestion, *sweep, *plot, *compare;
	int check, list;
} arg;

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

static const char *const sweeps[] = { "block", NULL };

/*
 * Options
 */

static bool parse_count(struct report *r, const char *name, const char *text, uint64_t most,
			uint64_t *value)
{
	if (!opts_count(r, name, text, value))
		return false;
	if (*value <= most)
		return true;
	report_error(r, STATUS_ERROR, NULL, "%s %s: at most %u", name, text, (unsigned)most);
	return false;
}

/* Captured data is cold: a ring that the cache holds would flatter whoever copies. */
static uint64_t cold_ring(uint64_t largest_block)
{
	uint64_t cache = 2 * bench_cache_bytes(), least = 64u << 20;

	least = least > 2 * largest_block ? least : 2 * largest_block;
	return cache > least ? cache : least;
}

#define SENDS  (1u << BENCH_OUT)
#define PLAYS  (1u << BENCH_PLAY)
#define BY_NET (1u << BENCH_OUT | 1u << BENCH_IN)

/* Check that no option was given that is of other directions alone. */
static bool check_options(struct report *r, enum bench_direction direction)
{
	const struct {
		const char *name;
		bool given;
		unsigned of;
	} options[] = {
		{ "--memory", arg.memory, SENDS | PLAYS },  { "--block", arg.block, SENDS | PLAYS },
		{ "--ring", arg.ring, SENDS | PLAYS },	    { "--sweep", arg.sweep, SENDS | PLAYS },
		{ "--plot", arg.plot, SENDS | PLAYS },	    { "--streams", arg.streams, BY_NET },
		{ "--congestion", arg.congestion, BY_NET }, { "--check", arg.check, BY_NET },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!options[i].given || options[i].of & 1u << direction)
			continue;
		report_error(r, STATUS_ERROR, "leave it out", "%s is not for --direction=%s",
			     options[i].name, bench_directions[direction]);
		return false;
	}
	return true;
}

static bool parse_job(struct report *r, struct bench_job *job, uint64_t largest_block)
{
	const int direction =
		arg.direction ? opts_choice(r, "--direction", arg.direction, bench_directions) : 0;
	uint64_t streams = 1, repeats = 0;

	if (direction < 0 || !check_options(r, (enum bench_direction)direction))
		return false;

	*job = (struct bench_job){
		.direction = (enum bench_direction)direction,
		.congestion = arg.congestion ? arg.congestion : "reno",
		.ring_bytes = cold_ring(largest_block),
		.check = arg.check,
	};
	if (!opts_size(r, "--ring", arg.ring, &job->ring_bytes) ||
	    !parse_count(r, "--streams", arg.streams, BENCH_STREAMS_MAX, &streams) ||
	    !parse_count(r, "--repeat", arg.repeat, BENCH_REPEATS_MAX, &repeats) ||
	    !opts_seconds(r, "--seconds", arg.seconds, &job->seconds) ||
	    !cpu_parse(r, arg.cpu, &job->cpu))
		return false;
	if (job->ring_bytes / largest_block < 2) {
		report_error(r, STATUS_ERROR, NULL, "--ring %s: too small for two blocks",
			     arg.ring);
		return false;
	}
	job->streams = (unsigned)streams;
	job->repeats = (unsigned)repeats;
	return true;
}

/* Parse the block sizes to measure. Returns their number, or 0 after a usage error. */
static unsigned parse_blocks(struct report *r, uint64_t *block)
{
	const unsigned page = (unsigned)sysconf(_SC_PAGESIZE);
	unsigned count = 0;

	*block = 1 << 20;
	if (!opts_size(r, "--block", arg.block, block))
		return 0;
	if (*block % page) {
		report_error(r, STATUS_ERROR, NULL,
			     "--block %s: not a multiple of the page size, %u", arg.block, page);
		return 0;
	}
	if (!arg.sweep)
		return 1;
	if (opts_choice(r, "--sweep", arg.sweep, sweeps) < 0)
		return 0;
	for (uint64_t size = BENCH_SWEEP_FIRST; size <= BENCH_SWEEP_LAST; size *= 4)
		block[count++] = size;
	return count;
}

static const struct bench_net *choose_net(struct report *r)
{
	const char *names[16] = { NULL };
	int i;

	for (i = 0; i < 15 && bench_net_at((unsigned)i); i++)
		names[i] = bench_net_at((unsigned)i)->name;
	i = arg.net ? opts_choice(r, "--net", arg.net, names) : 0;
	return i < 0 ? NULL : bench_net_at((unsigned)i);
}

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
		status = bench_plot_check(r, arg.sweep);
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

static int check_device(struct report *r)
{
	const struct zcdma_source_type *type = arg.to ? zcdma_source_type_of(arg.to) : NULL;

	if (type && !strcmp(type->name, "dev"))
		return STATUS_OK;
	return report_error(
		r, STATUS_ERROR,
		"name a device that plays: --to=dev:/dev/zcdma1 (modprobe zcdma_sim sinks=1 makes a simulated one)",
		"--direction=play: %s%s", arg.to ? arg.to : "no device was named",
		arg.to ? " is not a device of the driver" : "");
}

/* Check the address before anything is measured. Returns 0, or an exit status after a reported error. */
static int check_to(struct report *r, struct zcdma_ctx *ctx, const struct bench_job *job)
{
	struct zcdma_addr addr = { .udp = false };
	int rc;

	if (job->direction == BENCH_PLAY)
		return check_device(r);
	rc = arg.to ? zcdma_addr_parse(ctx, arg.to, &addr) : 0;
	if (rc)
		return report_ctx_error(r, STATUS_ERROR, ctx, rc);
	if (addr.udp && job->direction == BENCH_IN)
		return report_error(r, STATUS_ERROR, "start it there: zcdma bench --serve :9000",
				    "--to %s: the other end is reached by TCP", arg.to);
	if (addr.congestion[0])
		return report_error(r, STATUS_ERROR,
				    "give it as an option of bench's: --congestion",
				    "--to %s: congestion= is not for bench", arg.to);
	return STATUS_OK;
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
	const struct bench_net *net = choose_net(r);
	struct bench_rows rows = { 0 };
	struct bench_job job;
	uint64_t block[16];
	unsigned blocks = net ? parse_blocks(r, block) : 0;
	int status;

	if (!blocks || !parse_job(r, &job, block[blocks - 1]))
		return STATUS_ERROR;
	status = check_to(r, ctx, &job);
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
	int rc = zcdma_addr_parse(ctx, arg.serve, &addr), count;
	int listeners[ZCDMA_LISTEN_MOST];
	char name[128];

	if (rc)
		return report_ctx_error(r, STATUS_ERROR, ctx, rc);
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
