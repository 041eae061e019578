// SPDX-License-Identifier: GPL-2.0-only
/* capture: read blocks from a source and write them to standard output or to files. */

#include <string.h>

#include "applet.h"
#include "cli/expect.h"
#include "cli/opts.h"
#include "record/outputs.h"
#include "transfer/ending.h"
#include "transfer/handover.h"
#include "transfer/limits.h"
#include "transfer/losses.h"

static struct {
	char **outputs, **manifests; /* ended by NULL, or NULL */
	const char *expect, *split, *keep, *then, *depth, *gaps, *hash, *sigmf, *before, *after,
		*trigger;
	int direct, no_sync;
} arg;

static enum expect expected;
static struct outputs outputs = { .depth = 1 };
static bool ran;

static const struct poptOption table[] = {
	{ "output", 'o', POPT_ARG_ARGV, &arg.outputs, 0,
	  "write to FILE, not to standard output; may be repeated", "FILE" },
	{ "direct", 0, POPT_ARG_NONE, &arg.direct, 0,
	  "write FILE with O_DIRECT, past the page cache", NULL },
	{ "depth", 0, POPT_ARG_STRING, &arg.depth, 0,
	  "with --direct: N writes in flight, by io_uring", "N" },
	{ "manifest", 0, POPT_ARG_ARGV, &arg.manifests, 0,
	  "record hash, length, time of each block in FILE", "FILE" },
	{ "hash", 0, POPT_ARG_STRING, &arg.hash, 0, "with --manifest: which hash (xxh3)",
	  "xxh3|sha256" },
	{ "gaps", 0, POPT_ARG_STRING, &arg.gaps, 0, "write nothing for lost data (skip), or zeros",
	  "skip|zero" },
	{ "sigmf", 0, POPT_ARG_STRING, &arg.sigmf, 0,
	  "write .sigmf-meta beside FILE: type, rate, freq", "KEY=VALUE,..." },
	{ "no-sync", 0, POPT_ARG_NONE, &arg.no_sync, 0, "do not wait until files are on the disk",
	  NULL },
	{ "split", 0, POPT_ARG_STRING, &arg.split, 0,
	  "a new file, %N in its name, after 4G, 60s or 1h", "LIMIT" },
	{ "trigger", 0, POPT_ARG_STRING, &arg.trigger, 0,
	  "write a file of what the ring has when it comes", "signal:USR2" },
	{ "before", 0, POPT_ARG_STRING, &arg.before, 0,
	  "with --trigger: begin TIME, as 2s, before it", "TIME" },
	{ "after", 0, POPT_ARG_STRING, &arg.after, 0, "with --trigger: end TIME after it", "TIME" },
	{ "keep", 0, POPT_ARG_STRING, &arg.keep, 0, "with --split: keep only the last N files",
	  "N" },
	{ "then", 0, POPT_ARG_STRING, &arg.then, 0, "run COMMAND in a shell for each complete file",
	  "COMMAND" },
	{ "expect", 0, POPT_ARG_STRING, &arg.expect, 0,
	  "exit with 1 unless data is complete, or uncopied", "complete|zerocopy" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, fanout_options, 0, NULL, NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, setup_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

/* Check that it is known that nothing was lost. Returns @status if it is, or STATUS_INCOMPLETE after a reported error. */
static int check_lossless(const struct zcdma_source_stats *s, const struct transfer *t,
			  struct report *r, int status)
{
	if (status)
		return status;
	if (s->loss_reason)
		return report_error(r, STATUS_INCOMPLETE, s->loss_hint,
				    "--expect=complete: it is unknown what was lost: %s",
				    s->loss_reason);
	return losses_check(r, t->src, STATUS_OK) ? STATUS_INCOMPLETE : STATUS_OK;
}

/*
 * Judge a run with @status where all of it is asked for: before a manifest gets its end. Returns the exit status.
 */
static int check_complete(const struct transfer *t, struct report *r, int status)
{
	struct zcdma_source_stats s;

	if (expected != EXPECT_COMPLETE || (status && status < 128))
		return status;
	zcdma_source_get_stats(t->src, &s, sizeof(s));
	if (limits_are_reached(t))
		return check_lossless(&s, t, r, status);
	return report_error(r, STATUS_INCOMPLETE, NULL, "--expect=complete: %s before all had come",
			    status	    ? "a signal ended it"
			    : t->time_is_up ? "--seconds ended it"
					    : "the source ended");
}

static int capture(struct report *r, const char *source)
{
	const struct recording_options *options = &outputs.options;
	struct transfer t = { .ctx = NULL };
	struct setup s = {
		.source = source,
		.default_path = "copy",
		/* Which sees to alignment, and writes zeros. */
		.only_path = options->direct || options->gaps ? "copy" : NULL,
		.only_for = options->direct ? "--direct" : "--gaps=zero",
	};
	int status;

	status = outputs_check(&outputs, r);
	if (status)
		return status;
	outputs_get_setup(&outputs, &s);
	status = setup_context(&t, r);
	if (!status)
		status = setup_source(&t, r, &s);
	if (!status && expected == EXPECT_COMPLETE && !t.max_bytes && !t.max_blocks)
		status = report_error(r, STATUS_ERROR, "give --bytes or --blocks",
				      "--expect=complete: nothing says where the data should end");
	if (status)
		goto out;
	status = outputs_open(&outputs, &t, r, &s);
	if (status)
		goto out;
	progress_begin(&t.progress, r, "capture", outputs_want_progress(&outputs));
	status = check_complete(&t, r, setup_run(&t, r));
	limits_note_missed(&t, r, status);
	ran = true;
out:
	status = outputs_end(&outputs, &t, r, status);
	if (ran) {
		outputs_report(&outputs, &t, r);
		if ((!status || status >= 128) && expected == EXPECT_ZEROCOPY &&
		    transfer_check_zerocopy(&t, r))
			status = STATUS_INCOMPLETE;
		status = losses_check(r, t.src, status);
	} else {
		status = ending_before(&t, status);
	}
	outputs_close(&outputs, &t);
	setup_close(&t);
	return status;
}

/* Take the outputs, and keep what goes to standard output apart from the report. Returns false after a usage error. */
static bool choose_outputs(struct report *r)
{
	outputs.options.direct = arg.direct;
	outputs.options.finish.sync = !arg.no_sync;
	outputs.options.finish.command = arg.then;
	outputs.options.splits = arg.split || arg.trigger;
	if (!outputs_add(&outputs, r, (const char *const *)arg.outputs,
			 (const char *const *)arg.manifests))
		return false;
	report_use_stderr(r, outputs_use_stdout(&outputs));
	return true;
}

static bool parse_depth(struct report *r)
{
	if (!opts_count(r, "--depth", arg.depth, &outputs.depth))
		return false;
	if (arg.depth && !arg.direct)
		return report_error(r, STATUS_ERROR, "add --direct",
				    "--depth: the page cache is written to at once") == STATUS_OK;
	if (outputs.depth > ZCDMA_DEPTH_MOST)
		return report_error(r, STATUS_ERROR, NULL, "--depth %s: at most %u", arg.depth,
				    ZCDMA_DEPTH_MOST) == STATUS_OK;
	return true;
}

/* Parse what is one of several words. */
static bool parse_choices(struct report *r)
{
	static const char *const gap_names[] = { "skip", "zero", NULL }; /* enum zcdma_gaps */
	static const char *const hashes[] = { "xxh3", "sha256", NULL };
	int gap = arg.gaps ? opts_choice(r, "--gaps", arg.gaps, gap_names) : 0;

	if (gap < 0 || (arg.hash && opts_choice(r, "--hash", arg.hash, hashes) < 0))
		return false;
	outputs.options.gaps = (enum zcdma_gaps)gap;
	outputs.options.hash = arg.hash;
	if (arg.hash && !arg.manifests)
		return report_error(r, STATUS_ERROR, "add --manifest FILE",
				    "--hash: it is for a manifest") == STATUS_OK;
	return true;
}

static bool parse_values(struct report *r)
{
	return expect_parse(r, "capture", arg.expect, &expected) &&
	       split_parse(r, arg.split, &outputs.options.split) &&
	       opts_count(r, "--keep", arg.keep, &outputs.options.finish.keep) && parse_depth(r) &&
	       parse_choices(r) && sigmf_parse(r, arg.sigmf, &outputs.options.sigmf) &&
	       trigger_parse(r, arg.before, arg.after, arg.trigger, &outputs.trigger) &&
	       fanout_parse(&outputs.several, r, outputs.count, "output") == STATUS_OK;
}

/* Returns whether the outputs, as far as they are parsed, include standard output, whose reader may wait for a writer. */
static bool writes_to_stdout(void)
{
	bool any = !arg.outputs;

	for (char **name = arg.outputs; name && *name; name++)
		any |= !strcmp(*name, "-") || record_is_stdout(*name);
	return any;
}

int capture_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = "[OPTION...] [SOURCE]",
		.about =
			"Writes the blocks of SOURCE to standard output or to files. SOURCE is " SOURCES_HELP
			" or -; the default is dev: where /dev/zcdma0 exists, else sim:.",
		.table = table,
		.max_args = 1,
	};
	int status;

	report_use_stderr(r, true); /* until it is known where the data goes */
	if (opts_parse(&o, r, argc, argv, &status))
		status =
			choose_outputs(r) && parse_values(r) ? capture(r, o.args[0]) : STATUS_ERROR;
	if (!ran && status && status < 128 && writes_to_stdout())
		handover_fail();
	opts_free(&o);
	return status;
}
