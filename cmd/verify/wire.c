// SPDX-License-Identifier: GPL-2.0-only
/* verify -i and -r: packets, live or from a file, until their end. */
#include "verify/wire.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/status.h"
#include "cli/clock.h"
#include "cli/opts.h"
#include "cli/privilege.h"
#include "cli/progress.h"
#include "cli/signals.h"

/* How long to read on after the end of the last connection: its packets may come out of order. */
#define LINGER_NS 50000000u
#define LOOK_MS	  10

/* The ring of a source, unless its options say otherwise. */
#define BLOCK_BYTES (1u << 20)

static struct {
	const char *iface, *file, *port, *buffer, *block, *checksum, *seconds;
} arg;

struct poptOption wire_options[] = {
	{ "interface", 'i', POPT_ARG_STRING, &arg.iface, 0,
	  "check the wire: capture from INTERFACE, or any", "INTERFACE" },
	{ "read", 'r', POPT_ARG_STRING, &arg.file, 0,
	  "check the wire: read FILE, pcap or pcapng, or -", "FILE" },
	{ "port", 0, POPT_ARG_STRING, &arg.port, 0, "with -i, -r: only connections to or from PORT",
	  "PORT" },
	{ "block", 0, POPT_ARG_STRING, &arg.block, 0, "with -i, -r: size of the blocks sent (1M)",
	  "SIZE" },
	{ "checksum", 0, POPT_ARG_STRING, &arg.checksum, 0,
	  "with -i, -r: off takes damaged packets too (auto)", "auto|off" },
	{ "buffer", 0, POPT_ARG_STRING, &arg.buffer, 0,
	  "with -i: the kernel's buffer for packets (64M)", "SIZE" },
	{ "seconds", 0, POPT_ARG_STRING, &arg.seconds, 0, "with -i: stop after SECONDS",
	  "SECONDS" },
	POPT_TABLEEND,
};

bool wire_parse(struct report *r, bool *wanted, bool *live)
{
	const char *only_live = arg.buffer ? "--buffer" : arg.seconds ? "--seconds" : NULL;
	const char *only_wire = arg.port       ? "--port"
				: arg.block    ? "--block"
				: arg.checksum ? "--checksum"
					       : only_live;

	*wanted = arg.iface || arg.file;
	*live = arg.iface;
	if (arg.iface && arg.file)
		report_error(r, STATUS_ERROR, NULL, "--interface and --read exclude each other");
	else if (!*wanted && only_wire)
		report_error(r, STATUS_ERROR, NULL, "%s is for --interface and --read", only_wire);
	else if (arg.file && only_live)
		report_error(r, STATUS_ERROR, NULL, "%s is for --interface", only_live);
	else if (arg.file && !strcmp(arg.file, "-") && isatty(STDIN_FILENO))
		report_error(r, STATUS_ERROR, "pipe a capture in, as of tcpdump -w -",
			     "standard input is a terminal");
	else
		return true;
	return false;
}

/* A run: packets are taken until one of its ends. */
struct wire_run {
	const struct wire *w;
	struct zcdma_wire *wire;
	struct progress progress;
	double seconds; /* --seconds, or 0 */
	uint64_t start_ns;
	uint64_t ended_ns; /* when as many connections had ended as were asked for, or 0 */
	bool is_none;	   /* what was to be read is not a capture */
	struct wire_totals totals;
};

static bool is_over(struct wire_run *run, const struct zcdma_wire_stats *stats, uint64_t now)
{
	if (!arg.iface)
		return false;
	if (run->seconds > 0 && (double)(now - run->start_ns) >= run->seconds * 1e9)
		return true;
	/* One that was reset may turn out to go on. */
	if (!run->w->streams || stats->ended < run->w->streams)
		run->ended_ns = 0;
	else if (!run->ended_ns)
		run->ended_ns = now;
	return run->ended_ns && now - run->ended_ns >= LINGER_NS;
}

/* Take packets to the end. Returns 0, or a negative errno with the context's error message set. */
static int take_packets(struct wire_run *run)
{
	struct zcdma_wire_stats stats;
	int rc;

	while (!signals_stop()) {
		rc = zcdma_wire_run(run->wire, LOOK_MS);
		if (rc == -EINTR)
			zcdma_resume(run->w->ctx);
		else if (!rc || (rc < 0 && rc != -ETIMEDOUT))
			return signals_stop() ? 0 : rc;
		zcdma_wire_get_stats(run->wire, &stats);
		if (is_over(run, &stats, now_ns()))
			return 0;
		if (progress_due(&run->progress))
			progress_show(&run->progress,
				      &(struct figures){ .bytes = stats.packet_bytes });
	}
	return 0;
}

static int parse(const struct wire *w, struct zcdma_wire_options *o, double *seconds)
{
	static const char *const checksums[] = { "auto", "off", NULL };
	struct report *r = w->r;
	uint64_t port = 0, buffer = 0;
	int checksum = arg.checksum ? opts_choice(r, "--checksum", arg.checksum, checksums) : 0;

	o->iface = arg.iface;
	o->file = arg.file;
	o->unchecked = w->unchecked;
	o->manifest = w->expect->manifest;
	o->seed = w->expect->seed;
	o->block_bytes = BLOCK_BYTES;
	o->any_checksum = checksum;
	if (checksum < 0 || !opts_count(r, "--port", arg.port, &port) ||
	    !opts_size(r, "--buffer", arg.buffer, &buffer) ||
	    !opts_size(r, "--block", arg.block, &o->block_bytes) ||
	    !opts_seconds(r, "--seconds", arg.seconds, seconds))
		return STATUS_ERROR;
	if (port > 65535)
		return report_error(r, STATUS_ERROR, NULL, "--port %s: at most 65535", arg.port);
	if (buffer > INT_MAX) /* as libpcap takes it */
		return report_error(r, STATUS_ERROR, NULL, "--buffer %s: at most %d bytes",
				    arg.buffer, INT_MAX);
	o->port = (unsigned)port;
	o->buffer_bytes = (size_t)buffer;
	return STATUS_OK;
}

/*
 * Take packets to the end, or as far as they can be read: then the run is incomplete, as a transfer is. Returns 0, or
 * an exit status after an error that has been reported.
 */
static int run_to_end(struct wire_run *run)
{
	struct report *r = run->w->r;
	struct zcdma_wire_stats stats;
	int rc, end, status;

	if (arg.iface && !report_is_quiet(r))
		fprintf(stderr, "zcdma verify: capturing on %s\n", arg.iface);
	progress_begin(&run->progress, r, "verify", true);
	run->start_ns = now_ns();
	rc = take_packets(run);
	zcdma_wire_get_stats(run->wire, &stats);
	progress_end(&run->progress, &(struct figures){ .bytes = stats.packet_bytes });
	run->totals.broke_off = rc;
	/* A pipe shows only now whether it is a capture. */
	run->is_none = rc == -EINVAL && !stats.packets;
	status = rc == -ENOMEM || run->is_none ? STATUS_ERROR : rc ? STATUS_INCOMPLETE : STATUS_OK;
	if (rc)
		report_ctx_error(r, status, run->w->ctx, rc);
	end = zcdma_wire_end(run->wire);
	if (end && !rc)
		status = report_ctx_error(r, STATUS_ERROR, run->w->ctx, end);
	return status;
}

/* The list is full: what is dropped from it has its place in the totals. */
static void add_dropped(void *to, const struct zcdma_wire_stream *s)
{
	struct wire_run *run = to;

	wire_add(run->w, run->wire, &run->totals, s);
}

int wire_verify(const struct wire *w)
{
	struct wire_run run = { .w = w };
	struct zcdma_wire_options o = { 0 };
	int status = parse(w, &o, &run.seconds), rc, judged;

	if (status)
		return status;
	o.dropped = add_dropped;
	o.arg = &run;
	rc = zcdma_wire_open(w->ctx, &o, &run.wire);
	if (rc)
		return report_ctx_error(w->r, STATUS_ERROR, w->ctx, rc);
	status = arg.iface ? privilege_drop(w->r) : STATUS_OK;
	if (status)
		goto close_wire;
	status = run_to_end(&run);
	if (run.is_none)
		goto close_wire;
	judged = wire_report(w, run.wire, &run.totals, (double)(now_ns() - run.start_ns) / 1e9,
			     arg.iface);
	if (!status)
		status = signals_stop() && !outcome_fails(run.totals.outcome, w->expect->complete)
				 ? 128 + signals_stop()
				 : judged;
close_wire:
	zcdma_wire_close(run.wire);
	return status;
}
