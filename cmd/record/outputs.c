// SPDX-License-Identifier: GPL-2.0-only
/* The outputs of a capture, of which each gets every block; and the events that are recorded. */
#include "record/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "record/name.h"
#include "cli/report_value.h"

/* How late a block of an event may come. */
#define LATE_NS 250000000u

/* What the callbacks of a transfer work on: there is one capture in a process. */
static struct outputs *current;

/*
 * Options
 */

static const char *name_of(const struct recording *rec)
{
	return rec->output ? rec->output : "standard output";
}

/* Standard output has several names. */
static const char *output_name(const struct outputs *o, const char *given)
{
	const bool named = given && strcmp(given, "-");

	/* O_DIRECT is not set on what others write to as well: its name is opened anew. */
	return named && (o->options.direct || !record_is_stdout(given)) ? given : NULL;
}

static const char *manifest_name(const char *given)
{
	return given && !strcmp(given, "-") ? "/dev/stdout" : given;
}

static bool add(struct outputs *o, struct report *r, const char *output, const char *manifest)
{
	if (o->count == FANOUT_MOST)
		return report_error(r, STATUS_ERROR, NULL, "-o %s: at most %u are possible", output,
				    FANOUT_MOST) == STATUS_OK;
	recording_init(&o->output[o->count++], &o->options, output_name(o, output),
		       manifest_name(manifest));
	return true;
}

bool outputs_add(struct outputs *o, struct report *r, const char *const outputs[],
		 const char *const manifests[])
{
	static const char *const none[] = { NULL }, *const standard_output[] = { "-", NULL };
	const char *const *manifest = manifests ? manifests : none;

	if (!outputs)
		outputs = standard_output;
	for (; *outputs; outputs++) {
		if (!add(o, r, *outputs, *manifest))
			return false;
		manifest += *manifest != NULL;
	}
	if (!*manifest)
		return true;
	report_error(r, STATUS_ERROR, "the first --manifest is for the first -o, and so on",
		     "--manifest %s: there is no -o for it", *manifest);
	return false;
}

bool outputs_use_stdout(const struct outputs *o)
{
	for (unsigned i = 0; i < o->count; i++) {
		const struct recording *rec = &o->output[i];

		if (!rec->output || record_is_stdout(rec->output) ||
		    (rec->manifest && record_is_stdout(rec->manifest)))
			return true;
	}
	return false;
}

static const char *split_option(const struct outputs *o)
{
	return o->trigger.on ? "--trigger" : "--split";
}

/* Check one name where files are split. */
static int check_number(const struct outputs *o, struct report *r, const char *option,
			const char *pattern)
{
	if (!pattern || name_has_number(pattern))
		return STATUS_OK;
	return report_error(r, STATUS_ERROR, "put %N into the name, as in run-%N.bin",
			    "%s %s: %s needs a place for the number of a file in it", option,
			    pattern, split_option(o));
}

/* Check that what is split has names for that: one output at least, with a trigger each, and their manifests. */
static int check_split(const struct outputs *o, struct report *r)
{
	const struct recording *rec = NULL;
	unsigned split = 0;
	int status = STATUS_OK;

	for (unsigned i = 0; !status && i < o->count; i++) {
		split += o->output[i].is_split;
		if (o->output[i].is_split)
			status = check_number(o, r, "--manifest", o->output[i].manifest);
		else if (!rec)
			rec = &o->output[i];
	}
	if (status || !rec || (split && !o->trigger.on))
		return status;
	if (!rec->output)
		return report_error(r, STATUS_ERROR, NULL, "%s needs files: -o FILE",
				    split_option(o));
	return check_number(o, r, "-o", rec->output);
}

/* Check that no two outputs have one name. */
static int check_names(const struct outputs *o, struct report *r)
{
	for (unsigned i = 0; i < o->count; i++) {
		const struct recording *rec = &o->output[i];

		if (rec->is_split && rec->manifest && !strcmp(rec->output, rec->manifest))
			return report_error(r, STATUS_ERROR, NULL,
					    "--manifest %s: it is the output itself",
					    rec->manifest);
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(name_of(rec), name_of(&o->output[k])))
				continue;
			return report_error(r, STATUS_ERROR, "name each output once",
					    "-o %s: it is named twice",
					    rec->output ? rec->output : "-");
		}
	}
	return STATUS_OK;
}

/* Returns the number of outputs that @is applies to. */
static unsigned count_of(const struct outputs *o, bool (*is)(const struct recording *))
{
	unsigned count = 0;

	for (unsigned i = 0; i < o->count; i++)
		count += is(&o->output[i]);
	return count;
}

static bool is_named(const struct recording *rec)
{
	return rec->output;
}

static bool is_named_file(const struct recording *rec)
{
	return rec->output && recording_is_file(rec);
}

int outputs_check(const struct outputs *o, struct report *r)
{
	const struct recording_options *options = &o->options;
	int status;

	if (options->direct && !count_of(o, recording_is_direct))
		return report_error(r, STATUS_ERROR, NULL, "--direct needs a file: -o FILE");
	if (options->finish.command && !count_of(o, is_named))
		return report_error(r, STATUS_ERROR, NULL, "--then needs a file: -o FILE");
	if (*options->sigmf.type && !count_of(o, is_named_file))
		return report_error(r, STATUS_ERROR, NULL, "--sigmf needs a file: -o FILE");
	if (!options->splits && options->finish.keep)
		return report_error(r, STATUS_ERROR, "add --split, as in --split=4G",
				    "--keep: one file is written, and kept");
	status = check_names(o, r);
	return status || !options->splits ? status : check_split(o, r);
}

void outputs_get_setup(const struct outputs *o, struct setup *s)
{
	for (unsigned i = 0; i < o->count; i++) {
		const struct recording *rec = &o->output[i];

		s->hands_over |= !rec->output || recording_is_pipe(rec);
		s->to_file |= recording_is_file(rec);
		s->reads_data |= rec->manifest != NULL;
		s->splits |= rec->is_split;
	}
	s->to_pipe = o->count == 1 && recording_is_pipe(&o->output[0]);
}

/*
 * What the transfer calls
 */

/* Handle the error @rc of one output. Returns 0 if others go on, or @rc with the error set or reported. */
static int fail(struct outputs *o, struct transfer *t, struct recording *rec, int rc)
{
	const unsigned i = (unsigned)(rec - o->output);
	const char *why = *rec->why ? rec->why : zcdma_error(t->ctx);

	if (t->several && o->several.left > 1)
		return fanout_fail(&o->several, t, i, rc, why);
	if (*rec->why)
		report_system_error(t->report, STATUS_INCOMPLETE, rc, *rec->hint ? rec->hint : NULL,
				    "%s", rec->why);
	return t->several ? fanout_fail(&o->several, t, i, rc, why) : rc;
}

/* Call @step of each output that goes on. Returns 0 while there is one, or the error of the last. */
static int for_each(struct outputs *o, struct transfer *t,
		    int (*step)(struct recording *, struct transfer *))
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < o->count; i++) {
		if (t->several && o->several.receiver[i].ended)
			continue;
		rc = step(&o->output[i], t);
		if (rc)
			rc = fail(o, t, &o->output[i], rc);
	}
	return rc;
}

/* Have a place for @b in each output. Returns likewise. */
static int put_block(struct outputs *o, struct transfer *t, const struct zcdma_block *b)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < o->count; i++) {
		if (t->several && o->several.receiver[i].ended)
			continue;
		rc = recording_block(&o->output[i], t, b);
		if (rc)
			rc = fail(o, t, &o->output[i], rc);
	}
	return rc;
}

/* Before the first block nothing is written: what is wrong ends the run. */
static int begin(struct transfer *t)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < current->count; i++)
		rc = recording_begin(&current->output[i], t);
	return rc;
}

/* Write what is held, as the trigger came. Returns 0 or a negative errno. */
static int write_held(struct outputs *o, struct transfer *t)
{
	struct zcdma_block b;
	int rc = 0;

	o->busy = true;
	while (!rc && trigger_take(&o->trigger, &b)) {
		rc = put_block(o, t, &b);
		if (!rc)
			rc = transfer_send(t, &b);
		else
			zcdma_block_release(t->src, &b);
	}
	o->busy = false;
	return rc;
}

/* End the files of an event. Returns 0 or a negative errno. */
static int end_event(struct outputs *o, struct transfer *t)
{
	o->trigger.open = false;
	return for_each(o, t, recording_cut);
}

static int block(struct transfer *t, const struct zcdma_block *b)
{
	struct outputs *o = current;
	struct trigger *tr = &o->trigger;
	int rc = 0;

	if (o->failed)
		return o->failed;
	if (tr->open && b->time_ns > tr->until_ns)
		rc = end_event(o, t);
	if (rc || !tr->on || tr->open)
		return rc ? rc : put_block(o, t, b);
	trigger_hold(tr, t, b);
	return 1;
}

/* Heed a trigger, and the end of its time where no block shows that. Returns 0 or a negative errno. */
static int watch_trigger(struct outputs *o, struct transfer *t)
{
	struct trigger *tr = &o->trigger;

	if (o->busy)
		return 0;
	if (trigger_fired(tr))
		return write_held(o, t);
	return tr->open && now_ns() >= tr->until_ns + LATE_NS ? end_event(o, t) : 0;
}

/* Returns when outputs_watch() is due, or 0: as soon as there is another reason. */
static uint64_t next_watch(const struct outputs *o)
{
	uint64_t next = o->trigger.open ? o->trigger.until_ns + LATE_NS : 0;

	if (o->failed)
		return 0;
	for (unsigned i = 0; i < o->count; i++) {
		const uint64_t due = recording_next_watch(&o->output[i]);

		if (due && (!next || due < next))
			next = due;
	}
	return next;
}

void outputs_watch(struct outputs *o, struct transfer *t)
{
	int rc = for_each(o, t, recording_watch);

	if (!rc && t->began)
		rc = watch_trigger(o, t);
	if (rc && !o->failed) {
		/* The next block ends the run with it; if none comes, the end of the source does. */
		o->failed = rc;
		zcdma_source_stop(t->src);
	}
	t->watch_ns = next_watch(o);
}

static void watch(struct transfer *t)
{
	outputs_watch(current, t);
}

/* End the bytes of each output that has all of them: the reader of one that ended early sees that. */
static void end_announced(struct transfer *t)
{
	struct handover_outputs *to = &current->to;

	for (unsigned i = 0; i < to->count; i++) {
		if (!to->announced[i] || (t->several && current->several.receiver[i].ended))
			continue;
		zcdma_handover_end(to->announced[i]);
		to->announced[i] = NULL;
	}
}

/*
 * Opening
 */

/* Have several writes in flight where that is asked for and possible. Returns 0, or an exit status after a reported error. */
static int set_depth(struct outputs *o, struct transfer *t, struct report *r)
{
	int rc = zcdma_path_set_depth(t->path, (unsigned)o->depth);

	if (rc == -EINVAL)
		return report_ctx_error(r, STATUS_ERROR, t->ctx, rc);
	if (rc && !o->depth_noted)
		report_warn(r, "--depth: one write at a time: %s", zcdma_error(t->ctx));
	o->depth_noted |= rc != 0;
	return STATUS_OK;
}

/* Open the path to @rec, unless @handover is one. Returns 0, or an exit status after a reported error. */
static int open_path(struct outputs *o, struct transfer *t, struct report *r, struct recording *rec,
		     struct zcdma_path *handover)
{
	const enum zcdma_gaps gaps = o->options.gaps;
	int status = STATUS_OK;

	t->path = handover;
	if (!handover)
		status = setup_path(t, r, rec->fd, ZCDMA_FALLBACK_COPY);
	rec->path = t->path;
	if (!status && o->depth > 1 && recording_is_direct(rec))
		status = set_depth(o, t, r);
	if (!status && gaps && zcdma_path_set_gaps(t->path, gaps))
		status = report_ctx_error(r, STATUS_ERROR, t->ctx, -EINVAL);
	if (!status && t->several)
		fanout_add(&o->several, t, name_of(rec));
	return status;
}

/* Check that no two outputs are one file, by whatever names. Returns 0, or an exit status after a reported error. */
static int check_files(const struct outputs *o, struct report *r)
{
	struct stat a, b;

	for (unsigned i = 1; i < o->count; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (fstat(o->output[i].fd, &a) || fstat(o->output[k].fd, &b) ||
			    !record_is_same(&a, &b))
				continue;
			return report_error(r, STATUS_ERROR, "name each output once",
					    "-o %s: it is the same as -o %s",
					    name_of(&o->output[i]), name_of(&o->output[k]));
		}
	}
	return STATUS_OK;
}

/* Open the pipes with a name, which may take the ring, or the others. Returns 0, or an exit status after a reported error. */
static int open_outputs(struct outputs *o, struct transfer *t, struct report *r, bool pipes)
{
	int status = STATUS_OK;

	for (unsigned i = 0; !status && i < o->count; i++) {
		struct recording *rec = &o->output[i];

		if (!rec->finishing && (rec->output && recording_is_pipe(rec)) == pipes)
			status = recording_open(rec, t, r);
		/* Standard output is there already, and may take the ring before it is looked at. */
		o->to.fd[i] = rec->output ? rec->fd : STDOUT_FILENO;
	}
	return status;
}

int outputs_open(struct outputs *o, struct transfer *t, struct report *r, const struct setup *s)
{
	struct handover_outputs *to = &o->to;
	int status;

	current = o;
	to->count = o->count;
	t->report = r;
	t->begin = begin;
	t->block = block;
	t->watch = watch;
	t->sent_all = end_announced;
	status = open_outputs(o, t, r, true);
	if (!status)
		status = setup_ring(t, r, s, to);
	for (unsigned i = 0; i < o->count; i++)
		o->output[i].path = to->path[i];
	/* No file is made, or waited for, before it is known that there is data for it. */
	if (!status)
		status = open_outputs(o, t, r, false);
	if (!status)
		status = check_files(o, r);
	if (!status)
		status = fanout_parse(&o->several, t, r, o->count, "output");
	if (status)
		return status;
	trigger_open(&o->trigger, t);
	if (o->count > 1)
		fanout_begin(&o->several, t);
	for (unsigned i = 0; !status && i < o->count; i++)
		status = open_path(o, t, r, &o->output[i], to->path[i]);
	return status;
}

bool outputs_want_progress(const struct outputs *o)
{
	for (unsigned i = 0; i < o->count; i++) {
		struct stat st;

		if (!fstat(o->output[i].fd, &st) && !S_ISFIFO(st.st_mode))
			return true;
	}
	return false;
}

/*
 * The end
 */

int outputs_end(struct outputs *o, struct transfer *t, struct report *r, int status)
{
	int failed = STATUS_OK;

	trigger_close(&o->trigger, t->src);
	if (o->failed && !status)
		status = STATUS_INCOMPLETE;
	for (unsigned i = 0; i < o->count; i++) {
		const bool ended = t->several && o->several.receiver[i].ended;
		const int given = ended && (!status || status >= 128) ? STATUS_INCOMPLETE : status;
		const int rc = recording_end(&o->output[i], r, given);

		if (!failed && rc != given)
			failed = rc;
	}
	if (failed)
		return failed;
	return fanout_check(&o->several, r, status);
}

void outputs_close(struct outputs *o, struct transfer *t)
{
	for (unsigned i = 0; i < o->count; i++)
		zcdma_path_close(o->output[i].path);
	for (unsigned i = 0; i < o->to.count; i++)
		zcdma_handover_free(o->to.announced[i]);
	t->path = NULL;
}

/*
 * The report
 */

static const struct report_column columns[] = {
	{ "to", "OUTPUT" },	 { "path", "PATH" },   { NULL, "WRITTEN" },
	{ NULL, "NOT WRITTEN" }, { "ended", "ENDED" },
};

static void report_several(const struct outputs *o, const struct transfer *t, struct report *r)
{
	struct zcdma_source_stats src;
	struct zcdma_path_stats s;
	char written[32], rest[32];

	zcdma_source_get_stats(t->src, &src, sizeof(src));
	report_table(r, "outputs", columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned i = 0; i < o->several.count; i++) {
		const struct fanout_receiver *to = &o->several.receiver[i];
		uint64_t missing;
		json_t *row;

		zcdma_path_get_stats(to->path, &s, sizeof(s));
		missing = src.bytes > s.bytes ? src.bytes - s.bytes : 0;
		row = report_row(r, (const char *const[]){
					    to->to,
					    zcdma_path_get_type(to->path)->name,
					    zcdma_size_format(s.bytes, written, sizeof(written)),
					    zcdma_size_format(missing, rest, sizeof(rest)),
					    to->ended ? to->why : "complete",
				    });
		json_object_set_new(row, "written_bytes", value_count(s.bytes));
		json_object_set_new(row, "unwritten_bytes", value_count(missing));
	}
}

/* Sum up what was done in the background. */
static struct finish_totals get_totals(const struct outputs *o, const char **last)
{
	struct finish_totals sum = { .synced = true };

	*last = NULL;
	for (unsigned i = 0; i < o->count; i++) {
		const struct recording *rec = &o->output[i];
		const struct finish_totals *totals = &rec->totals;

		sum.files += totals->files;
		sum.commands += totals->commands;
		sum.failed += totals->failed;
		sum.removed += totals->removed;
		sum.synced &= totals->synced;
		sum.sync_seconds += totals->sync_seconds;
		if (*rec->last)
			*last = rec->last;
	}
	return sum;
}

static void report_files(const struct outputs *o, const struct finish_totals *totals,
			 const char *last, struct report *r)
{
	const struct finish_options *finish = &o->options.finish;

	report_line(r, last && totals->files ? "files" : NULL, NULL);
	report_count(r, "files", totals->files, ", the last one ");
	report_text(r, "last_file", last, "");
	report_line(r, o->trigger.on ? "events" : NULL, NULL);
	report_count(r, "events", o->trigger.events, " times that the trigger came");
	report_line(r, finish->keep ? "removed" : NULL, NULL);
	report_count(r, "removed_files", totals->removed, " files of this run, to keep the last ");
	report_count(r, "keep_files", finish->keep ? finish->keep : REPORT_UNKNOWN, "");
	report_line(r, finish->command ? "then" : NULL, NULL);
	report_count(r, "commands", totals->commands, " commands ended, ");
	report_count(r, "failed_commands", totals->failed, " of them failed");
}

static void report_writes(const struct outputs *o, const struct zcdma_path_stats *s,
			  struct report *r)
{
	const bool direct = o->options.direct;
	const char *manifest = NULL;

	for (unsigned i = 0; !manifest && i < o->count; i++)
		manifest = o->output[i].manifest;
	report_line(r, direct ? "direct" : NULL, NULL);
	report_bytes(r, "direct_bytes", s->direct_bytes, " past the page cache, ");
	report_count(r, "depth", direct ? (o->depth_noted ? 1 : o->depth) : REPORT_UNKNOWN,
		     " writes at a time at most; ");
	report_bytes(r, "gathered_bytes", s->gathered_bytes,
		     " came in odd lengths and were gathered");
	report_line(r, o->options.gaps ? "filled" : NULL, NULL);
	report_bytes(r, "filled_bytes", s->filled_bytes, " of zeros where data was lost, ");
	report_count(r, "unfilled_gaps", s->unfilled_gaps, " places of unknown length left out");
	report_line(r, manifest ? "manifest" : NULL, NULL);
	report_text(r, "manifest", manifest, "");
}

/* Returns the name of the paths, or "several" where they differ. */
static const char *path_name(const struct outputs *o)
{
	const char *name = zcdma_path_get_type(o->output[0].path)->name;

	for (unsigned i = 1; i < o->count; i++) {
		if (strcmp(name, zcdma_path_get_type(o->output[i].path)->name))
			return "several";
	}
	return name;
}

void outputs_report(const struct outputs *o, const struct transfer *t, struct report *r)
{
	struct zcdma_path_stats s;
	struct finish_totals totals;
	const char *last;
	char to[32];

	transfer_get_path_stats(t, &s);
	totals = get_totals(o, &last);
	snprintf(to, sizeof(to), "%u outputs", o->count);
	report_line(r, strcmp(t->path_type->name, "null") ? "captured" : "discarded", NULL);
	report_bytes(r, "captured_bytes", s.bytes, " to ");
	report_text(r, "to", t->several ? to : name_of(&o->output[0]), " in ");
	report_seconds(r, "elapsed_seconds", t->seconds, ", ");
	report_rate(r, "bytes_per_second", s.bytes, t->seconds, "");
	report_line(r, "path", NULL);
	report_text(r, "path", path_name(o), ", ");
	report_count(r, "calls", s.calls, " system calls");
	report_files(o, &totals, last, r);
	report_writes(o, &s, r);
	report_line(r, totals.synced ? "synced" : NULL, NULL);
	report_flag(r, "synced", totals.synced, ", in ");
	report_seconds(r, "sync_seconds", totals.sync_seconds, "");
	transfer_report_source(t, r);
	if (t->several)
		report_several(o, t, r);
	else
		report_array(r, "outputs");
}
