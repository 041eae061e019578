/* SPDX-License-Identifier: GPL-2.0-only */
/* One output of a capture: the data, in one file or in several, and a manifest of each where one was asked for. */
#ifndef RECORD_RECORDING_H
#define RECORD_RECORDING_H

#include "record/finish.h"
#include "record/sigmf.h"
#include "record/split.h"
#include "transfer/transfer.h"

/* What is asked for of each output. */
struct recording_options {
	const char *hash; /* of the manifests' blocks, or NULL */
	bool direct;	  /* past the page cache, unless it is standard output */
	enum zcdma_gaps gaps;
	struct sigmf_options sigmf;
	struct split split;
	bool splits; /* into files of several names: by .split, or each event has one (trigger.h) */
	struct finish_options finish;
};

struct recording {
	const struct recording_options *options;
	const char *
		output; /* a file, or NULL: standard output. A pattern of names where it is split ... */
	const char *manifest; /* ... as this one is: a file, or NULL */
	bool is_split;	      /* it goes to files of several names */

	/* Its own. */
	struct zcdma_path *path;  /* to it, which is the caller's to open and close */
	int fd;			  /* that the path writes to at first; -1: not open */
	struct record_file *file; /* that is written to, or NULL */
	struct finish *finishing;
	unsigned number;	  /* of the last file */
	unsigned cuts_seen;	  /* SIGHUPs that were heeded */
	uint64_t due_ns;	  /* when the time of the file is over, by .options->split.ns */
	char last[256];		  /* the name of the last file */
	char why[700], hint[512]; /* an error that is not the context's, or empty */
	bool begun;		  /* until then nothing is written, nor emptied */
	bool unplaced;		  /* it is unknown where in the device's stream what comes now is */
	bool shifted;		  /* losses that are not whole samples were reported */
	struct finish_totals totals;
};

/* Begin one for @output and @manifest, either of which may be NULL, and @options, which stay the caller's. */
void recording_init(struct recording *rec, const struct recording_options *options,
		    const char *output, const char *manifest);

/* Returns what people call it by. */
const char *recording_name(const struct recording *rec);

/* Check whether the data goes to a file, which may be made only later, and not to a pipe or a device. */
bool recording_is_file(const struct recording *rec);

/* Check whether it goes to a pipe. */
bool recording_is_pipe(const struct recording *rec);

/* Check whether its file is written to past the page cache. */
bool recording_is_direct(const struct recording *rec);

/*
 * Open what is written to, and leave alone what is in it. Returns 0, or an exit status after a reported error.
 * Call recording_end() in both cases.
 */
int recording_open(struct recording *rec, struct transfer *t, struct report *r);

/*
 * Check, before anything is opened, that the source of @t does not read what is to be written. Returns 0, or a negative errno
 * after a reported error.
 */
int recording_check_names(const struct recording *rec, struct transfer *t);

/*
 * Check the same once @t's first block is there: only now is its producer, which may be another program, known to have its
 * own source open.
 */
int recording_check(const struct recording *rec, struct transfer *t);

/* Empty it for that block. Returns likewise. */
int recording_begin(struct recording *rec, struct transfer *t);

/*
 * Have a file to put @b into: cut, and begin another one, where it is time. Returns 0, or a negative errno with the error in
 * .why, or in the context where that is empty.
 */
int recording_block(struct recording *rec, struct transfer *t, const struct zcdma_block *b);

/* Cut where it is time, and report what failed in the background. Returns the same. */
int recording_watch(struct recording *rec, struct transfer *t);

/* End the file, if there is one. Returns the same. */
int recording_cut(struct recording *rec, struct transfer *t);

/* Returns when recording_watch() is due, or 0: as soon as there is another reason. */
uint64_t recording_next_watch(const struct recording *rec);

/* Finish the last file, and wait for all of them. Returns @status, or another one after an error, as above. */
int recording_end(struct recording *rec, struct report *r, int status);

#endif
