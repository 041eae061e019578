// SPDX-License-Identifier: GPL-2.0-only
/* One file of a recording, and its manifest where one was asked for. */
#include "record/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/status.h"
#include "cli/xalloc.h"
#include "record/sigmf.h"

struct record_file *record_file_new(char *name, char *manifest_name)
{
	struct record_file *file = xalloc(calloc(1, sizeof(*file)));

	file->name = name;
	file->manifest_name = manifest_name;
	file->fd = file->manifest_fd = -1;
	return file;
}

void record_file_free(struct record_file *file)
{
	if (!file)
		return;
	zcdma_manifest_abandon(file->manifest);
	zcdma_free(file->ctx);
	free(file->name);
	free(file->manifest_name);
	free(file->sigmf_name);
	json_decref(file->sigmf);
	free(file);
}

/* Note the first failure: later ones follow from it. */
static void fail(struct record_file *file, int rc, const char *hint, const char *what,
		 const char *name)
{
	if (file->status)
		return;
	file->status = STATUS_INCOMPLETE;
	file->rc = rc;
	snprintf(file->hint, sizeof(file->hint), "%s", hint);
	snprintf(file->error, sizeof(file->error), "%s %s: %s", what,
		 name ? name : "standard output", strerror(-rc));
}

/* Note the failure @rc of the manifest, whose context has the message. Returns @rc. */
static int manifest_failed(struct record_file *file, int rc)
{
	const char *hint = zcdma_hint(file->ctx);

	if (!file->status) {
		snprintf(file->error, sizeof(file->error), "%s", zcdma_error(file->ctx));
		snprintf(file->hint, sizeof(file->hint), "%s", hint ? hint : "");
	}
	file->status = STATUS_INCOMPLETE;
	file->rc = rc;
	return rc;
}

int record_file_begin_manifest(struct record_file *file, const char *hash, bool simulated)
{
	int rc = zcdma_new(&file->ctx);

	if (rc) {
		fail(file, rc, "", "create manifest", file->manifest_name);
		return rc;
	}
	rc = zcdma_manifest_create_fd(file->ctx, file->manifest_fd, file->manifest_name,
				      &file->manifest);
	if (!rc && hash)
		rc = zcdma_manifest_set_hash(file->manifest, hash);
	if (rc)
		return manifest_failed(file, rc);
	if (simulated)
		zcdma_manifest_comment(file->manifest, "simulated data");
	return 0;
}

bool record_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       (S_ISREG(a->st_mode) || S_ISFIFO(a->st_mode) || S_ISSOCK(a->st_mode));
}

bool record_is_stdout(const char *path)
{
	struct stat named, out;

	return !stat(path, &named) && !fstat(STDOUT_FILENO, &out) && record_is_same(&named, &out);
}

bool record_is_on_disk(int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
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

static void sync_file(struct record_file *file, int fd, const char *name)
{
	int rc;

	if (!record_is_on_disk(fd))
		return;
	rc = fsync(fd) < 0 ? -errno : 0;
	if (!rc)
		rc = sync_folder(name ? name : "/proc/self/fd/1");
	if (!rc)
		return;
	fail(file, rc, "what was written may be lost: do not rely on any of it", "sync", name);
}

/* A manifest with its last line says that the data is complete. */
static void end_manifest(struct record_file *file, bool complete)
{
	int rc = 0;

	if (complete && file->manifest)
		rc = zcdma_manifest_close(file->manifest);
	else
		zcdma_manifest_abandon(file->manifest);
	file->manifest = NULL;
	if (rc)
		manifest_failed(file, rc);
}

/* Data that is still only promised may yet turn out not to fit: NFS, quotas. */
static void close_file(struct record_file *file, int *fd, const char *name)
{
	if (*fd >= 0 && *fd != STDOUT_FILENO && close(*fd))
		fail(file, -errno, "", "close", name);
	*fd = -1;
}

/* Write what says what the samples are, also of data that is not complete. */
static void write_sigmf(struct record_file *file, bool sync)
{
	int fd, rc;

	if (!file->sigmf)
		return;
	/* It was made as blocks were sent, and the disk may be full. */
	if (S_ISREG(file->id.stx_mode))
		sigmf_cut(file->sigmf, file->id.stx_size / file->sample_bytes);
	fd = open(file->sigmf_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	rc = fd < 0 ? -errno : sigmf_write(file->sigmf, fd);
	if (rc)
		fail(file, rc, "", "write", file->sigmf_name);
	else if (sync)
		sync_file(file, fd, file->sigmf_name);
	close_file(file, &fd, file->sigmf_name);
}

/* Data without a name is gone when it is closed. */
static void check_name(struct record_file *file)
{
	struct stat st;

	/* "/dev/fd/3" is a name too, which such a file may still have. */
	if (!file->name || fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink ||
	    !stat(file->name, &st))
		return;
	fail(file, -ENOENT, "the file was removed while it was written", "keep", file->name);
}

void record_file_finish(struct record_file *file, bool complete, bool sync)
{
	const uint64_t start = now_ns();

	sync = sync && complete && record_is_on_disk(file->fd);
	if (file->fd >= 0)
		statx(file->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &file->id);
	if (complete)
		check_name(file);
	/* The data first: a manifest with its last line is not to be found on a disk without it. */
	if (sync)
		sync_file(file, file->fd, file->name);
	write_sigmf(file, sync);
	end_manifest(file, complete && !file->status);
	if (sync && !file->status && file->manifest_name)
		sync_file(file, file->manifest_fd, file->manifest_name);
	file->synced = sync && !file->status;
	if (sync)
		file->sync_seconds = (double)(now_ns() - start) / 1e9;
	close_file(file, &file->manifest_fd, file->manifest_name);
	close_file(file, &file->fd, file->name);
}
