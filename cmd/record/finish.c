// SPDX-License-Identifier: GPL-2.0-only
/* What becomes of a recording's files once they are written. */
#include "record/finish.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/progress.h"
#include "cli/status.h"
#include "cli/xalloc.h"
#include "record/command.h"
#include "record/queue.h"

/* How often to look at the progress of a wait. */
#define LOOK_MS 500

/* A failure that is still to be reported. */
struct failure {
	struct failure *next;
	int rc;		/* a negative errno, where what was recorded is not safe; else 0 */
	char hint[512]; /* or empty */
	char text[700];
};

struct finish {
	struct finish_options options;
	struct zcdma_ctx *ctx;
	struct record_queue disk, commands;

	/* The thread for the commands has these: files that were finished, the oldest first. */
	struct record_file *kept, **last_kept;
	uint64_t kept_count;

	pthread_mutex_t lock; /* for what follows */
	struct finish_totals totals;
	struct failure *failures, **last_failure;
	atomic_bool has_failures; /* to be read without the lock, with each block */

	int status; /* of what was reported */
};

static void add_failure(struct finish *f, int rc, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void add_failure(struct finish *f, int rc, const char *hint, const char *fmt, ...)
{
	struct failure *failure = xalloc(calloc(1, sizeof(*failure)));
	va_list ap;

	failure->rc = rc;
	snprintf(failure->hint, sizeof(failure->hint), "%s", hint);
	va_start(ap, fmt);
	vsnprintf(failure->text, sizeof(failure->text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&f->lock);
	*f->last_failure = failure;
	f->last_failure = &failure->next;
	f->has_failures = true;
	pthread_mutex_unlock(&f->lock);
	zcdma_interrupt(f->ctx);
}

/*
 * The thread for the disk
 */

static void count_file(struct finish *f, const struct record_file *file)
{
	pthread_mutex_lock(&f->lock);
	f->totals.files++;
	f->totals.synced &= file->synced;
	f->totals.sync_seconds += file->sync_seconds;
	pthread_mutex_unlock(&f->lock);
}

static void finish_file(void *arg, struct record_file *file)
{
	struct finish *f = arg;

	record_file_finish(file, file->complete, f->options.sync);
	count_file(f, file);
	if (file->status)
		add_failure(f, file->rc, file->hint, "%s", file->error);
	/* A command is for files that are known to be whole. */
	if (file->name && (f->options.command || f->options.keep))
		record_queue_add(&f->commands, file);
	else
		record_file_free(file);
}

/*
 * The thread for the commands
 */

static void run_command(struct finish *f, const struct record_file *file)
{
	char why[128];
	int rc = command_run(f->options.command, file->name, why, sizeof(why));

	pthread_mutex_lock(&f->lock);
	f->totals.commands++;
	f->totals.failed += !!rc;
	pthread_mutex_unlock(&f->lock);
	if (rc)
		add_failure(f, 0, "", "--then '%s' for %s: %s", f->options.command, file->name,
			    why);
}

/*
 * Check that the name still is that of the file that was written: another program may have put its own there, which can
 * have got the same inode, but not the same time of birth.
 */
static bool is_same(const struct record_file *file)
{
	const struct statx *was = &file->id;
	struct statx is;

	return !statx(AT_FDCWD, file->name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
		      &is) &&
	       is.stx_dev_major == was->stx_dev_major && is.stx_dev_minor == was->stx_dev_minor &&
	       is.stx_ino == was->stx_ino && is.stx_btime.tv_sec == was->stx_btime.tv_sec &&
	       is.stx_btime.tv_nsec == was->stx_btime.tv_nsec;
}

static void remove_file(struct finish *f, const struct record_file *file)
{
	if (!is_same(file))
		return;
	if (unlink(file->name) < 0) {
		add_failure(f, 0, "", "remove %s: %s", file->name, strerror(errno));
		return;
	}
	if (file->manifest_name)
		unlink(file->manifest_name);
	if (file->sigmf_name)
		unlink(file->sigmf_name);
	pthread_mutex_lock(&f->lock);
	f->totals.removed++;
	pthread_mutex_unlock(&f->lock);
}

static struct record_file *take_oldest(struct finish *f)
{
	struct record_file *file = f->kept;

	f->kept = file->next;
	if (!f->kept)
		f->last_kept = &f->kept;
	f->kept_count--;
	return file;
}

static void handle_file(void *arg, struct record_file *file)
{
	struct finish *f = arg;

	if (f->options.command && !file->status && file->complete)
		run_command(f, file);
	*f->last_kept = file;
	f->last_kept = &file->next;
	f->kept_count++;
	while (f->kept_count > f->options.keep) {
		struct record_file *oldest = take_oldest(f);

		if (f->options.keep)
			remove_file(f, oldest);
		record_file_free(oldest);
	}
}

/*
 * The thread that captures
 */

struct finish *finish_new(const struct finish_options *options, struct zcdma_ctx *ctx)
{
	struct finish *f = xalloc(calloc(1, sizeof(*f)));

	f->options = *options;
	f->ctx = ctx;
	f->totals.synced = true;
	f->last_kept = &f->kept;
	f->last_failure = &f->failures;
	pthread_mutex_init(&f->lock, NULL);
	record_queue_init(&f->disk, finish_file, f);
	record_queue_init(&f->commands, handle_file, f);
	return f;
}

void finish_add(struct finish *f, struct record_file *file, bool complete)
{
	file->complete = complete;
	record_queue_add(&f->disk, file);
}

static struct failure *take_failure(struct finish *f)
{
	struct failure *failure;

	if (!f->has_failures)
		return NULL;
	pthread_mutex_lock(&f->lock);
	failure = f->failures;
	if (failure)
		f->failures = failure->next;
	if (!f->failures)
		f->last_failure = &f->failures;
	f->has_failures = f->failures;
	pthread_mutex_unlock(&f->lock);
	return failure;
}

int finish_report(struct finish *f, struct report *r)
{
	struct failure *failure;

	while ((failure = take_failure(f))) {
		if (failure->rc) {
			report_system_error(r, STATUS_INCOMPLETE, failure->rc,
					    *failure->hint ? failure->hint : NULL, "%s",
					    failure->text);
			f->status = STATUS_INCOMPLETE;
		} else {
			report_note(r, "%s", failure->text);
		}
		free(failure);
	}
	return f->status;
}

/* fsync() may take long: say so on a terminal. */
static void wait_for_disk(struct finish *f, struct report *r, const char *name)
{
	struct progress progress;

	progress_begin_line(&progress, r, "capture", *name);
	if (progress.shown)
		progress_say(&progress,
			     (const char *const[]){ "writing to the disk: ", name, NULL });
	while (record_queue_wait(&f->disk, LOOK_MS))
		;
	progress_end(&progress, NULL);
}

static void wait_for_commands(struct finish *f, struct report *r)
{
	unsigned left = record_queue_wait(&f->commands, 0);

	if (left && f->options.command)
		report_note(r, "waiting for %u command%s of --then", left, left > 1 ? "s" : "");
	while (record_queue_wait(&f->commands, LOOK_MS))
		finish_report(f, r);
}

int finish_wait(struct finish *f, struct report *r, const char *syncing)
{
	struct finish_totals totals;
	int status;

	wait_for_disk(f, r, syncing);
	wait_for_commands(f, r);
	status = finish_report(f, r);
	finish_get_totals(f, &totals);
	if (status || !totals.failed)
		return status;
	return report_error(r, STATUS_INCOMPLETE, NULL,
			    "--then: %" PRIu64 " of %" PRIu64 " commands failed", totals.failed,
			    totals.commands);
}

void finish_get_totals(struct finish *f, struct finish_totals *totals)
{
	pthread_mutex_lock(&f->lock);
	*totals = f->totals;
	pthread_mutex_unlock(&f->lock);
}

void finish_free(struct finish *f)
{
	struct failure *failure;

	if (!f)
		return;
	record_queue_close(&f->disk);
	record_queue_close(&f->commands);
	while (f->kept)
		record_file_free(take_oldest(f));
	while ((failure = take_failure(f)))
		free(failure);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
