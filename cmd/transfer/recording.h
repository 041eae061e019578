/* SPDX-License-Identifier: GPL-2.0-only */
/* What capture writes: the data, and the manifest where one was asked for. */
#ifndef TRANSFER_RECORDING_H
#define TRANSFER_RECORDING_H

#include "transfer/transfer.h"

struct recording {
	const char *output;   /* a file, or NULL: standard output */
	const char *manifest; /* a file, or NULL */
	bool direct;	      /* past the page cache */
	bool sync;	      /* files are on the disk before success is reported */

	/* Its own, -1 where it is not open. */
	int fd, manifest_fd;
	bool synced;
	double sync_seconds;
};

/* Check whether @path names what standard output is: that file, pipe or socket. */
bool recording_is_stdout(const char *path);

/* Check whether the data goes to a file, which may be made only later, and not to a pipe or a device. */
bool recording_is_file(const struct recording *rec);

/* Check whether what is written to @fd is mixed into the data. */
bool recording_shares(const struct recording *rec, int fd);

/*
 * Open both, and leave alone what is in them. Returns 0, or an exit status after a reported error.
 * Call recording_end() in both cases.
 */
int recording_open(struct recording *rec, struct report *r);

/*
 * Empty both for @t's first block, unless its source reads one of them: only now is its producer, which may be
 * another program, known to have its own source open. Returns 0, or a negative errno after a reported error.
 */
int recording_begin(struct recording *rec, struct transfer *t);

/* End the manifest, sync and close both. Returns @status, or another one after an error, as above. */
int recording_end(struct recording *rec, struct transfer *t, struct report *r, int status);

#endif
