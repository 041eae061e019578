// SPDX-License-Identifier: GPL-2.0-only
/* The outputs of a capture, of which each gets every block; and the events that are recorded. */
#include "record/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/status.h"

/* How late a block of an event may come. */
#define LATE_NS 250000000u

/* What the callbacks of a transfer work on: there is one capture in a process. */
static struct outputs *current;

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
		rc = recording_check(&current->output[i], t);
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

static bool give_back(struct transfer *t)
{
	return trigger_give_back(&current->trigger, t->src);
}

/* Heed a trigger, and the end of its time where no block shows that. Returns 0 or a negative errno. */
static int watch_trigger(struct outputs *o, struct transfer *t)
{
	struct trigger *tr = &o->trigger;

	if (o->busy)
		return 0;
	if (trigger_fired(tr))
		return write_held(o, t);
	/* Blocks that wait may be of the event, where a slow disk was waited for. */
	if (!tr->open || !t->caught_up || now_ns() < tr->until_ns + LATE_NS)
		return 0;
	return end_event(o, t);
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
	int rc;

	/* The block has its place in each output already: a file that is cut now would lack it. */
	t->watch_ns = 0;
	if (o->several.sending)
		return;
	rc = for_each(o, t, recording_watch);
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
		fanout_add(&o->several, t, recording_name(rec));
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
					    recording_name(&o->output[i]),
					    recording_name(&o->output[k]));
		}
	}
	return STATUS_OK;
}

/* Check that the source reads none of them. Returns 0, or an exit status after a reported error. */
static int check_source(const struct outputs *o, struct transfer *t)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < o->count; i++)
		rc = recording_check_names(&o->output[i], t);
	return rc ? STATUS_ERROR : STATUS_OK;
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

/* Have the note after a request to stop name @rec, the only output, or the reader of its pipe. */
static void name_wait(struct outputs *o, struct transfer *t, const struct recording *rec)
{
	struct stat st;

	/* That of a socket is the receiver. */
	if (fstat(rec->fd, &st) || S_ISSOCK(st.st_mode))
		return;
	snprintf(o->waits_for, sizeof(o->waits_for), "%s%s",
		 S_ISFIFO(st.st_mode) ? "the reader of " : "", recording_name(rec));
	t->waits_for = o->waits_for;
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
	t->give_back = give_back;
	t->watch = watch;
	t->sent_all = end_announced;
	status = check_source(o, t);
	if (!status)
		status = open_outputs(o, t, r, true);
	if (!status)
		status = setup_ring(t, r, s, to);
	for (unsigned i = 0; i < o->count; i++)
		o->output[i].path = to->path[i];
	if (!status)
		status = fanout_check_ring(&o->several, t, r);
	/* No file is made, or waited for, before it is known that there is data for it. */
	if (!status)
		status = open_outputs(o, t, r, false);
	if (!status)
		status = check_files(o, r);
	if (status)
		return status;
	trigger_open(&o->trigger);
	if (o->count > 1)
		fanout_begin(&o->several, t);
	else
		name_wait(o, t, &o->output[0]);
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
	/* Else no block came after the failure, to end the run with it. */
	if (o->failed && (!status || status >= 128))
		status = report_ctx_error(r, STATUS_INCOMPLETE, t->ctx, o->failed);
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
