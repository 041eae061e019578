// SPDX-License-Identifier: GPL-2.0-only
/* verify: check a stream against its pattern or manifest. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applet.h"
#include "verify/udp.h"
#include "cli/cpu.h"
#include "cli/expect.h"
#include "transfer/handover.h"
#include "cli/xalloc.h"
#include "cli/opts.h"
#include "cli/plural.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "verify/stream.h"
#include "verify/verdict.h"
#include "verify/run.h"
#include "verify/wire.h"

#define MAX_STREAMS (SIGNALS_MAX - 1)

/* Over UDP nothing but a mark ends a stream, which may be lost. */
#define UDP_IDLE_SECONDS 5

static struct {
	const char *listen, *streams, *idle, *manifest, *pattern, *bytes, *expect;
} arg;

static enum expect expected;

static const struct poptOption table[] = {
	{ "listen", 'l', POPT_ARG_STRING, &arg.listen, 0,
	  "receive the stream, by TCP or with udp: before it", "ADDRESS" },
	{ "streams", 0, POPT_ARG_STRING, &arg.streams, 0,
	  "with --listen, -i: end after N streams (1)", "N" },
	{ "idle", 0, POPT_ARG_STRING, &arg.idle, 0,
	  "with --listen: how long a stream may be silent", "SECONDS" },
	{ "manifest", 0, POPT_ARG_STRING, &arg.manifest, 0,
	  "check against FILE, which capture recorded", "FILE" },
	{ "pattern", 0, POPT_ARG_STRING, &arg.pattern, 0,
	  "seed of the pattern (0); -i, -r: none, any data", "SEED" },
	{ "bytes", 'n', POPT_ARG_STRING, &arg.bytes, 0, "expect exactly SIZE bytes of each stream",
	  "SIZE" },
	{ "expect", 0, POPT_ARG_STRING, &arg.expect, 0,
	  "exit with 1 unless data is complete, or uncopied", "complete|zerocopy" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, live_options, 0, NULL, NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, cpu_options, 0, NULL, NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, wire_options, 0, NULL, NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, handover_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

/*
 * Receiving
 */

/* Accept connections until all streams have come, or a signal. Returns 0, or an exit status after a reported error. */
static int accept_streams(struct verify *v, const int *fds, unsigned count)
{
	struct stream *s;
	int status = STATUS_OK;

	while (!status && v->started < v->wanted && !signals_stop()) {
		s = verify_next_stream(v);
		s->fd = zcdma_accept_any(v->ctx, fds, count, s->from, sizeof(s->from));
		if (s->fd == -EINTR) {
			zcdma_resume(v->ctx);
			verify_show_progress(v);
			continue;
		}
		if (s->fd < 0)
			return report_ctx_error(v->r, STATUS_ERROR, v->ctx, s->fd);
		status = verify_start_stream(v, s);
	}
	return status;
}

static void say_where(const struct verify *v, const int *fds, unsigned count)
{
	char name[128];

	for (unsigned i = 0; i < count; i++)
		report_listening(v->r, zcdma_sockname(fds[i], false, name, sizeof(name)),
				 arg.listen);
}

static int listen_and_receive(struct verify *v)
{
	int fds[ZCDMA_LISTEN_MOST], status, count;

	count = zcdma_listen_all(v->ctx, &v->addr, fds, ZCDMA_LISTEN_MOST);
	if (count < 0)
		return report_ctx_error(v->r, STATUS_ERROR, v->ctx, count);
	say_where(v, fds, (unsigned)count);
	if (v->addr.udp) {
		status = datagrams_receive(v, fds, (unsigned)count);
		verify_end_progress(v);
	} else {
		status = accept_streams(v, fds, (unsigned)count);
	}
	while (count > 0)
		close(fds[--count]);
	if (!v->addr.udp)
		verify_wait(v);
	return status;
}

/* Parse --listen, and check the options that only TCP or only UDP has. Returns 0, or an exit status after a reported error. */
static int check_address(struct verify *v)
{
	int rc = arg.listen ? zcdma_addr_parse(v->ctx, arg.listen, &v->addr) : 0;

	if (rc)
		return report_ctx_error(v->r, STATUS_ERROR, v->ctx, rc);
	if (v->addr.framed && v->wanted > 1)
		return report_error(v->r, STATUS_ERROR, "run a verify for each stream",
				    "--streams: a framed stream has its listener to itself");
	if (v->expect.complete && arg.listen && !v->addr.framed && !v->expect.bytes &&
	    !v->expect.manifest)
		return report_error(v->r, STATUS_ERROR, "give --bytes or --manifest",
				    "--expect=complete: nothing says where the stream should end");
	if (arg.idle && !arg.listen)
		return report_error(v->r, STATUS_ERROR, NULL, "--idle is for --listen");
	if (!arg.idle && v->addr.udp)
		v->idle_seconds = UDP_IDLE_SECONDS;
	if (arg.manifest && v->addr.udp)
		return report_error(
			v->r, STATUS_ERROR,
			"leave --manifest out: the pattern shows where a datagram belongs",
			"--manifest is for whole streams, and not for datagrams");
	return STATUS_OK;
}

/* Reject a bad manifest before accepting a connection. */
static int check_manifest(struct verify *v, const char *source)
{
	const bool is_live =
		arg.listen || v->wire_is_live || (!v->wire && (!source || !strcmp(source, "-")));
	struct zcdma_check *check = NULL;
	int rc = arg.manifest ? zcdma_check_manifest(v->ctx, arg.manifest, &check) : 0;

	zcdma_check_free(check);
	if (rc == -ENOENT && is_live) /* it may be of a recording that goes on */
		return report_system_error(
			v->r, STATUS_ERROR, rc,
			"a manifest is complete when its recording has ended: store the data, and check it then",
			"%s", zcdma_error(v->ctx));
	return rc ? report_ctx_error(v->r, STATUS_ERROR, v->ctx, rc) : STATUS_OK;
}

static int receive(struct verify *v, const char *source)
{
	char *framed = NULL;
	struct stream *s;
	int status;

	if (arg.listen && !v->addr.framed)
		return listen_and_receive(v);
	if (!source && !arg.listen && isatty(STDIN_FILENO))
		return report_error(v->r, STATUS_ERROR,
				    "give a SOURCE, --listen ADDRESS, or pipe something in",
				    "standard input is a terminal");
	s = verify_next_stream(v);
	/* The source that takes frames listens by itself. */
	if (arg.listen && asprintf(&framed, "tcp:%s", arg.listen) < 0)
		framed = NULL;
	s->spec = arg.listen ? xalloc(framed) : source ? source : "-";
	if (!strcmp(s->spec, "-")) {
		s->handover = handover_name(v->handover);
		s->verbose = report_is_verbose(v->r);
	} else if (v->handover == HANDOVER_REQUIRE) {
		return handover_no_pipe(v->r);
	}
	status = verify_start_stream(v, s);
	verify_wait(v);
	free(framed);
	if (s->why[0])
		report_verbose(v->r, "bytes, and no hand-over: %s", s->why);
	return status;
}

/*
 * The applet
 */

static void report_streams(const struct verify *v)
{
	if (v->wanted > 1)
		verdict_report_all(v->r, v->streams, v->started, v->wanted);
	else if (v->started && v->streams[0].opened) /* else there is nothing but the error */
		verdict_report(v->r, &v->streams[0]);
	if (!v->addr.udp || !v->started)
		return;
	report_line(v->r, "socket", NULL);
	report_count(v->r, "socket_drops", v->socket.drops, " times without room in ");
	report_bytes(v->r, "socket_buffer_bytes", v->socket.buffer, ", ");
	report_count(v->r, "ignored_datagrams", v->socket.ignored, " of no stream");
}

/* Check that no other sender's data was left out, as capture udp: does. Returns 0, or an exit status after a reported error. */
static int check_others(const struct verify *v)
{
	char hint[96];

	if (!v->socket.others)
		return STATUS_OK;
	snprintf(hint, sizeof(hint), "check more of them (--streams=%u), or let one send at a time",
		 v->wanted + 1);
	return report_error(v->r, STATUS_INCOMPLETE, hint,
			    "datagrams of more than %u sender%s came: %" PRIu64
			    " of others %s skipped, and not checked",
			    v->wanted, plural_s(v->wanted), v->socket.others,
			    plural_were(v->socket.others));
}

/* Check which options go together. Returns 0, or an exit status after a reported error. */
static int check_options(struct report *r, const struct verify *v, const char *source)
{
	const bool piped = !arg.listen && !v->wire;

	if ((source != NULL) + (arg.listen != NULL) + v->wire > 1)
		return report_error(
			r, STATUS_ERROR, "give one of them alone",
			"a SOURCE, --listen, and --interface or --read exclude each other");
	if (v->handover == HANDOVER_REQUIRE && !piped)
		return handover_no_pipe(r);
	if (arg.streams && !arg.listen && !v->wire_is_live)
		return report_error(r, STATUS_ERROR, NULL,
				    "--streams is for --listen and --interface");
	if (v->unchecked && !v->wire)
		return report_error(r, STATUS_ERROR, NULL,
				    "--pattern none is for --interface and --read");
	if (v->wire && expected == EXPECT_ZEROCOPY)
		return report_error(r, STATUS_ERROR, NULL,
				    "--expect=zerocopy is not for --interface and --read");
	if (arg.manifest && arg.pattern)
		return report_error(r, STATUS_ERROR, NULL,
				    "--manifest and --pattern exclude each other");
	/* A ring that comes through a pipe has an end of its own, and so have connections on the wire. */
	if (v->expect.complete && !v->wire && source && strcmp(source, "-") && !v->expect.bytes &&
	    !v->expect.manifest)
		return report_error(r, STATUS_ERROR, "give --bytes or --manifest",
				    "--expect=complete: nothing says where the stream should end");
	return STATUS_OK;
}

/* Parse the options into @v. Returns 0, or an exit status after a reported error. */
static int parse_options(struct report *r, struct verify *v)
{
	uint64_t wanted = 1;

	v->unchecked = arg.pattern && !strcmp(arg.pattern, "none");
	if (!opts_count(r, "--streams", arg.streams, &wanted) ||
	    (!v->unchecked && !opts_number(r, "--pattern", arg.pattern, &v->expect.seed)) ||
	    !opts_size(r, "--bytes", arg.bytes, &v->expect.bytes) ||
	    !opts_seconds(r, "--idle", arg.idle, &v->idle_seconds) ||
	    !expect_parse(r, "verify", arg.expect, &expected) || !handover_parse(r, &v->handover) ||
	    !wire_parse(r, &v->wire, &v->wire_is_live) || !live_parse(r) || !cpu_bind(r))
		return STATUS_ERROR;
	if (wanted > MAX_STREAMS)
		return report_error(r, STATUS_ERROR, NULL, "--streams %s: at most %d", arg.streams,
				    MAX_STREAMS);
	v->wanted = (unsigned)wanted;
	v->expect.manifest = arg.manifest;
	v->expect.hashes = !arg.manifest && !arg.pattern;
	v->expect.complete = expected == EXPECT_COMPLETE;
	return STATUS_OK;
}

/* Check what is status 1 beside the streams' data. Returns 0, or an exit status after a reported error. */
static int check_run(const struct verify *v)
{
	int status = expected == EXPECT_ZEROCOPY
			     ? verdict_check_zerocopy(v->r, v->streams, v->started)
			     : STATUS_OK;

	return status ? status : check_others(v);
}

/* Judge and report the run. Returns its exit status, by the order that zcdma(1) has for several that apply. */
static int judge_run(const struct verify *v)
{
	const enum outcome worst = verdict_worst(v->streams, v->started);
	const bool fails =
		signals_stop() ? outcome_fails(worst, v->expect.complete) : worst > OUTCOME_LOSSY;
	/* The first error is the one that is printed: status 1 goes before data that was lost, status 4. */
	const int first = fails ? STATUS_OK : check_run(v);
	const int judged = verdict(v->r, v->streams, v->started);

	report_streams(v);
	if (first)
		return first;
	return signals_stop() && !fails ? 128 + signals_stop() : judged;
}

static int verify_streams(struct verify *v, const char *source)
{
	int status, judged;

	v->streams = xalloc(calloc(v->wanted, sizeof(*v->streams)));
	progress_begin(&v->progress, v->r, "verify", true);
	status = receive(v, source);
	judged = judge_run(v);
	for (unsigned i = 0; i < v->wanted; i++)
		stream_free(&v->streams[i]);
	free(v->streams);
	return status ? status : judged;
}

static int verify_wire(struct verify *v)
{
	const struct wire w = {
		.r = v->r,
		.ctx = v->ctx,
		.expect = &v->expect,
		.unchecked = v->unchecked,
		.streams = v->wanted,
	};

	return wire_verify(&w);
}

static int verify(struct report *r, const char *source)
{
	struct verify v = { .r = r };
	int status = parse_options(r, &v);

	if (!status)
		status = check_options(r, &v, source);
	if (status)
		return status;
	status = zcdma_new(&v.ctx);
	if (status)
		return report_system_error(r, STATUS_ERROR, status, NULL, "start: %s",
					   strerror(-status));
	signals_watch(v.ctx);
	status = check_address(&v);
	if (!status)
		status = check_manifest(&v, source);
	if (!status)
		status = v.wire ? verify_wire(&v) : verify_streams(&v, source);
	signals_unwatch(v.ctx);
	zcdma_free(v.ctx);
	return status;
}

int verify_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = "[OPTION...] [SOURCE | -l ADDRESS | -i INTERFACE | -r FILE]",
		.about =
			"Checks a stream, and says where and how it differs; with -i and -r also what of it was on the wire, and whether that changed in flight. SOURCE is file:PATH, a path, sim:[OPTIONS], tcp:[HOST]:PORT, udp:[HOST]:PORT or - (standard input, the default).",
		.table = table,
		.max_args = 1,
	};
	int status;

	if (opts_parse(&o, r, argc, argv, &status))
		status = verify(r, o.args[0]);
	opts_free(&o);
	return status;
}
