/* SPDX-License-Identifier: GPL-2.0-only */
/* One file of a recording, and its manifest where one was asked for. */
#ifndef RECORD_FILE_H
#define RECORD_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <zcdma/verify.h>

struct record_file {
	struct record_file *next;	 /* in a queue */
	char *name;			 /* NULL: standard output */
	char *manifest_name;		 /* or NULL */
	int fd, manifest_fd;		 /* -1: not open */
	bool made, manifest_made;	 /* they were not there before */
	struct zcdma_manifest *manifest; /* that was begun, or NULL */
	struct zcdma_ctx *ctx;		 /* the manifest's own, as another thread ends it */
	uint64_t bytes;			 /* of the blocks that went into it */
	uint64_t filled;		 /* zeros in it, where data was lost */
	char *sigmf_name;		 /* NULL: it has no metadata ... */
	json_t *sigmf;			 /* ... or these ... */
	unsigned sample_bytes;		 /* ... of samples of this size */
	bool complete;			 /* all that was to go into it did */
	struct statx id;		 /* of the data, once it is finished */

	/* What record_file_finish() found. */
	int status; /* 0, or an exit status with ... */
	int rc;	    /* ... a negative errno, ... */
	char error[512];
	char hint[512]; /* ... and what helps, or empty */
	bool synced;
	double sync_seconds;
};

/* Make a file that has @name and @manifest_name, which it takes over, and is not open. */
struct record_file *record_file_new(char *name, char *manifest_name);

/* Free it. Descriptors that are open stay so. */
void record_file_free(struct record_file *file);

/*
 * Begin its manifest, with @hash unless it is NULL; @simulated says what is known of the data. Returns 0, or a negative
 * errno with an error in .error.
 */
int record_file_begin_manifest(struct record_file *file, const char *hash, bool simulated);

/*
 * End the manifest, sync and close what is open. With @complete the manifest gets its last line, and the files are
 * synced if @sync. Sets .status and what follows. Reports nothing, so that any thread may call it.
 */
void record_file_finish(struct record_file *file, bool complete, bool sync);

/* Check whether both are one stream, in which the writes to one stand between, or over, those to the other. */
bool record_is_same(const struct stat *a, const struct stat *b);

/* Check whether @path names what standard output is: that file, pipe or socket. */
bool record_is_stdout(const char *path);

/* Check whether @fd is on a disk: pipes, sockets and terminals have nothing to sync. */
bool record_is_on_disk(int fd);

#endif
