// SPDX-License-Identifier: GPL-2.0-only
/* What capture writes: the data, in one file or in several, and a manifest of each where one was asked for. */
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

/* How late a block of an event may come. */
#define LATE_NS 250000000u

bool recording_is_split(const struct recording *rec)
{
	return rec->split.bytes || rec->split.ns || rec->trigger.on;
}

bool recording_is_file(const struct recording *rec)
{
	struct stat st;

	if (recording_is_split(rec))
		return true;
	if (rec->output)
		return stat(rec->output, &st) < 0 || S_ISREG(st.st_mode);
	return !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode);
}

/*
 * Checking
 */

static int check_name(const struct recording *rec, struct report *r, const char *option,
		      const char *pattern)
{
	if (!pattern || name_has_number(pattern))
		return STATUS_OK;
	return report_error(r, STATUS_ERROR, "put %N into the name, as in run-%N.bin",
			    "%s %s: %s needs a place for the number of a file in it", option,
			    pattern, rec->trigger.on ? "--trigger" : "--split");
}

int recording_check(const struct recording *rec, struct report *r)
{
	int status;

	if (rec->direct && !rec->output)
		return report_error(r, STATUS_ERROR, NULL, "--direct needs a file: -o FILE");
	if (rec->finish.command && !rec->output)
		return report_error(r, STATUS_ERROR, NULL, "--then needs a file: -o FILE");
	if (*rec->sigmf.type && (!rec->output || !recording_is_file(rec)))
		return report_error(r, STATUS_ERROR, NULL, "--sigmf needs a file: -o FILE");
	if (!recording_is_split(rec))
		return rec->finish.keep
			       ? report_error(r, STATUS_ERROR, "add --split, as in --split=4G",
					      "--keep: one file is written, and kept")
			       : STATUS_OK;
	if (!rec->output)
		return report_error(r, STATUS_ERROR, NULL, "%s needs files: -o FILE",
				    rec->trigger.on ? "--trigger" : "--split");
	if (rec->manifest && !strcmp(rec->output, rec->manifest))
		return report_error(r, STATUS_ERROR, NULL, "--manifest %s: it is the output itself",
				    rec->manifest);
	status = check_name(rec, r, "-o", rec->output);
	return status ? status : check_name(rec, r, "--manifest", rec->manifest);
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
	status = open_data(rec->file, rec->direct, r);
	rec->fd = rec->file->fd;
	return status || !manifest ? status : open_manifest(rec->file, r);
}

int recording_open(struct recording *rec, struct transfer *t, struct report *r)
{
	rec->ctx = t->ctx;
	rec->cuts_seen = signals_cuts();
	rec->finishing = finish_new(&rec->finish, t->ctx);
	if (!recording_is_split(rec))
		return open_one(rec, r);
	signals_cut_at_hangup();
	trigger_open(&rec->trigger, t);
	return open_placeholder(rec->output, rec->direct, &rec->fd, r);
}

static int begin_manifest(struct recording *rec, struct transfer *t)
{
	struct record_file *file = rec->file;
	struct zcdma_source_info info;
	int rc;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	rc = record_file_begin_manifest(file, rec->hash, info.simulated > 0);
	if (rc)
		report_system_error(t->report, STATUS_ERROR, rc, *file->hint ? file->hint : NULL,
				    "%s", file->error);
	else
		zcdma_path_set_manifest(t->path, file->manifest);
	return rc;
}

int recording_begin(struct recording *rec, struct transfer *t)
{
	struct record_file *file = rec->file;
	int rc;

	if (!file) /* recording_block() begins it */
		return 0;
	rc = open_checked(file, t);
	return rc || !file->manifest_name ? rc : begin_manifest(rec, t);
}

/*
 * Splitting
 */

/* Write what was sent to the file, and let it be finished. The path goes on with the placeholder. */
static int cut(struct recording *rec, struct transfer *t)
{
	struct record_file *file = rec->file;
	int rc;

	do {
		rc = zcdma_path_switch(t->path, rec->fd);
	} while (transfer_is_pause(t, rc));
	if (rc)
		return rc;
	zcdma_path_set_manifest(t->path, NULL);
	rec->file = NULL;
	finish_add(rec->finishing, file, true);
	return 0;
}

/* Begin the next file, the number of which is the next one that no file has. */
static int begin_file(struct recording *rec, struct transfer *t)
{
	int rc = open_next(rec->output, rec->manifest, rec->direct, &rec->number, &rec->file,
			   t->report);

	if (rc)
		return rc;
	snprintf(rec->last, sizeof(rec->last), "%s", rec->file->name);
	rc = zcdma_path_switch(t->path, rec->file->fd);
	if (!rc && rec->manifest)
		rc = begin_manifest(rec, t);
	if (!rec->split.ns)
		return rc;
	/* In steps of the time, so that files do not drift; from now where one was left out. */
	rec->due_ns += rec->split.ns;
	if (rec->due_ns <= now_ns() || !rec->due_ns)
		rec->due_ns = now_ns() + rec->split.ns;
	return rc;
}

/* Check whether the file is done before @more bytes are added. */
static bool is_due(struct recording *rec, uint64_t more)
{
	const unsigned cuts = signals_cuts();
	bool asked = cuts != rec->cuts_seen;

	if (!rec->file || !rec->file->bytes)
		return false;
	rec->cuts_seen = cuts;
	return asked || (rec->split.bytes && rec->file->bytes + more > rec->split.bytes) ||
	       (rec->split.ns && now_ns() >= rec->due_ns);
}

/*
 * Returns when the first sample of @b was taken, as far as that is known: from the device where it has our clock, else
 * from the block's time, which is that of its last one.
 */
static uint64_t time_of_first(const struct recording *rec, const struct zcdma_source_info *info,
			      const struct zcdma_block *b)
{
	const bool known = b->device_time && info->clock && !strcmp(info->clock, "monotonic");
	double ns = rec->sigmf.rate > 0
			    ? (double)(b->len / rec->sigmf.bytes) / rec->sigmf.rate * 1e9
			    : 0;

	if (known)
		return b->device_time;
	return ns < (double)b->time_ns ? b->time_ns - (uint64_t)ns : 0;
}

/* Begin a segment of the metadata with the first block of a file, and wherever data was lost. */
static void describe(struct recording *rec, struct transfer *t, const struct zcdma_block *b)
{
	const uint64_t lost = zcdma_block_lost_bytes(b);
	struct record_file *file = rec->file;
	struct zcdma_source_info info;

	rec->unplaced |= lost == ZCDMA_UNKNOWN;
	if (lost != ZCDMA_UNKNOWN && rec->gaps == ZCDMA_GAPS_ZERO)
		file->filled += lost;
	if (!*rec->sigmf.type || (file->bytes && !lost))
		return;
	if (lost != ZCDMA_UNKNOWN && lost % rec->sigmf.bytes && !rec->shifted) {
		rec->shifted = true;
		report_warn(t->report,
			    "--sigmf: what was lost before block %" PRIu64
			    " is not whole samples: those that follow may be shifted",
			    b->seq);
	}
	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (!file->sigmf) {
		file->sigmf_name = sigmf_name(file->name);
		file->sigmf = sigmf_begin(&rec->sigmf, file->name, info.simulated > 0);
	}
	sigmf_add(file->sigmf, &rec->sigmf,
		  &(struct sigmf_segment){
			  .offset = file->bytes + file->filled,
			  .stream_offset = rec->unplaced ? ZCDMA_UNKNOWN : b->offset,
			  .time_ns = time_of_first(rec, &info, b),
		  });
}

/* Have a file to put @b into. Returns 0 or a negative errno. */
static int put_block(struct recording *rec, struct transfer *t, const struct zcdma_block *b)
{
	int rc = 0;

	if (recording_is_split(rec)) {
		if (is_due(rec, b->len))
			rc = cut(rec, t);
		if (!rc && !rec->file)
			rc = begin_file(rec, t);
	}
	if (rc)
		return rc;
	describe(rec, t, b);
	rec->file->bytes += b->len;
	return 0;
}

/* Write what is held, as the trigger came. Returns 0 or a negative errno. */
static int write_held(struct recording *rec, struct transfer *t)
{
	struct zcdma_block b;
	int rc = 0;

	rec->busy = true;
	while (!rc && trigger_take(&rec->trigger, &b)) {
		rc = put_block(rec, t, &b);
		if (!rc)
			rc = transfer_send(t, &b);
		else
			zcdma_block_release(t->src, &b);
	}
	rec->busy = false;
	return rc;
}

/* End the file of an event. Returns 0 or a negative errno. */
static int end_event(struct recording *rec, struct transfer *t)
{
	rec->trigger.open = false;
	return rec->file ? cut(rec, t) : 0;
}

int recording_block(struct recording *rec, struct transfer *t, const struct zcdma_block *b)
{
	struct trigger *tr = &rec->trigger;
	int rc = 0;

	if (rec->failed)
		return rec->failed;
	if (tr->open && b->time_ns > tr->until_ns)
		rc = end_event(rec, t);
	if (rc || !tr->on || tr->open)
		return rc ? rc : put_block(rec, t, b);
	trigger_hold(tr, t, b);
	return 1;
}

/* Heed a trigger, and the end of its time where no block shows that. Returns 0 or a negative errno. */
static int watch_trigger(struct recording *rec, struct transfer *t)
{
	struct trigger *tr = &rec->trigger;

	if (rec->busy)
		return 0;
	if (trigger_fired(tr))
		return write_held(rec, t);
	return tr->open && now_ns() >= tr->until_ns + LATE_NS ? end_event(rec, t) : 0;
}

/*
 * Returns when recording_watch() is due, or 0: as soon as there is another reason. A file without a byte is not cut,
 * however late it is.
 */
static uint64_t next_watch(const struct recording *rec)
{
	const uint64_t split = rec->split.ns && rec->file && rec->file->bytes ? rec->due_ns : 0;
	const uint64_t event = rec->trigger.open ? rec->trigger.until_ns + LATE_NS : 0;

	if (rec->failed)
		return 0;
	return !event || (split && split < event) ? split : event;
}

void recording_watch(struct recording *rec, struct transfer *t)
{
	int rc = 0;

	finish_report(rec->finishing, t->report);
	if (recording_is_split(rec) && is_due(rec, 0))
		rc = cut(rec, t);
	if (!rc && t->began)
		rc = watch_trigger(rec, t);
	if (rc && !rec->failed) {
		/* The next block ends the run with it; if none comes, the end of the source does. */
		rec->failed = rc;
		zcdma_source_stop(t->src);
	}
	t->watch_ns = next_watch(rec);
}

/*
 * The end
 */

int recording_end(struct recording *rec, struct transfer *t, struct report *r, int status)
{
	bool complete;
	char syncing[256] = "";
	int failed;

	if (!rec->finishing)
		return status;
	trigger_close(&rec->trigger, t->src);
	if (rec->failed && !status)
		status = STATUS_INCOMPLETE;
	complete = !status || status >= 128;
	if (rec->file) {
		if (complete && rec->finish.sync && record_is_on_disk(rec->file->fd))
			snprintf(syncing, sizeof(syncing), "%s",
				 rec->file->name ? rec->file->name : "standard output");
		finish_add(rec->finishing, rec->file, complete);
	}
	rec->file = NULL;
	failed = finish_wait(rec->finishing, r, syncing);
	finish_get_totals(rec->finishing, &rec->totals);
	finish_free(rec->finishing);
	if (recording_is_split(rec) && rec->fd >= 0)
		close(rec->fd);
	return complete && failed ? failed : status;
}
