// SPDX-License-Identifier: GPL-2.0-only
/* capture: read blocks from a source and write them to stdout or a file. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applet.h"
#include "cli/expect.h"
#include "cli/opts.h"
#include "cli/signals.h"
#include "record/recording.h"
#include "transfer/handover.h"
#include "transfer/losses.h"
#include "transfer/setup.h"

static struct {
	const char *output, *manifest, *expect, *split, *keep, *then, *depth, *gaps, *hash, *sigmf,
		*before, *after, *trigger;
	int direct, no_sync;
} arg;

static enum expect expected;
static uint64_t depth = 1; /* writes in flight */

static struct recording recording = { .fd = -1 };
static bool ran;

static const struct poptOption table[] = {
	{ "output", 'o', POPT_ARG_STRING, &arg.output, 0,
	  "write to FILE instead of standard output", "FILE" },
	{ "direct", 0, POPT_ARG_NONE, &arg.direct, 0,
	  "write FILE with O_DIRECT, past the page cache", NULL },
	{ "depth", 0, POPT_ARG_STRING, &arg.depth, 0,
	  "with --direct: N writes in flight, by io_uring", "N" },
	{ "manifest", 0, POPT_ARG_STRING, &arg.manifest, 0,
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
	{ "before", 0, POPT_ARG_STRING, &arg.before, 0, "with --trigger: begin TIME before it (2s)",
	  "TIME" },
	{ "after", 0, POPT_ARG_STRING, &arg.after, 0, "with --trigger: end TIME after it", "TIME" },
	{ "keep", 0, POPT_ARG_STRING, &arg.keep, 0, "with --split: keep only the last N files",
	  "N" },
	{ "then", 0, POPT_ARG_STRING, &arg.then, 0, "run COMMAND in a shell for each complete file",
	  "COMMAND" },
	{ "expect", 0, POPT_ARG_STRING, &arg.expect, 0,
	  "exit with 1 unless data is complete, or uncopied", "complete|zerocopy" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, setup_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

static void report_files(struct report *r)
{
	const struct finish_totals *totals = &recording.totals;
	const bool split = recording_is_split(&recording);

	report_line(r, split && totals->files ? "files" : NULL, NULL);
	report_count(r, "files", totals->files, ", the last one ");
	report_text(r, "last_file", *recording.last ? recording.last : NULL, "");
	report_line(r, recording.trigger.on ? "events" : NULL, NULL);
	report_count(r, "events", recording.trigger.events, " times that the trigger came");
	report_line(r, recording.finish.keep ? "removed" : NULL, NULL);
	report_count(r, "removed_files", totals->removed, " files of this run, to keep the last ");
	report_count(r, "keep_files",
		     recording.finish.keep ? recording.finish.keep : REPORT_UNKNOWN, "");
	report_line(r, recording.finish.command ? "then" : NULL, NULL);
	report_count(r, "commands", totals->commands, " commands ended, ");
	report_count(r, "failed_commands", totals->failed, " of them failed");
}

static void report_capture(const struct transfer *t, struct report *r)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(t->path, &s, sizeof(s));
	report_line(r, strcmp(t->path_type->name, "null") ? "captured" : "discarded", NULL);
	report_bytes(r, "captured_bytes", s.bytes, " to ");
	report_text(r, "to", recording.output ? recording.output : "standard output", " in ");
	report_seconds(r, "elapsed_seconds", t->seconds, ", ");
	report_rate(r, "bytes_per_second", s.bytes, t->seconds, "");
	report_line(r, "path", NULL);
	report_text(r, "path", zcdma_path_get_type(t->path)->name, ", ");
	report_count(r, "calls", s.calls, " system calls");
	report_files(r);
	report_line(r, recording.direct ? "direct" : NULL, NULL);
	report_bytes(r, "direct_bytes", s.direct_bytes, " past the page cache, ");
	report_count(r, "depth", recording.direct ? depth : REPORT_UNKNOWN,
		     " writes at a time at most; ");
	report_bytes(r, "gathered_bytes", s.gathered_bytes,
		     " came in odd lengths and were gathered");
	report_line(r, recording.gaps ? "filled" : NULL, NULL);
	report_bytes(r, "filled_bytes", s.filled_bytes, " of zeros where data was lost, ");
	report_count(r, "unfilled_gaps", s.unfilled_gaps, " places of unknown length left out");
	report_line(r, recording.manifest ? "manifest" : NULL, NULL);
	report_text(r, "manifest", recording.manifest, "");
	report_line(r, recording.totals.synced ? "synced" : NULL, NULL);
	report_flag(r, "synced", recording.totals.synced, ", in ");
	report_seconds(r, "sync_seconds", recording.totals.sync_seconds, "");
	transfer_report_source(t, r);
}

/* In a pipeline, the next program shows its own progress on the same terminal. */
static bool wants_progress(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && !S_ISFIFO(st.st_mode);
}

static int begin(struct transfer *t)
{
	return recording_begin(&recording, t);
}

static int block(struct transfer *t, const struct zcdma_block *b)
{
	return recording_block(&recording, t, b);
}

static void watch(struct transfer *t)
{
	recording_watch(&recording, t);
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
	if (s.bytes >= t->max_bytes && s.blocks >= t->max_blocks)
		return status;
	return report_error(r, STATUS_INCOMPLETE, NULL,
			    "--expect=complete: the source ended before all had come");
}

/* Have several writes in flight where that is asked for and possible. Returns 0, or an exit status after a reported error. */
static int set_depth(struct transfer *t, struct report *r)
{
	int rc;

	if (depth < 2)
		return STATUS_OK;
	rc = zcdma_path_set_depth(t->path, (unsigned)depth);
	if (rc == -EINVAL)
		return report_ctx_error(r, STATUS_ERROR, t->ctx, rc);
	if (rc)
		report_warn(r, "--depth: one write at a time: %s", zcdma_error(t->ctx));
	depth = rc ? 1 : depth;
	return STATUS_OK;
}

static int capture(struct report *r, const char *source)
{
	struct transfer t = { .ctx = NULL };
	struct setup s = {
		.source = source,
		.default_path = "copy",
		.to_stdout = !recording.output,
		.to_file = recording_is_file(&recording),
		.reads_data = recording.manifest,
		.splits = recording_is_split(&recording),
		/* Which sees to alignment, and writes zeros. */
		.only_path = recording.direct || recording.gaps ? "copy" : NULL,
		.only_for = recording.direct ? "--direct" : "--gaps=zero",
	};
	int status;

	status = recording_check(&recording, r);
	if (status)
		return status;
	t.begin = begin;
	t.block = block;
	t.watch = watch;
	status = setup_context(&t, r);
	if (!status)
		status = setup_source(&t, r, &s);
	if (!status && expected == EXPECT_COMPLETE && !t.max_bytes && !t.max_blocks)
		status = report_error(r, STATUS_ERROR, "give --bytes or --blocks",
				      "--expect=complete: nothing says where the data should end");
	if (status)
		goto out;
	status = recording_open(&recording, &t, r);
	if (status)
		goto out;
	status = setup_path(&t, r, recording.fd, ZCDMA_FALLBACK_COPY);
	if (status)
		goto out;
	status = set_depth(&t, r);
	if (!status && recording.gaps && zcdma_path_set_gaps(t.path, recording.gaps))
		status = report_ctx_error(r, STATUS_ERROR, t.ctx, -EINVAL);
	if (status)
		goto out;
	progress_begin(&t.progress, r, "capture", wants_progress(recording.fd));
	status = check_complete(&t, r, setup_run(&t, r));
	ran = true;
out:
	status = recording_end(&recording, &t, r, status);
	if (ran) {
		report_capture(&t, r);
		status = losses_check(r, t.src, status);
		if (!status && expected == EXPECT_ZEROCOPY)
			status = transfer_check_zerocopy(&t, r);
		if (status == STATUS_LOST && expected == EXPECT_COMPLETE)
			status = STATUS_INCOMPLETE;
	}
	setup_close(&t);
	return status;
}

/* Standard output has several names, and what goes there is not mixed with the report. */
static void choose_outputs(struct report *r)
{
	bool named = arg.output && strcmp(arg.output, "-");
	bool shared = named && record_is_stdout(arg.output);

	recording.direct = arg.direct;
	recording.finish.sync = !arg.no_sync;
	recording.finish.command = arg.then;
	/* O_DIRECT is not set on what others write to as well. */
	recording.output = named && (arg.direct || !shared) ? arg.output : NULL;
	recording.manifest =
		arg.manifest && !strcmp(arg.manifest, "-") ? "/dev/stdout" : arg.manifest;
	report_use_stderr(r, !recording.output || shared ||
				     (recording.manifest && record_is_stdout(recording.manifest)));
}

static bool parse_depth(struct report *r)
{
	if (!opts_count(r, "--depth", arg.depth, &depth))
		return false;
	if (arg.depth && !arg.direct)
		return report_error(r, STATUS_ERROR, "add --direct",
				    "--depth: the page cache is written to at once") == STATUS_OK;
	if (depth > ZCDMA_DEPTH_MOST)
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
	recording.gaps = (enum zcdma_gaps)gap;
	recording.hash = arg.hash;
	if (arg.hash && !arg.manifest)
		return report_error(r, STATUS_ERROR, "add --manifest FILE",
				    "--hash: it is for a manifest") == STATUS_OK;
	return true;
}

static bool parse_values(struct report *r)
{
	return expect_parse(r, "capture", arg.expect, &expected) &&
	       split_parse(r, arg.split, &recording.split) &&
	       opts_count(r, "--keep", arg.keep, &recording.finish.keep) && parse_depth(r) &&
	       parse_choices(r) && sigmf_parse(r, arg.sigmf, &recording.sigmf) &&
	       trigger_parse(r, arg.before, arg.after, arg.trigger, &recording.trigger);
}

int capture_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = "[OPTION...] [SOURCE]",
		.about =
			"Writes the blocks of SOURCE to standard output or to a file. SOURCE is " SOURCES_HELP
			" or -; the default is dev: where /dev/zcdma0 exists, else sim:.",
		.table = table,
		.max_args = 1,
	};
	int status;

	report_use_stderr(r, true); /* until it is known where the data goes */
	if (opts_parse(&o, r, argc, argv, &status)) {
		choose_outputs(r);
		status = parse_values(r) ? capture(r, o.args[0]) : STATUS_ERROR;
	}
	if (!ran && status && status < 128 && !arg.output)
		handover_fail();
	opts_free(&o);
	return status;
}
