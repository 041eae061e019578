// SPDX-License-Identifier: GPL-2.0-only
/* capture: read blocks from a source and write them to stdout or a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applet.h"
#include "losses.h"
#include "opts.h"
#include "setup.h"
#include "signals.h"

static struct {
	const char *output, *manifest;
	int direct;
} arg;

static const struct poptOption table[] = {
	{ "output", 'o', POPT_ARG_STRING, &arg.output, 0,
	  "write to FILE instead of standard output", "FILE" },
	{ "direct", 0, POPT_ARG_NONE, &arg.direct, 0,
	  "write FILE with O_DIRECT, past the page cache", NULL },
	{ "manifest", 0, POPT_ARG_STRING, &arg.manifest, 0,
	  "record length and XXH3 of each block in FILE", "FILE" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, setup_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

/* These two put the descriptor into *@fd, and return 0 or an exit status. */

static int open_stdout(struct report *r, int *fd)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return report_error(r, STATUS_ERROR, "write to a file with -o FILE",
				    "standard output is closed");
	if (isatty(STDOUT_FILENO))
		return report_error(r, STATUS_ERROR, "write to a file with -o FILE, or pipe it on",
				    "standard output is a terminal, and the data is binary");
	*fd = STDOUT_FILENO;
	return STATUS_OK;
}

static int open_file(struct report *r, int *fd)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (arg.direct ? O_DIRECT : 0);

	/* A FIFO's open() waits for its reader; statistics can be asked for meanwhile. */
	do {
		*fd = open(arg.output, flags, 0666);
	} while (*fd < 0 && errno == EINTR && !signals_stop());
	if (*fd >= 0)
		return STATUS_OK;
	if (errno == EINTR)
		return 128 + signals_stop();
	if (errno == EINVAL && arg.direct)
		return report_system_error(r, STATUS_IMPOSSIBLE, -errno,
					   "leave out --direct, or choose another file system",
					   "open %s with O_DIRECT: its file system cannot",
					   arg.output);
	return report_system_error(r, STATUS_ERROR, -errno, NULL, "open %s: %s", arg.output,
				   strerror(errno));
}

/* Not before everything else is ready: what cannot be done leaves a file that is there alone. */
static int truncate_file(struct report *r, int fd)
{
	struct stat st;

	if (!arg.output || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !ftruncate(fd, 0))
		return STATUS_OK;
	return report_system_error(r, STATUS_ERROR, -errno, NULL, "truncate %s: %s", arg.output,
				   strerror(errno));
}

/* Data that is still only promised may yet turn out not to fit: NFS, quotas. */
static int close_file(struct report *r, int fd, int status)
{
	if (fd < 0 || fd == STDOUT_FILENO)
		return status;
	if (close(fd) < 0 && !status)
		return report_system_error(r, STATUS_INCOMPLETE, -errno, NULL, "close %s: %s",
					   arg.output, strerror(errno));
	return status;
}

static bool is_file(const char *path, const struct stat *st)
{
	struct stat other;

	return !stat(path, &other) && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* Creating the manifest empties a file of that name, which must not be the data. */
static int create_manifest(struct transfer *t, struct report *r, const char *source, int fd)
{
	const char *file = source && !strncmp(source, "file:", 5) ? source + 5 : source;
	struct stat st;
	int rc;

	if (!stat(arg.manifest, &st) && S_ISREG(st.st_mode)) {
		struct stat out, in;

		if (!fstat(fd, &out) && is_file(arg.manifest, &out))
			return report_error(r, STATUS_ERROR, NULL,
					    "--manifest %s: it is the output itself", arg.manifest);
		if ((file && is_file(file, &st)) ||
		    (!fstat(STDIN_FILENO, &in) && is_file(arg.manifest, &in)))
			return report_error(r, STATUS_ERROR, NULL,
					    "--manifest %s: it is the source itself", arg.manifest);
	}
	rc = zcdma_manifest_create(t->ctx, arg.manifest, &t->manifest);
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

static int close_manifest(struct transfer *t, struct report *r, int status)
{
	int rc = t->manifest ? zcdma_manifest_close(t->manifest) : 0;

	return rc && !status ? report_ctx_error(r, STATUS_INCOMPLETE, t->ctx, rc) : status;
}

static void report_capture(const struct transfer *t, struct report *r)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(t->path, &s);
	report_line(r, strcmp(t->path_type->name, "null") ? "captured" : "discarded",
		    "%B{captured_bytes} to %S{to} in %T{elapsed_seconds}, %R{bytes_per_second}",
		    s.bytes, arg.output ? arg.output : "standard output", t->seconds,
		    t->seconds > 0 ? (double)s.bytes / t->seconds : 0.0);
	report_line(r, "path", "%S{path}, %N{calls} system calls",
		    zcdma_path_get_type(t->path)->name, s.calls);
	report_line(r, arg.manifest ? "manifest" : NULL, "%S{manifest}", arg.manifest);
	transfer_report_source(t, r);
}

/* In a pipeline, the program behind the pipe shows its own progress on the same terminal. */
static bool wants_progress(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && !S_ISFIFO(st.st_mode);
}

static int capture(struct report *r, const char *source)
{
	static struct transfer t; /* the histogram is large */
	struct setup s = {
		.source = source,
		.default_path = "copy",
		.to_stdout = !arg.output,
		.reads_data = arg.manifest,
		.only_path = arg.direct ? "copy" : NULL, /* which sees to alignment */
		.only_for = "--direct",
	};
	int status, fd = -1;

	if (arg.direct && !arg.output)
		return report_error(r, STATUS_ERROR, NULL, "--direct needs a file: -o FILE");
	status = setup_context(&t, r);
	if (!status)
		status = setup_source(&t, r, &s);
	if (status)
		goto out;
	status = arg.output ? open_file(r, &fd) : open_stdout(r, &fd);
	if (status)
		goto out;
	status = setup_path(&t, r, fd, ZCDMA_FALLBACK_COPY);
	if (status)
		goto out;
	status = arg.manifest ? create_manifest(&t, r, source, fd) : STATUS_OK;
	if (status)
		goto out;
	status = truncate_file(r, fd);
	if (status)
		goto out;
	progress_begin(&t.progress, r, "capture", wants_progress(fd));
	status = setup_run(&t, r);
	report_capture(&t, r);
out:
	status = close_manifest(&t, r, status);
	status = close_file(r, fd, status);
	if (t.path)
		status = losses_check(r, t.src, status);
	setup_close(&t);
	return status;
}

int capture_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = "[OPTION...] [SOURCE]",
		.about =
			"Writes the blocks of SOURCE to standard output or to a file. SOURCE is dev:[PATH,OPTIONS] (the default where /dev/zcdma0 exists), sim:[OPTIONS] (else), file:PATH, pcap:NAME[,OPTIONS] or -.",
		.table = table,
		.max_args = 1,
	};
	int status;

	report_use_stderr(r, true); /* until it is known where the data goes */
	if (opts_parse(&o, r, argc, argv, &status)) {
		report_use_stderr(r, !arg.output);
		status = capture(r, o.args[0]);
	}
	opts_free(&o);
	return status;
}
