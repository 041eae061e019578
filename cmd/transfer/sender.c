// SPDX-License-Identifier: GPL-2.0-only
/* What zcsend, vmsplice and copysend share: a transfer to a socket. */
#include "transfer/sender.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transfer/losses.h"
#include "cli/opts.h"
#include "cli/signals.h"

static const char *datagram;

struct poptOption sender_options[] = {
	{ "datagram", 0, POPT_ARG_STRING, &datagram, 0,
	  "with udp:HOST:PORT: at most so many bytes in one (what the MTU has room for)", "SIZE" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, setup_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

static void report_sends(const struct zcdma_path_stats *s, const struct zcdma_path_type *type,
			 struct report *r)
{
	bool tells = type->tells, plain = type->reuse == ZCDMA_REUSE_DONE;

	report_line(r, tells ? "zero-copied" : NULL,
		    "%B{zerocopy_bytes} in %N{zerocopy_sends} sends", s->zerocopy_bytes,
		    s->zerocopy_calls);
	report_line(r, tells ? "fell back" : NULL,
		    "%B{fell_back_bytes} in %N{fell_back_sends} sends", s->fell_back_bytes,
		    s->fell_back_calls);
	report_line(r, s->unknown_bytes ? "unknown" : NULL,
		    "%B{unknown_bytes} in %N{unknown_sends} sends, copied or not", s->unknown_bytes,
		    s->unknown_calls);
	report_line(r, tells || s->copied_bytes ? "copied" : NULL,
		    plain ? "%B{copied_bytes} in %N{copied_sends} plain sends"
			  : "%B{copied_bytes} in %N{copied_sends} sends",
		    s->copied_bytes, s->copied_calls);
	report_line(r, tells ? "outstanding" : NULL,
		    "%B{outstanding_bytes} in %N{outstanding_sends} sends", s->pending_bytes,
		    s->pending_calls);
	report_line(r, NULL, "%N{enobufs}%S{plain_reason}", s->enobufs, s->plain_reason);
}

/* A transfer without blocks has no latency. */
static void report_latency(const struct zcdma_hist *h, struct report *r)
{
	bool any = h->count;

	report_line(r, any ? "latency" : NULL,
		    "p50 %L{latency_p50_ns}, p99 %L{latency_p99_ns}, max %L{latency_max_ns}",
		    any ? zcdma_hist_quantile(h, 0.5) : REPORT_UNKNOWN,
		    any ? zcdma_hist_quantile(h, 0.99) : REPORT_UNKNOWN,
		    any ? h->max : REPORT_UNKNOWN);
}

static void report_sender(const struct transfer *t, struct report *r, const char *to)
{
	const struct zcdma_path_type *type = zcdma_path_get_type(t->path);
	struct zcdma_path_stats s;

	zcdma_path_get_stats(t->path, &s);
	report_line(r, strcmp(type->name, "null") ? "sent" : "discarded",
		    "%B{sent_bytes} to %S{to} in %T{elapsed_seconds}, %R{bytes_per_second}",
		    s.bytes, to, t->seconds, t->seconds > 0 ? (double)s.bytes / t->seconds : 0.0);
	report_line(r, "path", "%S{path}, %N{calls} system calls", type->name, s.calls);
	report_line(r, s.datagram_bytes ? "datagrams" : NULL,
		    "%N{datagrams} of at most %N{datagram_bytes} bytes", s.datagrams,
		    (uint64_t)s.datagram_bytes);
	report_sends(&s, type, r);
	report_latency(&t->latency, r);
	transfer_report_source(t, r);
}

static int check_expectation(const struct transfer *t, struct report *r, enum expect expect)
{
	struct zcdma_path_stats s;
	char zerocopied[32], rest[32];

	zcdma_path_get_stats(t->path, &s);
	if (expect == EXPECT_NOTHING)
		return STATUS_OK;
	if (s.bytes && !s.unknown_bytes &&
	    s.zerocopy_bytes == (expect == EXPECT_ZEROCOPY ? s.bytes : 0))
		return STATUS_OK;
	return report_error(
		r, STATUS_INCOMPLETE, s.copies_hint,
		"--expect=%s: %s were zero-copied, %s were copied%s or are outstanding%s%s",
		expect_name(expect),
		zcdma_size_format(s.zerocopy_bytes, zerocopied, sizeof(zerocopied)),
		zcdma_size_format(s.bytes - s.zerocopy_bytes, rest, sizeof(rest)),
		s.unknown_bytes ? " or not" : "", s.copies_reason ? ": " : "",
		s.copies_reason ?: "");
}

/* Open everything. 0 or an exit status; *@fd is the connection, where there is one. */
static int open_all(struct transfer *t, struct report *r, const struct sender *s, int *fd)
{
	struct zcdma_addr addr;
	uint64_t bytes = 0;
	int status = setup_context(t, r), rc;

	if (status)
		return status;
	if (!opts_size(r, "--datagram", datagram, &bytes))
		return STATUS_ERROR;
	rc = zcdma_addr_parse(t->ctx, s->to, &addr);
	if (rc)
		return report_ctx_error(r, STATUS_ERROR, t->ctx, rc);
	if (datagram && !addr.udp)
		return report_error(r, STATUS_ERROR, NULL, "--datagram is for udp:HOST:PORT");
	status = setup_source(t, r, &s->setup);
	if (status)
		return status;
	while ((*fd = zcdma_connect(t->ctx, &addr)) == -EINTR && !signals_stop())
		zcdma_resume(t->ctx);
	if (*fd == -EINTR)
		return 128 + signals_stop();
	if (*fd < 0)
		return report_ctx_error(r, STATUS_ERROR, t->ctx, *fd);
	status = setup_path(t, r, *fd, s->fallback);
	if (status || !datagram)
		return status;
	rc = zcdma_path_set_datagram(t->path, bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX);
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

int sender_run(struct report *r, const char *applet, const struct sender *s)
{
	static struct transfer t; /* the histogram is large */
	char to[128], from[128];
	int fd = -1, status;

	t.unsafe_reuse = s->unsafe_reuse;
	status = open_all(&t, r, s, &fd);
	if (status)
		goto out;
	/* Now: a connection that has ended has no peer any more. */
	zcdma_sockname(fd, true, to, sizeof(to));
	report_verbose(r, "connected from %s to %s", zcdma_sockname(fd, false, from, sizeof(from)),
		       to);
	progress_begin(&t.progress, r, applet, true);
	status = setup_run(&t, r);
	report_sender(&t, r, to);
	if (!status)
		status = check_expectation(&t, r, s->expect);
	status = losses_check(r, t.src, status);
out:
	setup_close(&t);
	if (fd >= 0)
		close(fd);
	return status;
}
