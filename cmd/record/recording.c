// SPDX-License-Identifier: GPL-2.0-only
/* One output of a capture: the data, in one file or in several, and a manifest of each where one was asked for. */
#include "record/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "cli/xalloc.h"
#include "record/name.h"
#include "record/open.h"

void recording_init(struct recording *rec, const struct recording_options *options,
		    const char *output, const char *manifest)
{
	*rec = (struct recording){
		.options = options,
		.output = output,
		.manifest = manifest,
		.is_split = options->splits && output && name_has_number(output),
		.fd = -1,
	};
}

const char *recording_name(const struct recording *rec)
{
	return rec->output ? rec->output : "standard output";
}

/* Check whether the data goes to what has the type @type, S_IFREG or S_IFIFO. Returns @unmade where that is not there yet. */
static bool has_type(const struct recording *rec, mode_t type, bool unmade)
{
	struct stat st;

	if ((rec->output ? stat(rec->output, &st) : fstat(STDOUT_FILENO, &st)) < 0)
		return unmade && rec->output;
	return (st.st_mode & S_IFMT) == type;
}

bool recording_is_file(const struct recording *rec)
{
	return rec->is_split || has_type(rec, S_IFREG, true);
}

bool recording_is_pipe(const struct recording *rec)
{
	return !rec->is_split && has_type(rec, S_IFIFO, false);
}

bool recording_is_direct(const struct recording *rec)
{
	/* O_DIRECT is not set on what others write to as well, and on a pipe it means packets: pipe(2). */
	return rec->options->direct && rec->output && !recording_is_pipe(rec);
}

/*
 * Opening
 */

static int open_one(struct recording *rec, struct report *r)
{
	char *manifest = rec->manifest ? xalloc(strdup(rec->manifest)) : NULL;
	char *name = rec->output ? xalloc(strdup(rec->output)) : NULL;
	int status;

	rec->file = record_file_new(name, manifest);
	status = open_data(rec->file, recording_is_direct(rec), r);
	rec->fd = rec->file->fd;
	return status || !manifest ? status : open_manifest(rec->file, r);
}

int recording_open(struct recording *rec, struct transfer *t, struct report *r)
{
	rec->cuts_seen = signals_cuts();
	rec->finishing = finish_new(&rec->options->finish, t->ctx);
	if (!rec->is_split)
		return open_one(rec, r);
	signals_cut_at_hangup();
	return open_placeholder(rec->output, rec->options->direct, &rec->fd, r);
}

/* Begin the manifest of the file. Returns 0, or a negative errno with the error in .why. */
static int begin_manifest(struct recording *rec, struct transfer *t)
{
	struct record_file *file = rec->file;
	struct zcdma_source_info info;
	int rc;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	rc = record_file_begin_manifest(file, rec->options->hash, info.simulated > 0);
	if (!rc) {
		zcdma_path_set_manifest(rec->path, file->manifest);
		return 0;
	}
	snprintf(rec->why, sizeof(rec->why), "%s", file->error);
	snprintf(rec->hint, sizeof(rec->hint), "%s", file->hint);
	return rc;
}

int recording_check_names(const struct recording *rec, struct transfer *t)
{
	int rc = rec->is_split ? 0 : open_check_name(rec->output, t, "write to");

	return rc || !rec->manifest || rec->is_split
		       ? rc
		       : open_check_name(rec->manifest, t, "--manifest");
}

int recording_check(const struct recording *rec, struct transfer *t)
{
	return rec->file ? open_check(rec->file, t) : 0;
}

int recording_begin(struct recording *rec, struct transfer *t)
{
	struct record_file *file = rec->file;
	int rc = file ? open_empty(file, t) : 0;

	rec->begun = !rc;
	if (!file) /* recording_block() begins it */
		return 0;
	if (rc || !file->manifest_name)
		return rc;
	rc = begin_manifest(rec, t);
	if (rc)
		report_system_error(t->report, STATUS_ERROR, rc, *rec->hint ? rec->hint : NULL,
				    "%s", rec->why);
	return rc;
}

/*
 * Splitting
 */

/* Write what was sent to the file, and let it be finished. The path goes on with the placeholder. */
int recording_cut(struct recording *rec, struct transfer *t)
{
	struct record_file *file = rec->file;
	int rc;

	if (!file)
		return 0;
	do {
		rc = zcdma_path_switch(rec->path, rec->fd);
	} while (transfer_is_pause(t, rc));
	if (rc)
		return rc;
	zcdma_path_set_manifest(rec->path, NULL);
	rec->file = NULL;
	finish_add(rec->finishing, file, true);
	return 0;
}

/*
 * Returns when the time of a file is over that begins at @now: one limit after the file before was due, so that they do not
 * drift; or after @now, where that one was cut early, was never due, or was due more than a limit before @now.
 */
static uint64_t next_due(const struct recording *rec, uint64_t now)
{
	const uint64_t ns = rec->options->split.ns;
	const bool in_step = rec->due_ns && rec->due_ns <= now && rec->due_ns + ns > now;

	return (in_step ? rec->due_ns : now) + ns;
}

/* Begin the next file, the number of which is the next one that no file has. */
static int begin_file(struct recording *rec, struct transfer *t)
{
	int rc = open_next(rec->output, rec->manifest, rec->options->direct, &rec->number,
			   &rec->file, rec->why, sizeof(rec->why));

	if (rc) {
		snprintf(rec->hint, sizeof(rec->hint), "what was recorded before is kept");
		return rc;
	}
	snprintf(rec->last, sizeof(rec->last), "%s", rec->file->name);
	rc = zcdma_path_switch(rec->path, rec->file->fd);
	if (!rc && rec->manifest)
		rc = begin_manifest(rec, t);
	rec->due_ns = next_due(rec, now_ns());
	return rc;
}

/* Check whether the file is done before @more bytes are added. */
static bool is_due(struct recording *rec, uint64_t more)
{
	const struct split *split = &rec->options->split;
	const unsigned cuts = signals_cuts();
	const bool asked = cuts != rec->cuts_seen;

	/* One that finds nothing to cut is over, and does not cut what comes later. */
	rec->cuts_seen = cuts;
	if (!rec->file || !rec->file->bytes)
		return false;
	return asked || (split->bytes && rec->file->bytes + more > split->bytes) ||
	       (split->ns && now_ns() >= rec->due_ns);
}

/*
 * Returns when the first sample of @b was taken, as far as that is known: from the device where it has our clock, else
 * from the block's time, which is that of its last one.
 */
static uint64_t time_of_first(const struct recording *rec, const struct zcdma_source_info *info,
			      const struct zcdma_block *b)
{
	const bool known = b->device_time && info->clock && !strcmp(info->clock, "monotonic");
	const struct sigmf_options *sigmf = &rec->options->sigmf;
	double ns = sigmf->rate > 0 ? (double)(b->len / sigmf->bytes) / sigmf->rate * 1e9 : 0;

	if (known)
		return b->device_time;
	return ns < (double)b->time_ns ? b->time_ns - (uint64_t)ns : 0;
}

/* Begin a segment of the metadata with the first block of a file, and wherever data was lost. */
static void describe(struct recording *rec, struct transfer *t, const struct zcdma_block *b)
{
	const struct sigmf_options *sigmf = &rec->options->sigmf;
	const uint64_t lost = zcdma_block_lost_bytes(b);
	struct record_file *file = rec->file;
	struct zcdma_source_info info;

	rec->unplaced |= lost == ZCDMA_UNKNOWN;
	if (lost != ZCDMA_UNKNOWN && rec->options->gaps == ZCDMA_GAPS_ZERO)
		file->filled += lost;
	if (!*sigmf->type || !file->name || (file->bytes && !lost))
		return;
	if (lost != ZCDMA_UNKNOWN && lost % sigmf->bytes && !rec->shifted) {
		rec->shifted = true;
		report_warn(t->report,
			    "--sigmf: what was lost before block %" PRIu64
			    " is not whole samples: those that follow may be shifted",
			    b->seq);
	}
	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (!file->sigmf) {
		file->sigmf_name = sigmf_name(file->name);
		file->sigmf = sigmf_begin(sigmf, file->name, info.simulated > 0);
		file->sample_bytes = sigmf->bytes;
	}
	sigmf_add(file->sigmf, sigmf,
		  &(struct sigmf_segment){
			  .offset = file->bytes + file->filled,
			  .stream_offset = rec->unplaced ? ZCDMA_UNKNOWN : b->offset,
			  .time_ns = time_of_first(rec, &info, b),
		  });
}

int recording_block(struct recording *rec, struct transfer *t, const struct zcdma_block *b)
{
	int rc = 0;

	if (rec->is_split) {
		if (is_due(rec, b->len))
			rc = recording_cut(rec, t);
		if (!rc && !rec->file)
			rc = begin_file(rec, t);
	}
	if (rc)
		return rc;
	describe(rec, t, b);
	rec->file->bytes += b->len;
	return 0;
}

uint64_t recording_next_watch(const struct recording *rec)
{
	/* A file without a byte is not cut, however late it is. */
	return rec->is_split && rec->options->split.ns && rec->file && rec->file->bytes
		       ? rec->due_ns
		       : 0;
}

int recording_watch(struct recording *rec, struct transfer *t)
{
	finish_report(rec->finishing, t->report);
	return rec->is_split && is_due(rec, 0) ? recording_cut(rec, t) : 0;
}

/*
 * The end
 */

/* Note what became of a file of which nothing was written, as a signal ended the run before that. */
static void note_untouched(const struct record_file *file, struct report *r)
{
	if (file->name && record_is_on_disk(file->fd))
		report_note(r,
			    file->made ? "no data came: %s was not made"
				       : "no data came: %s is as it was before",
			    file->name);
}

int recording_end(struct recording *rec, struct report *r, int status)
{
	const bool complete = (!status || status >= 128) && rec->begun;
	char syncing[256] = "";
	int failed;

	if (!rec->finishing)
		return status;
	if (rec->file && !rec->begun) {
		if (!status || status >= 128)
			note_untouched(rec->file, r);
		open_remove_unused(rec->file);
	}
	if (rec->file) {
		if (complete && rec->options->finish.sync && record_is_on_disk(rec->file->fd))
			snprintf(syncing, sizeof(syncing), "%s",
				 rec->file->name ? rec->file->name : "standard output");
		finish_add(rec->finishing, rec->file, complete);
	}
	rec->file = NULL;
	failed = finish_wait(rec->finishing, r, syncing);
	finish_get_totals(rec->finishing, &rec->totals);
	finish_free(rec->finishing);
	rec->finishing = NULL;
	if (rec->is_split && rec->fd >= 0)
		close(rec->fd);
	return complete && failed ? failed : status;
}
