/* SPDX-License-Identifier: GPL-2.0-only */
/* Opens what a recording is written to. Errors are reported here. */
#ifndef RECORD_OPEN_H
#define RECORD_OPEN_H

#include "record/file.h"
#include "transfer/transfer.h"

/* Open the data of @file, past the page cache with @direct. Returns 0, or an exit status after a reported error. */
int open_data(struct record_file *file, bool direct, struct report *r);

/* Open its manifest, which must be another file. Returns as above. */
int open_manifest(struct record_file *file, struct report *r);

/* Remove the files of those two that were not there before, of a recording that does not begin. */
void open_remove_unused(const struct record_file *file);

/*
 * Check that the source of @t does not read what has that @name, if anything does; @what says what it is for. Returns 0, or a
 * negative errno after a reported error.
 */
int open_check_name(const char *name, struct transfer *t, const char *what);

/* Check likewise that it reads neither of @file. */
int open_check(const struct record_file *file, struct transfer *t);

/* Empty both, unless a shell opened them. Returns likewise. */
int open_empty(const struct record_file *file, struct transfer *t);

/*
 * Open a file without a name in the folder of @pattern, for a path to start with until there is a file: it shows
 * early whether files can be written there. Returns as open_data().
 */
int open_placeholder(const char *pattern, bool direct, int *fd, struct report *r);

/*
 * Make the next file, and its manifest unless @manifest is NULL: the number is the first after *@number whose names are
 * free. No file that exists is touched. Returns 0, or a negative errno with the error in @why of @len bytes.
 */
int open_next(const char *pattern, const char *manifest, bool direct, unsigned *number,
	      struct record_file **file, char *why, size_t len);

#endif
