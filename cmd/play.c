// SPDX-License-Identifier: GPL-2.0-only
/* play: the mirror of capture: blocks of a source to a device that plays. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "applet.h"
#include "cli/expect.h"
#include "cli/opts.h"
#include "cli/signals.h"
#include "transfer/ending.h"
#include "transfer/limits.h"
#include "transfer/losses.h"
#include "transfer/setup.h"

static struct {
	const char *underrun, *expect;
	int loop, direct;
} arg;

static const char *const underruns[] = { "count", "stop", "zero", NULL }; /* enum zcdma_underrun */

static const struct poptOption table[] = {
	{ "loop", 0, POPT_ARG_NONE, &arg.loop, 0,
	  "begin SOURCE anew where it ends; what fits into the ring is kept there", NULL },
	{ "underrun", 0, POPT_ARG_STRING, &arg.underrun, 0,
	  "where the device needs data and none has come: count it (the default), stop, or queue zeros while there is time",
	  "count|stop|zero" },
	{ "direct", 0, POPT_ARG_NONE, &arg.direct, 0,
	  "read file:PATH with O_DIRECT, past the page cache", NULL },
	{ "expect", 0, POPT_ARG_STRING, &arg.expect, 0, "exit with 1 unless nothing was copied",
	  "zerocopy" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, setup_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

struct play {
	const char *device;
	enum zcdma_underrun underrun;
	enum expect expect;
	struct setup setup;
};

static void report_underruns(const struct zcdma_path_stats *s, struct report *r)
{
	report_line(r, "underruns", NULL);
	report_count(r, "underruns", s->underruns,
		     " blocks that the device needed and did not have, ");
	report_bytes(r, "underrun_bytes", s->underrun_bytes, "");
	report_line(r, s->zero_bytes ? "zeros" : NULL, NULL);
	report_bytes(r, "zero_bytes", s->zero_bytes, " were queued where no data had come");
	report_line(r, s->padded_bytes ? "padded" : NULL, NULL);
	report_bytes(r, "padded_bytes", s->padded_bytes,
		     " of zeros after the end, as the device takes no such length");
	report_line(r, s->failed_blocks ? "failed" : NULL, NULL);
	report_count(r, "failed_blocks", s->failed_blocks,
		     " blocks that the device could not play");
}

/* Report each kind of copy on its way into the ring. */
static void report_ways(const struct transfer *t, const struct zcdma_path_stats *s,
			struct report *r)
{
	struct zcdma_source_stats src;

	zcdma_source_get_stats(t->src, &src, sizeof(src));
	report_line(r, src.kernel_copied_bytes ? "read" : NULL, NULL);
	report_bytes(r, "read_bytes", src.kernel_copied_bytes,
		     " copied by the kernel, as they were read or received");
	report_line(r, s->gathered_bytes ? "moved" : NULL, NULL);
	report_bytes(r, "gathered_bytes", s->gathered_bytes,
		     " copied by user space into the device's ring");
}

static void report_played(const struct transfer *t, const struct play *p, struct report *r)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(t->path, &s, sizeof(s));
	report_line(r, "played", NULL);
	report_bytes(r, "played_bytes", s.played_bytes, " to ");
	report_text(r, "to", p->device, " in ");
	report_seconds(r, "elapsed_seconds", t->seconds, ", ");
	report_rate(r, "bytes_per_second", s.played_bytes, t->seconds, "");
	report_line(r, s.bytes != s.played_bytes ? "dropped" : NULL, NULL);
	report_bytes(r, "dropped_bytes", s.bytes - s.played_bytes, " of ");
	report_bytes(r, "queued_bytes", s.bytes,
		     " that were queued, and that the device did not play");
	/* The driver has the blocks of what is spliced, and does not say. */
	report_line(r, s.queued_mean_ns == ZCDMA_UNKNOWN ? NULL : "queued", "mean ");
	report_nanoseconds(r, "queued_mean_ns", s.queued_mean_ns, ", worst ");
	report_nanoseconds(r, "queued_max_ns", s.queued_max_ns,
			   " from queueing a block until it was played");
	report_line(r, NULL, NULL);
	report_count(r, "calls", s.calls, "");
	report_underruns(&s, r);
	report_ways(t, &s, r);
	transfer_report_source(t, r);
}

/* Check that the source had what was asked for. Returns 0, or an exit status after a reported error. */
static int check_end(const struct transfer *t, struct report *r)
{
	char text[128];

	if (!limits_are_missed(t, text, sizeof(text)))
		return STATUS_OK;
	return report_error(r, STATUS_INCOMPLETE, "with --loop it begins anew", "%s", text);
}

static int check_underruns(const struct transfer *t, struct report *r, int status)
{
	static const char hint[] =
		"a larger ring (blocks=N) bridges longer delays; --underrun=zero queues zeros in time";
	struct zcdma_path_stats s;

	zcdma_path_get_stats(t->path, &s, sizeof(s));
	if (!s.underruns || s.underruns == ZCDMA_UNKNOWN || (status && status < 128))
		return status;
	if (!status)
		return report_error(r, STATUS_LOST, hint,
				    "underruns: the device had nothing to play %" PRIu64 " times",
				    s.underruns);
	report_note(r, "underruns: the device had nothing to play %" PRIu64 " times", s.underruns);
	return status;
}

static int open_all(struct transfer *t, struct report *r, const struct play *p)
{
	int status = setup_context(t, r);

	if (!status)
		status = setup_source(t, r, &p->setup);
	if (!status)
		status = setup_path_to_device(t, r, p->device);
	if (!status && zcdma_path_set_underrun(t->path, p->underrun))
		status = report_ctx_error(r, STATUS_ERROR, t->ctx, -EINVAL);
	return status;
}

static int play(struct report *r, const struct play *p)
{
	struct transfer t = { .waits_for = "the device to play what is queued" };
	int status = open_all(&t, r, p);

	if (status) {
		status = ending_before(&t, status);
		goto out;
	}
	progress_begin(&t.progress, r, "play", true);
	status = setup_run(&t, r);
	if (!status)
		status = check_end(&t, r);
	if ((!status || status >= 128) && p->expect == EXPECT_ZEROCOPY &&
	    transfer_check_zerocopy(&t, r))
		status = STATUS_INCOMPLETE;
	status = check_underruns(&t, r, status);
	report_played(&t, p, r);
	status = losses_check(r, t.src, status);
out:
	setup_close(&t);
	return status;
}

/* Returns false after a reported usage error. */
static bool check_device(struct report *r, const char *device)
{
	const struct zcdma_source_type *type = zcdma_source_type_of(device);

	if (type && !strcmp(type->name, "dev"))
		return true;
	report_error(r, STATUS_ERROR, "name a device first: zcdma play dev:/dev/zcdma1 file:PATH",
		     "play to %s: it is not a device of the driver, dev:[PATH,OPTIONS]",
		     opts_word(device));
	return false;
}

/* Check that an option that was @given is for the kind of @source, or standard input. Returns false after a usage error. */
static bool check_source(struct report *r, const char *source, bool given, const char *option,
			 bool takes_stdin)
{
	const struct zcdma_source_type *type = zcdma_source_type_of(source ? source : "-");

	/* An unknown kind is an error of its own. */
	if (!given || !type || !strcmp(type->name, "file") ||
	    (takes_stdin && !strcmp(type->name, "pipe")))
		return true;
	report_error(r, STATUS_ERROR, "leave it out", "%s is for file:PATH%s, and the source is %s",
		     option, takes_stdin ? " and -" : "", source ? source : "standard input");
	return false;
}

static bool parse_values(struct report *r, struct play *p)
{
	int choice = arg.underrun ? opts_choice(r, "--underrun", arg.underrun, underruns) : 0;

	if (choice < 0)
		return false;
	p->underrun = (enum zcdma_underrun)choice;
	if (p->underrun == ZCDMA_UNDERRUN_ZERO) {
		p->setup.default_path = "copy";
		p->setup.fills_blocks = "--underrun=zero";
	}
	p->setup.repeats = arg.loop;
	p->setup.reads_directly = arg.direct;
	return expect_parse(r, "play", arg.expect, &p->expect) && check_device(r, p->device) &&
	       check_source(r, p->setup.source, arg.loop, "--loop", true) &&
	       check_source(r, p->setup.source, arg.direct, "--direct", false);
}

int play_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = "[OPTION...] DEVICE [SOURCE]",
		.about =
			"Plays SOURCE to DEVICE, which is dev:[PATH,OPTIONS] and an output device. SOURCE is " SOURCES_HELP
			" or - (standard input, also the default where something is piped in).",
		.table = table,
		.min_args = 1,
		.max_args = 2,
	};
	struct play p = {
		.setup = { .stdin_is_default = true, .to_device = true },
	};
	int status;

	if (opts_parse(&o, r, argc, argv, &status)) {
		p.device = o.args[0];
		p.setup.source = o.args[1];
		status = parse_values(r, &p) ? play(r, &p) : STATUS_ERROR;
	}
	opts_free(&o);
	return status;
}
