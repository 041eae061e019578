// SPDX-License-Identifier: GPL-2.0-only
/* What capture writes: the data, and the manifest where one was asked for. */
#include "transfer/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/status.h"
#include "cli/clock.h"
#include "cli/signals.h"

/* Check whether both are one stream, in which the writes to one stand between, or over, those to the other. */
static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       (S_ISREG(a->st_mode) || S_ISFIFO(a->st_mode) || S_ISSOCK(a->st_mode));
}

bool recording_is_stdout(const char *path)
{
	struct stat named, out;

	return !stat(path, &named) && !fstat(STDOUT_FILENO, &out) && is_same(&named, &out);
}

bool recording_is_file(const struct recording *rec)
{
	struct stat st;

	if (rec->output)
		return stat(rec->output, &st) < 0 || S_ISREG(st.st_mode);
	return !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode);
}

bool recording_shares(const struct recording *rec, int fd)
{
	struct stat data, other;

	return !fstat(rec->fd, &data) && !fstat(fd, &other) && is_same(&data, &other);
}

/*
 * Opening
 */

/*
 * What is standard output is written to where that stands. A FIFO's open() waits for its reader; statistics
 * can be asked for meanwhile.
 */
static int open_to_write(const char *path, int flags)
{
	int fd;

	if (!flags && recording_is_stdout(path))
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	do {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
	} while (fd < 0 && errno == EINTR && !signals_stop());
	return fd;
}

static int open_failed(const struct recording *rec, struct report *r, const char *path)
{
	if (errno == EINTR)
		return 128 + signals_stop();
	if (errno == EINVAL && rec->direct)
		return report_system_error(r, STATUS_IMPOSSIBLE, -errno,
					   "leave out --direct, or choose another file system",
					   "open %s with O_DIRECT: its file system cannot", path);
	return report_system_error(r, STATUS_ERROR, -errno, NULL, "open %s: %s", path,
				   strerror(errno));
}

static int open_data(struct recording *rec, struct report *r)
{
	int flags;

	rec->fd = rec->output ? open_to_write(rec->output, rec->direct ? O_DIRECT : 0)
			      : STDOUT_FILENO;
	if (rec->fd < 0)
		return open_failed(rec, r, rec->output);
	flags = fcntl(rec->fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return report_error(r, STATUS_ERROR, "write to a file with -o FILE",
				    "standard output is closed");
	if (isatty(rec->fd))
		return report_error(r, STATUS_ERROR, "write to a file with -o FILE, or pipe it on",
				    "%s is a terminal, and the data is binary",
				    rec->output ? rec->output : "standard output");
	if (recording_shares(rec, STDERR_FILENO) && !report_is_quiet(r))
		return report_error(
			r, STATUS_ERROR,
			"redirect standard error to another place (2>FILE), or leave the report out (-q)",
			"standard error is the output itself: the report would be mixed into the data");
	return STATUS_OK;
}

static int open_manifest(struct recording *rec, struct report *r)
{
	rec->manifest_fd = open_to_write(rec->manifest, 0);
	if (rec->manifest_fd < 0)
		return errno == EINTR ? 128 + signals_stop()
				      : report_system_error(r, STATUS_ERROR, -errno, NULL,
							    "create manifest %s: %s", rec->manifest,
							    strerror(errno));
	if (recording_shares(rec, rec->manifest_fd))
		return report_error(r, STATUS_ERROR, NULL, "--manifest %s: it is the output itself",
				    rec->manifest);
	return STATUS_OK;
}

int recording_open(struct recording *rec, struct report *r)
{
	int status = open_data(rec, r);

	return status || !rec->manifest ? status : open_manifest(rec, r);
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

/* What a shell opened is the shell's to empty: what stands there already stays. */
static int empty_file(const struct transfer *t, int fd, const char *name)
{
	struct stat st;
	int rc;

	if (recording_is_stdout(name) || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    !ftruncate(fd, 0))
		return 0;
	rc = -errno;
	report_system_error(t->report, STATUS_ERROR, rc, NULL, "truncate %s: %s", name,
			    strerror(-rc));
	return rc;
}

int recording_begin(struct recording *rec, struct transfer *t)
{
	struct zcdma_source_info info;
	int rc =
		check_source(t, rec->fd, "write to", rec->output ? rec->output : "standard output");

	if (!rc && rec->manifest)
		rc = check_source(t, rec->manifest_fd, "--manifest", rec->manifest);
	if (!rc && rec->output)
		rc = empty_file(t, rec->fd, rec->output);
	if (rc || !rec->manifest)
		return rc;
	rc = empty_file(t, rec->manifest_fd, rec->manifest);
	if (!rc)
		rc = zcdma_manifest_create_fd(t->ctx, rec->manifest_fd, rec->manifest,
					      &t->manifest);
	if (rc)
		return rc;
	zcdma_path_set_manifest(t->path, t->manifest);
	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (info.simulated > 0)
		zcdma_manifest_comment(t->manifest, "simulated data");
	return 0;
}

/*
 * The end
 */

/* A manifest with its last line says that the data is complete. */
static int end_manifest(struct transfer *t, struct report *r, int status)
{
	int rc;

	if (!t->manifest)
		return status;
	if (status && status < 128) {
		zcdma_manifest_abandon(t->manifest);
		return status;
	}
	rc = zcdma_manifest_close(t->manifest);
	return rc ? report_ctx_error(r, STATUS_INCOMPLETE, t->ctx, rc) : status;
}

/* A new file is found after a crash only where its name is on the disk too: fsync(2). */
static int sync_folder(const char *file)
{
	char *path = realpath(file, NULL);
	int fd = path ? open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = fd >= 0 && fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(path);
	/* A file system that has no such call does it by itself. */
	return rc == -EINVAL ? 0 : rc;
}

/* Pipes, sockets and terminals have nothing to sync. */
static bool is_on_disk(int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

/* Write what the page cache holds to the disk, which may take long: say so on a terminal. */
static int sync_data(int fd, const char *name, struct report *r)
{
	struct progress progress;
	int rc;

	progress_begin(&progress, r, "capture", true);
	if (progress.shown)
		progress_say(&progress,
			     (const char *const[]){ "writing to the disk: ", name, NULL });
	rc = fsync(fd) < 0 ? -errno : 0;
	progress_end(&progress);
	return rc;
}

static int sync_file(int fd, const char *name, struct report *r)
{
	int rc;

	if (!is_on_disk(fd))
		return STATUS_OK;
	rc = sync_data(fd, name ? name : "standard output", r);
	if (!rc)
		rc = sync_folder(name ? name : "/proc/self/fd/1");
	if (!rc)
		return STATUS_OK;
	return report_system_error(r, STATUS_INCOMPLETE, rc,
				   "what was written may be lost: do not rely on any of it",
				   "sync %s: %s", name ? name : "standard output", strerror(-rc));
}

/* The data first: a manifest with its last line is not to be found on a disk without it. */
static int sync_and_end_manifest(struct recording *rec, struct transfer *t, struct report *r,
				 int status)
{
	const bool sync = rec->sync && (!status || status >= 128) && is_on_disk(rec->fd);
	const uint64_t start = now_ns();
	int failed = sync ? sync_file(rec->fd, rec->output, r) : STATUS_OK;

	status = end_manifest(t, r, failed ? failed : status);
	if (!sync || failed || (status && status < 128))
		return status;
	if (rec->manifest)
		failed = sync_file(rec->manifest_fd, rec->manifest, r);
	rec->synced = !failed;
	rec->sync_seconds = (double)(now_ns() - start) / 1e9;
	return failed ? failed : status;
}

/* Data that is still only promised may yet turn out not to fit: NFS, quotas. */
static int close_file(int fd, const char *name, struct report *r, int status)
{
	if (fd < 0 || fd == STDOUT_FILENO || !close(fd) || status)
		return status;
	return report_system_error(r, STATUS_INCOMPLETE, -errno, NULL, "close %s: %s", name,
				   strerror(errno));
}

int recording_end(struct recording *rec, struct transfer *t, struct report *r, int status)
{
	status = sync_and_end_manifest(rec, t, r, status);
	status = close_file(rec->manifest_fd, rec->manifest, r, status);
	return close_file(rec->fd, rec->output, r, status);
}
