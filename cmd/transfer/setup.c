// SPDX-License-Identifier: GPL-2.0-only
/* Makes a transfer from the command line, as capture and the senders share it. */
#include "transfer/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transfer/connecting.h"
#include "transfer/ending.h"
#include "transfer/frames.h"
#include "transfer/handover.h"
#include "cli/cpu.h"
#include "cli/opts.h"
#include "transfer/packet_stats.h"
#include "cli/privilege.h"
#include "cli/signals.h"
#include "cli/status.h"

static struct {
	const char *path, *bytes, *blocks, *seconds, *rate, *pattern;
} arg;

struct poptOption setup_options[] = {
	{ "bytes", 'n', POPT_ARG_STRING, &arg.bytes, 0, "stop after SIZE bytes", "SIZE" },
	{ "blocks", 0, POPT_ARG_STRING, &arg.blocks, 0, "stop after N blocks", "N" },
	{ "seconds", 0, POPT_ARG_STRING, &arg.seconds, 0, "stop after SECONDS", "SECONDS" },
	{ "rate", 0, POPT_ARG_STRING, &arg.rate, 0, "pace of sim: or dev:, bytes per second",
	  "SIZE" },
	{ "pattern", 0, POPT_ARG_STRING, &arg.pattern, 0,
	  "seed of the pattern that sim: or dev: writes", "SEED" },
	{ "path", 0, POPT_ARG_STRING, &arg.path, 0, "way to send",
	  "copy|zerocopy|vmsplice|splice|sendfile|uring|uring-fixed|null" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, live_options, 0, NULL, NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, cpu_options, 0, NULL, NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, handover_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

/* Return true if standard input can be read, and is neither a terminal nor /dev/null. */
static bool stdin_has_data(void)
{
	struct stat st, null;
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || fstat(STDIN_FILENO, &st) < 0)
		return false;
	if (!S_ISCHR(st.st_mode))
		return true;
	return !isatty(STDIN_FILENO) &&
	       !(stat("/dev/null", &null) == 0 && null.st_rdev == st.st_rdev);
}

/* Returns NULL after a usage error: a recording of simulated data has to be asked for. */
static const char *choose_source(struct report *r, const struct setup *s)
{
	const char *source;

	if (s->source)
		return s->source;
	if (s->stdin_is_default && stdin_has_data())
		return "-";
	if (s->to_device) {
		report_error(
			r, STATUS_ERROR,
			"name what to play: file:PATH, tcp:[HOST]:PORT, - (standard input), dev:PATH, or another source",
			"no SOURCE was given");
		return NULL;
	}
	source = zcdma_source_default();
	if (!strcmp(source, "dev:")) {
		report_note(r, "no SOURCE was given: using dev:, /dev/zcdma0");
		return source;
	}
	if (s->to_file) {
		report_error(
			r, STATUS_ERROR,
			"name what to record: file:PATH, pcap:NAME, xdp:IFACE, tcp:[HOST]:PORT, udp:[HOST]:PORT, - (standard input), or sim: for simulated data",
			"no SOURCE was given, and there is no /dev/zcdma0");
		return NULL;
	}
	report_warn(r, "no SOURCE was given: using sim:, a simulated device");
	return source;
}

/* Set an option of a device's source that has one of its own on the command line. Returns 0 or an exit status. */
static int set_option(struct transfer *t, struct report *r, const char *source, const char *option,
		      const char *name, const char *value)
{
	const struct zcdma_source_type *type = zcdma_source_type_of(source);
	char hint[256] = "leave it out";
	int rc;

	if (!value)
		return STATUS_OK;
	if (!strcmp(type->name, "file") && !strcmp(name, "rate"))
		snprintf(hint, sizeof(hint), "leave it out, or pace the file: %s%s,pace=%s",
			 strncmp(source, "file:", 5) ? "file:" : "", source, value);
	if (strcmp(type->name, "sim") && strcmp(type->name, "dev"))
		return report_error(r, STATUS_ERROR, hint,
				    "%s is for sim: and dev:, and the source is %s", option,
				    source);
	rc = zcdma_source_set(t->src, name, value);
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

/* Set what the command line says of the source. Returns 0 or an exit status. */
static int set_options(struct transfer *t, struct report *r, const struct setup *s,
		       const char *source, enum handover mode)
{
	int status = set_option(t, r, source, "--rate", "rate", arg.rate), rc = 0;

	if (!status)
		status = set_option(t, r, source, "--pattern", "seed", arg.pattern);
	if (status)
		return status;
	if (s->reads_data || (s->hashes && !(t->path_type->required_caps & ZCDMA_CAP_FD)))
		rc = zcdma_source_set(t->src, "read", NULL);
	if (!rc && !strcmp(source, "-"))
		rc = zcdma_source_set(t->src, "handover", handover_name(mode));
	if (!rc && s->repeats)
		rc = zcdma_source_set(t->src, "repeat", NULL);
	if (!rc && s->reads_directly)
		rc = zcdma_source_set(t->src, "direct", NULL);
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

/* Find the path of that @name, if one is asked for. Returns false after a usage error. */
static bool find_path(struct report *r, const char *name, const struct zcdma_path_type **type)
{
	const char *names[16] = { NULL };
	int i;

	if (!name)
		return true;
	for (i = 0; i < 15 && zcdma_path_type_at((unsigned)i); i++)
		names[i] = zcdma_path_type_at((unsigned)i)->name;
	i = opts_choice(r, "--path", name, names);
	if (i >= 0)
		*type = zcdma_path_type_at((unsigned)i);
	return i >= 0;
}

/* Check that the path does what the options ask for. Returns 0, or an exit status after a reported error. */
static int check_path(const struct zcdma_path_type *type, struct report *r, const struct setup *s)
{
	if (s->reads_data && type->required_caps & ZCDMA_CAP_FD)
		return report_error(r, STATUS_ERROR, NULL,
				    "--manifest reads the data, which --path=%s does not",
				    type->name);
	if (s->describes && !strcmp(type->name, "null"))
		return report_error(r, STATUS_ERROR, "to measure without a disk, use -o /dev/null",
				    "%s describes data that is kept, and --path=%s discards it",
				    s->describes, type->name);
	if (s->only_path && strcmp(type->name, s->only_path))
		return report_error(r, STATUS_ERROR, NULL,
				    "%s is for --path=%s, and not for --path=%s", s->only_for,
				    s->only_path, type->name);
	if (s->fills_blocks && (!strcmp(type->name, "vmsplice") || !strcmp(type->name, "splice")))
		return report_error(r, STATUS_ERROR, "use --path=copy",
				    "%s: path %s leaves the blocks to the driver", s->fills_blocks,
				    type->name);
	if (s->reporting_for && !type->reports_copied)
		return report_error(
			r, STATUS_ERROR, NULL,
			"%s is for paths with completions, such as zerocopy, and not for --path=%s",
			s->reporting_for, type->name);
	return STATUS_OK;
}

static bool parse_limits(struct transfer *t, struct report *r)
{
	return opts_size(r, "--bytes", arg.bytes, &t->max_bytes) &&
	       opts_count(r, "--blocks", arg.blocks, &t->max_blocks) &&
	       opts_seconds(r, "--seconds", arg.seconds, &t->max_seconds);
}

int setup_context(struct transfer *t, struct report *r)
{
	int rc = zcdma_new(&t->ctx);

	if (rc)
		return report_system_error(r, STATUS_ERROR, rc, NULL, "start: %s", strerror(-rc));
	signals_watch(t->ctx); /* the first one: there is room */
	return STATUS_OK;
}

/* Refuse to show with the driver what it prevents. */
static int check_reuse(struct transfer *t, struct report *r)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (!t->unsafe_reuse || !info.tracks_pages)
		return STATUS_OK;
	return report_error(r, STATUS_ERROR, "use sim: to see it",
			    "--unsafe-reuse: the driver waits for pages in flight in any case");
}

/* Refuse to cut what only its beginning explains. */
static int check_split(struct transfer *t, struct report *r, const struct setup *s)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (!s->splits || info.packets != ZCDMA_PACKETS_WHOLE)
		return STATUS_OK;
	return report_error(
		r, STATUS_ERROR,
		"record their payload (payload), or let dumpcap -b or tcpdump -C write the packets",
		"--split: only the first file would have the head of a capture of packets");
}

static void describe_source(const struct transfer *t, struct report *r)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (info.listens)
		report_listening(r, info.listens, info.name);
	report_verbose(r, "source %s, path %s", info.name, t->path_type->name);
	if (info.blocks)
		report_verbose(r, "ring of %u blocks of %zu bytes, in pages of %zu bytes",
			       info.blocks, info.block_size, info.page_size);
}

/* Check that a hand-over that is required is possible. Returns 0, or an exit status after a reported error. */
static int check_handover(struct report *r, const struct setup *s, const char *source,
			  enum handover mode)
{
	if (mode != HANDOVER_REQUIRE || !strcmp(source, "-"))
		return STATUS_OK;
	if (!s->hands_over)
		return handover_no_pipe(r);
	if (arg.path)
		return report_error(r, STATUS_ERROR, NULL,
				    "--handover=require and --path exclude each other");
	return STATUS_OK;
}

/* Open the source. Returns 0 or an exit status. */
static int open_source(struct transfer *t, struct report *r, const struct setup *s,
		       const char *source, enum handover mode)
{
	const bool in = !strcmp(source, "-");
	int rc = zcdma_source_open(t->ctx, source, &t->src), status;

	if (rc)
		return report_ctx_error(r, STATUS_ERROR, t->ctx, rc);
	status = set_options(t, r, s, source, mode);
	if (status)
		return status;
	t->ring_fd = in && mode != HANDOVER_NEVER ? STDIN_FILENO : -1;
	/* What comes through a pipe is in no ring of ours. */
	t->shares = !in && !arg.path;
	t->handover = s->hands_over ? mode : HANDOVER_NEVER;
	return STATUS_OK;
}

/*
 * Into a pipe, splice() moves the pages of a device that waits until they are free; those of any other
 * source would have to be replaced.
 */
static bool is_moved_by_splice(const struct setup *s, const char *source)
{
	const struct zcdma_source_type *type = zcdma_source_type_of(source);

	return s->to_pipe && !s->reads_data && type && type->tracks_pages;
}

int setup_source(struct transfer *t, struct report *r, const struct setup *s)
{
	const char *source, *name = s->default_path;
	uint64_t rate, seed;
	enum handover mode;
	int status;

	if (!parse_limits(t, r) || !handover_parse(r, &mode) ||
	    !opts_size(r, "--rate", arg.rate, &rate) ||
	    !opts_number(r, "--pattern", arg.pattern, &seed) || !live_parse(r) || !cpu_bind(r))
		return STATUS_ERROR;
	source = choose_source(r, s);
	if (!source)
		return STATUS_ERROR;
	if (s->pipe_path && !strcmp(source, "-"))
		name = s->pipe_path;
	else if (is_moved_by_splice(s, source))
		name = "splice";
	if (!find_path(r, arg.path ? arg.path : name, &t->path_type))
		return STATUS_ERROR;
	status = t->path_type ? check_path(t->path_type, r, s) : STATUS_OK;
	if (status)
		return status;
	status = check_handover(r, s, source, mode);
	if (status)
		return status;
	return open_source(t, r, s, source, mode);
}

/* Hand the ring over to its readers. Returns 0, which may be none, or an exit status after a reported error. */
static int hand_over(struct transfer *t, struct report *r, struct handover_outputs *outputs)
{
	int status = handover_open(t, r, outputs);

	for (unsigned i = 0; !status && i < outputs->count; i++)
		t->by_handover |= outputs->path[i] != NULL;
	if (t->by_handover && outputs->count == 1)
		t->path_type = zcdma_path_get_type(outputs->path[0]);
	return status;
}

/* Make the ring, which may wait for the device. Returns 0, or an exit status after a reported error. */
static int prepare(struct transfer *t, struct report *r)
{
	int rc;

	do
		rc = zcdma_source_prepare(t->src, t->path_type->name);
	while (signals_call_again(t->ctx, rc));
	if (rc == -EINTR)
		return 128 + signals_stop();
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

int setup_ring(struct transfer *t, struct report *r, const struct setup *s,
	       struct handover_outputs *outputs)
{
	int status = STATUS_OK;

	if (outputs && t->handover != HANDOVER_NEVER)
		status = hand_over(t, r, outputs);
	if (!status && !t->by_handover)
		status = prepare(t, r);
	if (status)
		return status;
	describe_source(t, r);
	status = check_split(t, r, s);
	return status ? status : check_reuse(t, r);
}

static int set_path_options(struct transfer *t, enum zcdma_fallback fallback)
{
	int rc = zcdma_path_set_fallback(t->path, fallback);

	return !rc && t->unsafe_reuse ? zcdma_path_set_unsafe_reuse(t->path) : rc;
}

int setup_path(struct transfer *t, struct report *r, int fd, enum zcdma_fallback fallback)
{
	int rc = zcdma_path_open(t->ctx, t->src, t->path_type->name, fd, &t->path);

	if (!rc)
		rc = set_path_options(t, fallback);
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

int setup_path_to(struct transfer *t, struct report *r, const char *address,
		  enum zcdma_fallback fallback)
{
	const char *type = t->path_type ? t->path_type->name : NULL;
	struct connecting connecting;
	int rc = fallback == ZCDMA_FALLBACK_KEEP ? zcdma_path_probe(t->ctx, t->path_type) : 0;

	if (rc)
		return report_ctx_error(r, STATUS_ERROR, t->ctx, rc);
	connecting_begin(&connecting, t, r, address);
	do
		rc = zcdma_path_connect(t->ctx, t->src, type, address, &t->path);
	while (signals_call_again(t->ctx, rc));
	connecting_end(&connecting);
	if (rc == -EINTR)
		return 128 + signals_stop();
	if (!rc)
		rc = set_path_options(t, fallback);
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

int setup_path_to_device(struct transfer *t, struct report *r, const char *address)
{
	int status = setup_path_to(t, r, address, ZCDMA_FALLBACK_COPY);

	if (status)
		return status;
	t->path_type = zcdma_path_get_type(t->path);
	describe_source(t, r);
	return STATUS_OK;
}

/* The sink failed, as opposed to what was asked for: what arrived, if only nothing, is incomplete. */
static bool is_sink_error(int err)
{
	static const int errors[] = { EPIPE, ECONNRESET, ECONNABORTED, ENOSPC, EDQUOT, EFBIG, EIO };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i] == err)
			return true;
	}
	return false;
}

/* Report the error @rc of a part of the transfer. Returns its exit status. */
static int judge(struct transfer *t, struct report *r, int rc)
{
	struct zcdma_path_stats stats;

	if (!rc)
		return STATUS_OK;
	if (ending_explains(rc)) {
		report_note(r, "%s", zcdma_error(t->ctx));
		return 128 + signals_stop();
	}
	transfer_get_path_stats(t, &stats);
	return report_ctx_error(
		r, stats.bytes || is_sink_error(-rc) ? STATUS_INCOMPLETE : STATUS_ERROR, t->ctx,
		rc);
}

/* Drop privileges once everything is open: a file may be where only root may write. */
static int drop_privileges(const struct transfer *t, struct report *r)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	return info.privileged ? privilege_drop(r) : STATUS_OK;
}

static int check_frames(const struct transfer *t, struct report *r)
{
	struct zcdma_source_stats stats;

	zcdma_source_get_stats(t->src, &stats, sizeof(stats));
	return frames_check(r, &stats);
}

static void sent_all(struct transfer *t)
{
	if (t->sent_all)
		t->sent_all(t);
}

int setup_run(struct transfer *t, struct report *r)
{
	int status = drop_privileges(t, r), rc;

	if (!status)
		status = judge(t, r, transfer_run(t, r));
	rc = transfer_finish(t, !status);
	if (!status)
		status = judge(t, r, rc);
	if (!status)
		sent_all(t);
	/* Wrong data is an error also after a signal. */
	if (!status || status >= 128) {
		rc = packets_check(r, t->src);
		rc = rc ? rc : check_frames(t, r);
		status = rc && (!status || rc == STATUS_INCOMPLETE) ? rc : status;
	}
	return status ? status : ending_status(t);
}

void setup_close(struct transfer *t)
{
	zcdma_path_close(t->path);
	zcdma_source_close(t->src);
	if (t->ctx)
		signals_unwatch(t->ctx);
	zcdma_free(t->ctx);
}
