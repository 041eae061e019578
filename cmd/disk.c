// SPDX-License-Identifier: GPL-2.0-only
/* disk: a block device whose data comes from an NBD server. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <zcdma/disk.h>
#include <zcdma/util.h>

#include "applet.h"
#include "cli/clock.h"
#include "cli/expect.h"
#include "cli/figures.h"
#include "cli/opts.h"
#include "cli/progress.h"
#include "cli/service.h"
#include "cli/signals.h"

/* How long to serve a device before the next look at its server, or attempt to stop it. */
#define LOOK_MS 500

#define DEFAULT_TIMEOUT 30.0

static struct {
	const char *id, *name, *copy, *expect, *timeout, *recover, *connections, *depth;
	int read_only, send_zerocopy;
} arg;

static const char *const copies[] = { "auto", "fixed", "user", NULL }; /* enum zcdma_disk_copy */
static const char *const recovers[] = { "fail", "wait", "reissue",
					NULL }; /* enum zcdma_disk_recover */

static const struct poptOption table[] = {
	{ "read-only", 0, POPT_ARG_NONE, &arg.read_only, 0, "refuse to be written to", NULL },
	{ "id", 0, POPT_ARG_STRING, &arg.id, 0,
	  "the device is /dev/ublkbN; one that waits since its process was killed goes on", "N" },
	{ "export", 0, POPT_ARG_STRING, &arg.name, 0,
	  "which export of the server (default: the one it has without a name)", "NAME" },
	{ "copy", 0, POPT_ARG_STRING, &arg.copy, 0,
	  "fixed: once, between the connection and the pages of requests; user: twice; auto: as seldom as the kernel can (the default)",
	  "auto|fixed|user" },
	{ "send-zerocopy", 0, POPT_ARG_NONE, &arg.send_zerocopy, 0,
	  "send the pages of written data themselves", NULL },
	{ "expect", 0, POPT_ARG_STRING, &arg.expect, 0,
	  "exit with 1 unless nothing that was written was copied", "zerocopy" },
	{ "timeout", 0, POPT_ARG_STRING, &arg.timeout, 0,
	  "how long a server may leave requests unanswered before it is lost (default: 30)",
	  "SECONDS" },
	{ "recover", 0, POPT_ARG_STRING, &arg.recover, 0,
	  "when the server or this process is gone, requests fail (the default); wait, but for those under way, which fail; or are all made again",
	  "fail|wait|reissue" },
	{ "connections", 0, POPT_ARG_STRING, &arg.connections, 0,
	  "connect N times, each for a queue and a thread, where the server allows it (default: 1)",
	  "N" },
	{ "depth", 0, POPT_ARG_STRING, &arg.depth, 0,
	  "requests at a time of each connection (default: 64)", "N" },
	POPT_TABLEEND,
};

struct disk {
	struct zcdma_disk_options options;
	enum expect expect;
	struct zcdma_ctx *ctx;
	struct zcdma_disk *disk;
	uint64_t start_ns;
	struct progress progress; /* for requests for statistics */
	/* What was said: that the server is away, how often it came back, and of how many flushes. */
	bool told_away;
	uint64_t told_reconnects, told_flushes;
};

static double per_byte(uint64_t copied, uint64_t bytes)
{
	return bytes ? (double)copied / (double)bytes : NAN;
}

static void report_copies(struct report *r, const struct zcdma_disk_info *info,
			  const struct zcdma_disk_stats *s)
{
	const bool known = !s->write_pending_bytes;

	report_line(r, "copies", NULL);
	report_number(r, "read_copies", per_byte(s->read_copied_bytes, s->read_bytes),
		      " of each byte that was read, ");
	report_number(r, "write_copies",
		      known ? per_byte(s->write_copied_bytes, s->written_bytes) : NAN,
		      known ? " of each that was written, by the kernel"
			    : " (unknown yet) of each that was written, by the kernel");
	report_line(r, "because", NULL);
	report_text(r, "copies_reason", info->copy_reason, "");
	report_line(r, NULL, NULL);
	report_text(r, "copy", copies[info->copy], "");
	report_bytes(r, "read_copied_bytes", s->read_copied_bytes, "");
	report_bytes(r, "write_copied_bytes", known ? s->write_copied_bytes : REPORT_UNKNOWN, "");
}

static void report_connections(struct report *r, const struct zcdma_disk_info *info)
{
	report_line(r, info->connections > 1 || info->connections_reason ? "connections" : NULL,
		    NULL);
	report_count(r, "connections", info->connections, " with ");
	report_count(r, "depth", info->depth, " requests at a time");
	report_line(r, info->connections_reason ? "because" : NULL, NULL);
	report_text(r, "connections_reason", info->connections_reason, "");
}

static void report_requests(struct report *r, const struct zcdma_disk_stats *s)
{
	report_line(r, "read", NULL);
	report_bytes(r, "read_bytes", s->read_bytes, " in ");
	report_count(r, "reads", s->reads, " requests");
	report_line(r, "written", NULL);
	report_bytes(r, "written_bytes", s->written_bytes, " in ");
	report_count(r, "writes", s->writes, " requests, ");
	report_count(r, "flushes", s->flushes, " times flushed");
	report_line(r, s->discards ? "discarded" : NULL, NULL);
	report_bytes(r, "discarded_bytes", s->discarded_bytes, " in ");
	report_count(r, "discards", s->discards, " requests, zeroes included");
	report_line(r, s->failed ? "failed" : NULL, NULL);
	report_count(r, "failed_requests", s->failed, " requests");
	report_line(r, s->swap_refused ? "refused" : NULL, NULL);
	report_count(r, "swap_refused_requests", s->swap_refused,
		     " of them, as they were of a swap area");
	report_line(r, s->unsure_flushes ? "unsure" : NULL, NULL);
	report_count(r, "unsure_flushes", s->unsure_flushes,
		     " requests to flush failed, as another connection had answered writes");
	report_line(r, s->reconnects ? "reconnected" : NULL, NULL);
	report_count(r, "reconnects", s->reconnects, " times");
}

static void report_disk(struct disk *d, struct report *r)
{
	struct zcdma_disk_info info;
	struct zcdma_disk_stats stats;

	zcdma_disk_get_info(d->disk, &info, sizeof(info));
	zcdma_disk_get_stats(d->disk, &stats, sizeof(stats));
	report_line(r, "served", NULL);
	report_text(r, "device", info.path, ", ");
	report_bytes(r, "device_bytes", info.bytes, " of ");
	report_text(r, "server", info.server, " for ");
	report_seconds(r, "elapsed_seconds", (double)(now_ns() - d->start_ns) / 1e9, "");
	report_line(r, NULL, NULL);
	report_flag(r, "read_only", info.read_only, "");
	report_flag(r, "recovered", info.recovered, "");
	report_bytes(r, "block_bytes", info.block_bytes, "");
	report_connections(r, &info);
	report_requests(r, &stats);
	report_copies(r, &info, &stats);
}

/* Say what the device is, at once: a script waits for it. */
static void announce(struct report *r, struct disk *d)
{
	struct zcdma_disk_info info;

	zcdma_disk_get_info(d->disk, &info, sizeof(info));
	if (info.skipped_bytes)
		report_warn(r,
			    "%s lacks the last %u bytes of the export, which are not a whole block",
			    info.path, info.skipped_bytes);
	if (info.server_is_read_only && !d->options.read_only)
		report_warn(r, "%s is read-only, as its server has it so", info.path);
	if (info.recovered)
		report_note(r, "%s goes on, whose process had ended", info.path);
	if (report_is_quiet(r))
		return;
	if (report_is_json(r)) {
		fprintf(stderr, "%s\n", info.path);
		return;
	}
	printf("%s\n", info.path);
	fflush(stdout);
}

/* Say that the server is lost, and that it is back; also if both were since the last look. */
static void look_at_server(struct disk *d, struct report *r, const struct zcdma_disk_info *info,
			   const struct zcdma_disk_stats *s)
{
	const bool came_back = s->reconnects != d->told_reconnects;

	if (!d->told_away && (came_back || info->away))
		report_warn(r, "%s; requests wait until it is back", info->lost_reason);
	d->told_away |= info->away;
	if (came_back)
		report_warn(r, "NBD server %s: it is back", info->server);
	if (came_back)
		d->told_away = false;
	d->told_reconnects = s->reconnects;
}

static void look_at_flushes(struct disk *d, struct report *r, const struct zcdma_disk_info *info,
			    const struct zcdma_disk_stats *s)
{
	if (s->unsure_flushes != d->told_flushes)
		report_warn(
			r,
			"flush %s: failed on purpose: writes were answered by another connection, and "
			"nothing says that they are on the server's disk",
			info->path);
	d->told_flushes = s->unsure_flushes;
}

static void print_statistics(struct disk *d, const struct zcdma_disk_stats *s)
{
	char read[32], written[32], bytes[96], failed[48] = "", away[32] = "";

	snprintf(bytes, sizeof(bytes), "read %s, written %s in %.1f s",
		 zcdma_size_format(s->read_bytes, read, sizeof(read)),
		 zcdma_size_format(s->written_bytes, written, sizeof(written)),
		 (double)(now_ns() - d->start_ns) / 1e9);
	if (s->failed)
		snprintf(failed, sizeof(failed), ", failed %" PRIu64, s->failed);
	if (d->told_away)
		snprintf(away, sizeof(away), ", waiting for the server");
	progress_say(&d->progress, (const char *const[]){ bytes, failed, away, NULL });
}

/* Say what changed since the last look, and print statistics where they were asked for. */
static void look(struct disk *d, struct report *r)
{
	struct zcdma_disk_info info;
	struct zcdma_disk_stats s;

	zcdma_disk_get_info(d->disk, &info, sizeof(info));
	zcdma_disk_get_stats(d->disk, &s, sizeof(s));
	look_at_server(d, r, &info, &s);
	look_at_flushes(d, r, &info, &s);
	if (progress_due(&d->progress))
		print_statistics(d, &s);
}

/* Serve for @ms at most, and look. Returns the library's result. */
static int serve_for(struct disk *d, struct report *r, int ms)
{
	const int rc = zcdma_disk_serve(d->disk, ms);

	if (rc == -EINTR)
		zcdma_resume(d->ctx);
	look(d, r);
	return rc;
}

/* Serve until asked to stop, or the server is lost. Returns the library's last result. */
static int serve(struct disk *d, struct report *r)
{
	struct zcdma_disk_stats s;
	struct service service;
	int rc;

	service_begin(&service);
	do {
		rc = serve_for(d, r, sooner(service_timeout(&service), LOOK_MS));
		zcdma_disk_get_stats(d->disk, &s, sizeof(s));
		service_show(&service,
			     &(const struct figures){ .bytes = s.read_bytes + s.written_bytes },
			     now_ns() - d->start_ns);
	} while (rc == -ETIMEDOUT || (rc == -EINTR && !signals_stop()));
	service_end(&service);
	return rc;
}

/* Stop the device, which goes on while it is in use. Returns 0 or the error by which not all was written. */
static int stop(struct disk *d, struct report *r)
{
	bool told = false;
	int rc;

	while ((rc = zcdma_disk_stop(d->disk)) == -EBUSY) {
		if (!told)
			report_warn(
				r,
				"%s: unmount it to end; another signal ends at once, and what was not "
				"written back is lost",
				zcdma_error(d->ctx));
		told = true;
		rc = serve_for(d, r, LOOK_MS);
	}
	look(d, r);
	return rc;
}

static int check_expected(struct disk *d, struct report *r)
{
	struct zcdma_disk_stats s;

	zcdma_disk_get_stats(d->disk, &s, sizeof(s));
	if (d->expect != EXPECT_ZEROCOPY || (!s.write_copied_bytes && !s.write_pending_bytes))
		return STATUS_OK;
	return report_error(
		r, STATUS_INCOMPLETE,
		d->options.send_zerocopy ? NULL : "--send-zerocopy sends pages themselves",
		"expected no copies of what was written, and %s",
		s.write_copied_bytes ? "some of it was copied" : "it is unknown of some of it");
}

/* Run the device that is there. Returns the exit status. */
static int run(struct disk *d, struct report *r)
{
	int rc = serve(d, r), status = STATUS_OK, stopped;

	if (rc != -EINTR)
		status = report_ctx_error(r, STATUS_INCOMPLETE, d->ctx, rc);
	stopped = stop(d, r);
	if (stopped && !status)
		status = report_ctx_error(r, STATUS_INCOMPLETE, d->ctx, stopped);
	if (!status)
		status = check_expected(d, r);
	report_disk(d, r);
	return status ? status : signals_status(true);
}

/* Have requests for statistics wait, or not: they would end the start. */
static void hold_statistics(bool hold)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static int disk(struct report *r, struct disk *d)
{
	int rc = zcdma_new(&d->ctx), status;

	if (rc)
		return report_system_error(r, STATUS_ERROR, rc, NULL, "begin: %s", strerror(-rc));
	progress_begin_line(&d->progress, r, "disk", false);
	hold_statistics(true);
	signals_watch(d->ctx);
	rc = zcdma_disk_open(d->ctx, &d->options, &d->disk);
	d->start_ns = now_ns();
	if (!rc)
		rc = zcdma_disk_start(d->disk);
	hold_statistics(false);
	if (rc) {
		status = rc == -EINTR ? signals_status(true)
				      : report_ctx_error(r, STATUS_ERROR, d->ctx, rc);
	} else {
		announce(r, d);
		status = run(d, r);
	}
	zcdma_disk_close(d->disk);
	signals_unwatch(d->ctx);
	zcdma_free(d->ctx);
	return status;
}

static bool parse_timeout(struct report *r, int *ms)
{
	double seconds = DEFAULT_TIMEOUT;

	if (!opts_seconds(r, "--timeout", arg.timeout, &seconds))
		return false;
	*ms = seconds < INT_MAX / 1000 ? (int)(seconds * 1000) : INT_MAX;
	return true;
}

static bool parse_id(struct report *r, int *id)
{
	uint64_t number = 0;

	*id = -1;
	if (!arg.id)
		return true;
	if (!opts_number(r, "--id", arg.id, &number))
		return false;
	*id = (int)number;
	if (number < 1 << 20)
		return true;
	report_error(r, STATUS_ERROR, NULL, "--id %s: too large", arg.id);
	return false;
}

/* Parse a number of 1 to @most, unless it was not given. */
static bool parse_number(struct report *r, const char *name, const char *text, unsigned most,
			 unsigned *value)
{
	uint64_t number;

	if (!text)
		return true;
	if (!opts_number(r, name, text, &number))
		return false;
	*value = (unsigned)number;
	if (number >= 1 && number <= most)
		return true;
	report_error(r, STATUS_ERROR, NULL, "%s %s: must be 1 to %u", name, text, most);
	return false;
}

static bool parse(struct report *r, struct disk *d)
{
	const int copy = arg.copy ? opts_choice(r, "--copy", arg.copy, copies) : 0;
	const int recover = arg.recover ? opts_choice(r, "--recover", arg.recover, recovers) : 0;

	if (copy < 0 || recover < 0)
		return false;
	if (arg.send_zerocopy && copy == ZCDMA_DISK_COPY_USER) {
		report_error(
			r, STATUS_ERROR, "leave one of them out",
			"--send-zerocopy sends the pages of requests, and --copy=user does not have them");
		return false;
	}
	d->options.copy = (enum zcdma_disk_copy)copy;
	d->options.recover = (enum zcdma_disk_recover)recover;
	d->options.name = arg.name;
	d->options.read_only = arg.read_only;
	d->options.send_zerocopy = arg.send_zerocopy;
	return parse_timeout(r, &d->options.timeout_ms) && parse_id(r, &d->options.id) &&
	       parse_number(r, "--connections", arg.connections, ZCDMA_DISK_CONNECTIONS_MOST,
			    &d->options.connections) &&
	       parse_number(r, "--depth", arg.depth, ZCDMA_DISK_DEPTH_MOST, &d->options.depth) &&
	       expect_parse(r, "disk", arg.expect, &d->expect);
}

int disk_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = "[OPTION...] HOST:PORT",
		.about =
			"Makes a block device whose data comes from an NBD server, into the pages of its requests, "
			"prints its name, and serves it until Ctrl-C. The server may also be nbd://HOST:PORT/EXPORT or "
			"nbd+unix:///EXPORT?socket=PATH.",
		.table = table,
		.min_args = 1,
		.max_args = 1,
	};
	struct disk d = { .expect = EXPECT_NOTHING };
	int status;

	if (opts_parse(&o, r, argc, argv, &status)) {
		d.options.address = o.args[0];
		status = parse(r, &d) ? disk(r, &d) : STATUS_ERROR;
	}
	opts_free(&o);
	return status;
}
