/* SPDX-License-Identifier: GPL-2.0-only */
/* The outputs of a capture, of which each gets every block; and the events that are recorded. */
#ifndef RECORD_OUTPUTS_H
#define RECORD_OUTPUTS_H

#include "record/recording.h"
#include "record/trigger.h"
#include "transfer/fanout.h"
#include "transfer/setup.h"

struct outputs {
	struct recording_options options;
	struct recording output[FANOUT_MOST];
	unsigned count;
	uint64_t depth; /* writes in flight, of each file with O_DIRECT */
	struct trigger trigger;

	/* Its own. */
	struct fanout several; /* where there are */
	struct handover_outputs to;
	int failed;	     /* a negative errno that ends the run */
	char waits_for[300]; /* of one output: for the note after a request to stop */
	bool busy;	     /* with an event */
	bool depth_noted;
};

/*
 * Add one for each of the names @outputs, or standard output with NULL, and one of @manifests, which may be NULL, for each in
 * the same order. Both end with NULL. Returns false after a reported usage error.
 */
bool outputs_add(struct outputs *o, struct report *r, const char *const outputs[],
		 const char *const manifests[]);

/* Returns whether data goes to standard output, or to what is the same. */
bool outputs_use_stdout(const struct outputs *o);

/* Check the options against each other. Returns 0, or an exit status after a reported error. */
int outputs_check(const struct outputs *o, struct report *r);

/* Set what of @s the outputs decide. */
void outputs_get_setup(const struct outputs *o, struct setup *s);

/*
 * Open what is written to, and the paths to it, for the source of @t, whose ring is made. Returns 0, or an exit status after a
 * reported error. Call outputs_end() and outputs_close() in both cases.
 */
int outputs_open(struct outputs *o, struct transfer *t, struct report *r, const struct setup *s);

/* Between blocks: cut where it is time, heed a trigger, and report what failed in the background. outputs_open() has @t call it. */
void outputs_watch(struct outputs *o, struct transfer *t);

/* Returns whether one of them shows no progress of its own, as a pipeline does on the same terminal. */
bool outputs_want_progress(const struct outputs *o);

/* Finish all files. Returns @status, or another one after a reported error. */
int outputs_end(struct outputs *o, struct transfer *t, struct report *r, int status);

/* Report where the data went, in lines, and in a table where it went to several. */
void outputs_report(const struct outputs *o, const struct transfer *t, struct report *r);

/* Close the paths. */
void outputs_close(struct outputs *o, struct transfer *t);

#endif
