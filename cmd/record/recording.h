/* SPDX-License-Identifier: GPL-2.0-only */
/* What capture writes: the data, in one file or in several, and a manifest of each where one was asked for. */
#ifndef RECORD_RECORDING_H
#define RECORD_RECORDING_H

#include "record/finish.h"
#include "record/sigmf.h"
#include "record/split.h"
#include "record/trigger.h"
#include "transfer/transfer.h"

struct recording {
	const char *
		output; /* a file, or NULL: standard output. A pattern of names where it is split ... */
	const char *manifest; /* ... as this one is: a file, or NULL */
	const char *hash;     /* of the manifest's blocks, or NULL */
	bool direct;	      /* past the page cache */
	enum zcdma_gaps gaps;
	struct sigmf_options sigmf;
	struct split split;
	struct trigger trigger;
	struct finish_options finish;

	/* Its own. */
	int fd;			  /* that the path writes to at first; -1: not open */
	struct record_file *file; /* that is written to, or NULL */
	struct finish *finishing;
	unsigned number;       /* of the last file */
	unsigned cuts_seen;    /* SIGHUPs that were heeded */
	uint64_t due_ns;       /* when the time of the file is over, by .split.ns */
	struct zcdma_ctx *ctx; /* the transfer's */
	char last[256];	       /* the name of the last file */
	int failed;	       /* a negative errno that ends the run */
	bool busy;	       /* with an event */
	bool unplaced;	       /* it is unknown where in the device's stream what comes now is */
	bool shifted;	       /* losses that are not whole samples were reported */
	struct finish_totals totals;
};

/* Returns whether what is written goes to files of several names. */
bool recording_is_split(const struct recording *rec);

/* Check whether the data goes to a file, which may be made only later, and not to a pipe or a device. */
bool recording_is_file(const struct recording *rec);

/* Check the options against each other. Returns 0, or an exit status after a reported error. */
int recording_check(const struct recording *rec, struct report *r);

/*
 * Open what is written to, and leave alone what is in it. Returns 0, or an exit status after a reported error.
 * Call recording_end() in both cases.
 */
int recording_open(struct recording *rec, struct transfer *t, struct report *r);

/*
 * Empty it for @t's first block, unless its source reads one of them: only now is its producer, which may be
 * another program, known to have its own source open. Returns 0, or a negative errno after a reported error.
 */
int recording_begin(struct recording *rec, struct transfer *t);

/*
 * Have a file to put @b into: cut, and begin another one, where it is time. Returns as recording_begin(), or 1 if the block
 * is kept for an event to come.
 */
int recording_block(struct recording *rec, struct transfer *t, const struct zcdma_block *b);

/* Between blocks: cut where it is time, and report what failed in the background. */
void recording_watch(struct recording *rec, struct transfer *t);

/* Finish the last file, and wait for all of them. Returns @status, or another one after an error, as above. */
int recording_end(struct recording *rec, struct transfer *t, struct report *r, int status);

#endif
