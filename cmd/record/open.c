// SPDX-License-Identifier: GPL-2.0-only
/* Opens what a recording is written to. */
#include "record/open.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/place.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "cli/xalloc.h"
#include "record/name.h"
#include "record/sigmf.h"

/* How often to look whether a FIFO has a reader. */
#define READER_NS 20000000

/* Check whether what is written to @fd is mixed into the data. */
static bool shares(const struct record_file *file, int fd)
{
	struct stat data, other;

	return !fstat(file->fd, &data) && !fstat(fd, &other) && record_is_same(&data, &other);
}

static int create(const char *name, int flags)
{
	return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0666);
}

/* Open @path, and a FIFO once it has a reader: an open() that waits for one would not see a signal that came just before. */
static int open_there(const char *path, int flags)
{
	const struct timespec pause = { .tv_nsec = READER_NS };
	struct stat st;
	int fd;

	if (stat(path, &st) || !S_ISFIFO(st.st_mode))
		return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
	while ((fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0 &&
	       (errno == ENXIO || errno == EINTR)) {
		if (signals_stop()) {
			errno = EINTR;
			return fd;
		}
		nanosleep(&pause, NULL);
	}
	if (fd >= 0)
		fcntl(fd, F_SETFL, flags);
	return fd;
}

/*
 * What is standard output is written to where that stands. A FIFO waits for its reader; statistics can be asked for
 * meanwhile. Sets *@made if the file was not there before.
 */
static int open_to_write(const char *path, int flags, bool *made)
{
	int fd;

	if (!flags && record_is_stdout(path))
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	fd = create(path, flags);
	*made = fd >= 0;
	if (fd >= 0)
		return fd;
	/* It may be a link to what is not there. */
	do {
		fd = open_there(path, flags);
	} while (fd < 0 && errno == EINTR && !signals_stop());
	return fd;
}

/* Report why @path, for which @write_hint has a hint, could not be opened. Returns the exit status. */
static int open_failed(bool direct, struct report *r, const char *path, int err,
		       void (*write_hint)(const char *path, int err, char *hint, size_t len))
{
	char hint[512];

	if (err == EINTR)
		return 128 + signals_stop();
	if (err == EINVAL && direct)
		return report_system_error(r, STATUS_IMPOSSIBLE, -err,
					   "leave out --direct, or choose another file system",
					   "open %s with O_DIRECT: its file system cannot", path);
	write_hint(path, err, hint, sizeof(hint));
	return report_system_error(r, STATUS_ERROR, -err, *hint ? hint : NULL, "open %s: %s", path,
				   strerror(err));
}

int open_data(struct record_file *file, bool direct, struct report *r)
{
	int flags;

	file->fd = file->name ? open_to_write(file->name, direct ? O_DIRECT : 0, &file->made)
			      : STDOUT_FILENO;
	if (file->fd < 0)
		return open_failed(direct, r, file->name, errno, place_hint);
	flags = fcntl(file->fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return report_error(r, STATUS_ERROR, "write to a file with -o FILE",
				    "standard output is closed");
	if (isatty(file->fd))
		return report_error(r, STATUS_ERROR, "write to a file with -o FILE, or pipe it on",
				    "%s is a terminal, and the data is binary",
				    file->name ? file->name : "standard output");
	if (shares(file, STDERR_FILENO) && !report_is_quiet(r))
		return report_error(
			r, STATUS_ERROR,
			"redirect standard error to another place (2>FILE), or leave the report out (-q)",
			"standard error is the output itself: the report would be mixed into the data");
	return STATUS_OK;
}

static int manifest_failed(struct report *r, int status, const char *name)
{
	const int err = errno;
	char hint[512];

	place_hint(name, err, hint, sizeof(hint));
	return report_system_error(r, status, -err, *hint ? hint : NULL, "create manifest %s: %s",
				   name, strerror(err));
}

int open_manifest(struct record_file *file, struct report *r)
{
	file->manifest_fd = open_to_write(file->manifest_name, 0, &file->manifest_made);
	if (file->manifest_fd < 0)
		return errno == EINTR ? 128 + signals_stop()
				      : manifest_failed(r, STATUS_ERROR, file->manifest_name);
	if (shares(file, file->manifest_fd))
		return report_error(r, STATUS_ERROR, NULL, "--manifest %s: it is the output itself",
				    file->manifest_name);
	return STATUS_OK;
}

/* Remove what is empty, and still has the @name under which it was opened as @fd. */
static void remove_empty(const char *name, int fd)
{
	struct stat st, there;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_size &&
	    !lstat(name, &there) && record_is_same(&st, &there))
		unlink(name);
}

void open_remove_unused(const struct record_file *file)
{
	if (file->made)
		remove_empty(file->name, file->fd);
	if (file->manifest_made)
		remove_empty(file->manifest_name, file->manifest_fd);
}

/*
 * The first block
 */

/* @what and @name say which of the two @fd is. */
static int check_source(const struct transfer *t, int fd, const char *what, const char *name)
{
	char who[160];

	if (!zcdma_source_reads(t->src, fd, who, sizeof(who)))
		return 0;
	report_error(t->report, STATUS_ERROR, "write to another file", "%s %s: %s%s", what, name,
		     *who ? who : "it is the source itself",
		     *who ? ", which writes to the pipe, has it open to read" : "");
	return -ECANCELED;
}

int open_check_name(const char *name, struct transfer *t, const char *what)
{
	const int fd = name ? open(name, O_PATH | O_CLOEXEC) : -1;
	int rc = 0;

	if (fd < 0)
		return 0;
	rc = check_source(t, fd, what, name);
	close(fd);
	return rc;
}

/* What a shell opened is the shell's to empty: what stands there already stays. */
static int empty_file(const struct transfer *t, int fd, const char *name)
{
	struct stat st;
	int rc;

	if (record_is_stdout(name) || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    !ftruncate(fd, 0))
		return 0;
	rc = -errno;
	report_system_error(t->report, STATUS_ERROR, rc, NULL, "truncate %s: %s", name,
			    strerror(-rc));
	return rc;
}

int open_check(const struct record_file *file, struct transfer *t)
{
	int rc = check_source(t, file->fd, "write to", file->name ? file->name : "standard output");

	if (!rc && file->manifest_name)
		rc = check_source(t, file->manifest_fd, "--manifest", file->manifest_name);
	return rc;
}

int open_empty(const struct record_file *file, struct transfer *t)
{
	int rc = 0;

	if (file->name)
		rc = empty_file(t, file->fd, file->name);
	if (!rc && file->manifest_name)
		rc = empty_file(t, file->manifest_fd, file->manifest_name);
	return rc;
}

/*
 * Splitting
 */

/* Open a file without a name: by O_TMPFILE, or where a file system cannot (NFS), one that is removed again. */
static int open_nameless(const char *folder, int flags)
{
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC | flags, 0666);
	char *name;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (asprintf(&name, "%s/.zcdma-XXXXXX", folder) < 0)
		xalloc(NULL);
	fd = mkostemp(name, O_CLOEXEC | flags);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

int open_placeholder(const char *pattern, bool direct, int *fd, struct report *r)
{
	char *name = name_expand(pattern, 1, time(NULL)), *folder;

	if (!name)
		return report_error(r, STATUS_ERROR, NULL,
				    "-o %s: a name that is empty or too long", pattern);
	folder = dirname(name);
	*fd = open_nameless(folder, direct ? O_DIRECT : 0);
	if (*fd < 0) {
		int status = open_failed(direct, r, folder, errno, place_hint_folder);

		free(name);
		return status;
	}
	free(name);
	return STATUS_OK;
}

/* Check whether the metadata of @data, should there be any, would be written over. */
static bool has_sigmf(const char *data)
{
	char *name = sigmf_name(data);
	bool there = !access(name, F_OK);

	free(name);
	return there;
}

/* Create both of @file. Returns 0; -EEXIST if one of the names is taken; or a negative errno, and *@which failed. */
static int create_both(struct record_file *file, bool direct, const char **which)
{
	int rc;

	*which = file->name;
	if (has_sigmf(file->name))
		return -EEXIST;
	file->fd = create(file->name, direct ? O_DIRECT : 0);
	if (file->fd < 0)
		return -errno;
	if (!file->manifest_name)
		return 0;
	*which = file->manifest_name;
	file->manifest_fd = create(file->manifest_name, 0);
	if (file->manifest_fd >= 0)
		return 0;
	/* Two patterns can make one name, which the data has now: every number would be taken. */
	rc = strcmp(file->name, file->manifest_name) ? -errno : -EINVAL;
	unlink(file->name);
	close(file->fd);
	file->fd = -1;
	return rc;
}

int open_next(const char *pattern, const char *manifest, bool direct, unsigned *number,
	      struct record_file **out, char *why, size_t len)
{
	const time_t now = time(NULL);
	const char *which = pattern;
	int rc = -EEXIST;

	while (rc == -EEXIST && *number < NAME_NUMBER_MOST) {
		char *name = name_expand(pattern, ++*number, now);
		char *beside = manifest && name ? name_expand(manifest, *number, now) : NULL;
		struct record_file *file = record_file_new(name, beside);

		rc = !name || (manifest && !beside) ? -ENAMETOOLONG
						    : create_both(file, direct, &which);
		if (!rc) {
			*out = file;
			return 0;
		}
		if (rc != -EEXIST)
			snprintf(why, len, "create %s: %s", which, strerror(-rc));
		record_file_free(file);
	}
	if (rc == -EEXIST)
		snprintf(why, len, "create %s: all numbers are taken", pattern);
	return rc;
}
