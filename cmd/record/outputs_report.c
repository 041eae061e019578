// SPDX-License-Identifier: GPL-2.0-only
/* The report of a capture: where its data went. */
#include "record/outputs.h"

#include <stdio.h>
#include <string.h>

#include "cli/report_value.h"
#include "transfer/discard.h"

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
		s.bytes = path_discards(to->path) ? 0 : s.bytes;
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
	discard_report(r, t->path, "captured", "captured_bytes", s.bytes);
	report_text(r, "to", t->several ? to : recording_name(&o->output[0]), " in ");
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
