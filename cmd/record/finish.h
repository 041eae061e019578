/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What becomes of a recording's files once they are written: each is synced and closed, then a command runs for it,
 * then the oldest are removed. Two threads do so, that the capture does not wait: one for the disk, one for the
 * commands, which run one at a time and in the order of the files.
 */
#ifndef RECORD_FINISH_H
#define RECORD_FINISH_H

#include "cli/report.h"
#include "record/file.h"

struct finish_options {
	bool sync;	     /* files are on the disk before their command runs */
	const char *command; /* of --then, or NULL */
	uint64_t keep;	     /* files; 0: all */
};

struct finish_totals {
	uint64_t files;	   /* that are finished */
	uint64_t commands; /* that ended; of those ... */
	uint64_t failed;   /* ... with another status than 0 */
	uint64_t removed;  /* files, to keep no more than were asked for */
	bool synced;	   /* all files are on the disk */
	double sync_seconds;
};

struct finish;

/* Begin. @ctx is interrupted when there is something for finish_report(). */
struct finish *finish_new(const struct finish_options *options, struct zcdma_ctx *ctx);

/* Finish @file, which is no longer the caller's, in the background. @complete: as record_file_finish() has it. */
void finish_add(struct finish *f, struct record_file *file, bool complete);

/* Report what failed until now. Returns STATUS_OK, or the exit status if what was recorded is not safe. */
int finish_report(struct finish *f, struct report *r);

/*
 * Wait for all that was added, with a message where that may take long: @syncing, unless it is empty, is the name of what
 * goes to the disk. Returns STATUS_OK or an exit status.
 */
int finish_wait(struct finish *f, struct report *r, const char *syncing);

/* Get what was done until now. */
void finish_get_totals(struct finish *f, struct finish_totals *totals);

/* Free it after finish_wait(); NULL is fine. */
void finish_free(struct finish *f);

#endif
