// SPDX-License-Identifier: GPL-2.0-only
/* What zcsend, vmsplice and copysend share: a transfer to a socket. */
#include "transfer/sender.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transfer/discard.h"
#include "transfer/ending.h"
#include "transfer/frames.h"
#include "transfer/limits.h"
#include "transfer/losses.h"
#include "cli/opts.h"

static const char *datagram;
static uint64_t datagram_bytes;

/*
 * Returns whether an argument after the first is a receiver: its kind is not one of a source, or it is udp:, and not
 * the last one, which would be the source.
 */
static bool is_receiver(const char *arg, bool last)
{
	const struct zcdma_source_type *type = zcdma_source_type_of(arg);
	const char *port = NULL;

	if (type)
		return !last && !strcmp(type->name, "udp");
	if (!last)
		return true;
	for (const char *p = arg; *p && *p != ','; p++) {
		if (*p == ':')
			port = p + 1;
	}
	return port && *port >= '0' && *port <= '9';
}

/* Add a receiver. Returns false after a reported usage error. */
static bool add_receiver(struct sender *s, struct report *r, const char *to)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (strcmp(s->to[i], to))
			continue;
		report_error(r, STATUS_ERROR, "name each receiver once",
			     "receiver %s: it is named twice", to);
		return false;
	}
	if (s->count == FANOUT_MOST) {
		report_error(r, STATUS_ERROR, NULL, "receiver %s: at most %u are possible", to,
			     FANOUT_MOST);
		return false;
	}
	s->to[s->count++] = to;
	return true;
}

/*
 * Returns whether the first argument can be nothing but a source: "sim:", "dev:/dev/zcdma0", "-", a file that is there.
 * A host may have the name of a kind of source, as in "sim:9000". With @more, a name without a colon is an address
 * whose port is missing.
 */
static bool is_only_source(const char *arg, bool more)
{
	const struct zcdma_source_type *type = zcdma_source_type_of(arg);
	const char *colon = strchr(arg, ':');

	if (!type || !strcmp(type->name, "udp"))
		return false;
	if (!colon)
		return !strcmp(arg, "-") || strchr(arg, '/') || (!more && !access(arg, F_OK));
	return colon[1] < '0' || colon[1] > '9';
}

/* Report that the first argument is a source. Returns false. */
static bool refuse_source(const struct opts *o, struct report *r)
{
	const char *const first = o->args[0];
	const bool swapped = o->count == 2 && is_receiver(o->args[1], true);
	char hint[256];

	if (o->count > 1 && !strncmp(first, "tcp:", 4))
		snprintf(hint, sizeof(hint), "write %s: an address of TCP has no prefix",
			 first + 4);
	else
		snprintf(hint, sizeof(hint), "name %s receiver first: zcdma %s %s %s",
			 swapped ? "the" : "a", report_applet(r),
			 swapped ? o->args[1] : "HOST:PORT", first);
	report_error(r, STATUS_ERROR, hint, "receiver '%s': it is a source", first);
	return false;
}

bool sender_parse(struct sender *s, const struct opts *o, struct report *r)
{
	char hint[96];
	int i = 1;

	if (is_only_source(o->args[0], o->count > 1))
		return refuse_source(o, r);
	add_receiver(s, r, o->args[0]);
	for (; i < o->count && is_receiver(o->args[i], i == o->count - 1); i++) {
		if (!add_receiver(s, r, o->args[i]))
			return false;
	}
	s->setup.source = i < o->count ? o->args[i] : NULL;
	if (i + 1 >= o->count)
		return true;
	snprintf(hint, sizeof(hint), "usage: zcdma %s %s", report_applet(r), o->usage);
	report_error(r, STATUS_ERROR, hint, "unexpected argument %s", opts_word(o->args[i + 1]));
	return false;
}

/* The way to the receiver. */
struct connection {
	struct zcdma_addr addr;
	struct zcdma_socket socket;
	char to[128];
};

struct poptOption sender_options[] = {
	{ "datagram", 0, POPT_ARG_STRING, &datagram, 0,
	  "with udp:HOST:PORT: at most SIZE bytes in a datagram (what the MTU has room for)",
	  "SIZE" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, fanout_options, 0, NULL, NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, setup_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

static void report_sends(const struct zcdma_path_stats *s, const struct zcdma_path_type *type,
			 struct report *r)
{
	bool reports = type->reports_copied, plain = !type->replaces_pages;

	report_line(r, reports ? "zero-copied" : NULL, NULL);
	report_bytes(r, "zerocopy_bytes", s->zerocopy_bytes, " in ");
	report_count(r, "zerocopy_sends", s->zerocopy_calls, " sends");
	report_line(r, reports ? "fell back" : NULL, NULL);
	report_bytes(r, "fell_back_bytes", s->fell_back_bytes, " in ");
	report_count(r, "fell_back_sends", s->fell_back_calls, " sends");
	report_line(r, s->unknown_bytes ? "unknown" : NULL, NULL);
	report_bytes(r, "unknown_bytes", s->unknown_bytes, " in ");
	report_count(r, "unknown_sends", s->unknown_calls, " sends, copied or not");
	report_line(r, reports || s->copied_bytes ? "copied" : NULL, NULL);
	report_bytes(r, "copied_bytes", s->copied_bytes, " in ");
	report_count(r, "copied_sends", s->copied_calls, plain ? " plain sends" : " sends");
	report_line(r, reports ? "outstanding" : NULL, NULL);
	report_bytes(r, "outstanding_bytes", s->pending_bytes, " in ");
	report_count(r, "outstanding_sends", s->pending_calls, " sends");
	report_line(r, NULL, NULL);
	report_count(r, "enobufs", s->enobufs, "");
	report_text(r, "plain_reason", s->plain_reason, "");
}

/* Report what the kernel made of the address's options, in lines for those who gave some. */
static void report_connection(struct report *r, const struct connection *c)
{
	const struct zcdma_socket *s = &c->socket;
	const bool given = c->addr.given;

	report_line(r, given ? "send buffer" : NULL, NULL);
	report_bytes(r, "send_buffer_bytes", s->send_buffer, "");
	report_line(r, given && s->mss ? "segments" : NULL, "at most ");
	report_count(r, "mss_bytes", s->mss ? s->mss : REPORT_UNKNOWN,
		     " bytes, congestion control ");
	report_text(r, "congestion_control", s->congestion[0] ? s->congestion : NULL, "");
	report_line(r, s->pace ? "pace" : NULL, "at most ");
	report_rate(r, "pace_bytes_per_second", s->pace, s->pace ? 1 : 0, "");
}

static void report_sender(const struct transfer *t, struct report *r, const struct connection *c)
{
	const struct zcdma_path_type *type = zcdma_path_get_type(t->path);
	struct zcdma_path_stats s;

	transfer_get_path_stats(t, &s);
	discard_report(r, t->path, "sent", "sent_bytes", s.bytes);
	report_text(r, "to", c->to, " in ");
	report_seconds(r, "elapsed_seconds", t->seconds, ", ");
	report_rate(r, "bytes_per_second", s.bytes, t->seconds, "");
	report_line(r, "path", NULL);
	report_text(r, "path", type->name, ", ");
	report_count(r, "calls", s.calls, " system calls");
	report_line(r, s.datagram_bytes ? "datagrams" : NULL, NULL);
	report_count(r, "datagrams", s.datagrams, " of at most ");
	report_count(r, "datagram_bytes", s.datagram_bytes, " bytes");
	report_connection(r, c);
	frames_report_sent(r, &s);
	report_sends(&s, type, r);
	transfer_report_source(t, r);
	if (t->several)
		fanout_report(t, r);
	else
		report_array(r, "receivers");
}

static int check_expectation(const struct transfer *t, struct report *r, enum expect expect)
{
	struct zcdma_source_stats src;
	struct zcdma_path_stats s;
	char zerocopied[32], rest[32];

	transfer_get_path_stats(t, &s);
	zcdma_source_get_stats(t->src, &src, sizeof(src));
	if (expect == EXPECT_NOTHING)
		return STATUS_OK;
	if (s.bytes && !s.unknown_bytes &&
	    s.zerocopy_bytes == (expect == EXPECT_ZEROCOPY ? s.bytes : 0))
		return expect == EXPECT_ZEROCOPY && src.kernel_copied_bytes
			       ? transfer_check_zerocopy(t, r)
			       : STATUS_OK;
	return report_error(
		r, STATUS_INCOMPLETE, s.copies_hint,
		"--expect=%s: %s were zero-copied, %s were copied%s or are outstanding%s%s",
		expect_name(expect),
		zcdma_size_format(s.zerocopy_bytes, zerocopied, sizeof(zerocopied)),
		zcdma_size_format(s.bytes - s.zerocopy_bytes, rest, sizeof(rest)),
		s.unknown_bytes ? " or not" : "", s.copies_reason ? ": " : "",
		s.copies_reason ?: "");
}

/* Look at the connection now: one that has ended has no peer any more. */
static void describe_connection(const struct transfer *t, struct report *r, struct connection *c)
{
	const int fd = zcdma_path_get_sink(t->path);
	char from[128];

	zcdma_sockname(fd, true, c->to, sizeof(c->to));
	zcdma_socket_of(fd, &c->socket);
	report_verbose(r, "connected from %s to %s", zcdma_sockname(fd, false, from, sizeof(from)),
		       c->to);
	if (c->socket.pace_doubt[0])
		report_warn(r, "pace=: %s", c->socket.pace_doubt);
}

/*
 * Parse the address of a receiver, and note whether it is connected to again. Returns 0, or an exit status after a reported
 * error.
 */
static int parse_address(struct transfer *t, struct report *r, const char *to,
			 struct zcdma_addr *addr)
{
	int rc = zcdma_addr_parse(t->ctx, to, addr);

	if (rc)
		return report_ctx_error(r, STATUS_ERROR, t->ctx, rc);
	if (datagram && !addr->udp)
		return report_error(r, STATUS_ERROR, NULL, "--datagram is for udp:HOST:PORT");
	t->reconnects |= addr->retry != 0;
	return STATUS_OK;
}

/* Check that no other receiver has that name. Returns 0, or an exit status after a reported error. */
static int check_name(const struct fanout *f, struct report *r, const char *name)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (!strcmp(f->receiver[i].to, name))
			return report_error(r, STATUS_ERROR, "name each receiver once",
					    "receiver %s: it is named twice", name);
	}
	return STATUS_OK;
}

/* Connect to one receiver. Returns 0, or an exit status after a reported error. */
static int open_path(struct transfer *t, struct report *r, const struct sender *s, const char *to,
		     struct connection *c)
{
	int status, rc;

	status = setup_path_to(t, r, to, s->fallback);
	if (status)
		return status;
	describe_connection(t, r, c);
	zcdma_path_set_join(t->path, ZCDMA_JOIN_BYTES);
	if (!datagram)
		return STATUS_OK;
	rc = zcdma_path_set_datagram(t->path,
				     datagram_bytes < SIZE_MAX ? (size_t)datagram_bytes : SIZE_MAX);
	return rc ? report_ctx_error(r, STATUS_ERROR, t->ctx, rc) : STATUS_OK;
}

/* Open the paths to several receivers. Returns 0, or an exit status after a reported error. */
static int open_several(struct transfer *t, struct report *r, const struct sender *s,
			struct fanout *several, struct connection *c)
{
	struct connection next = { .to = "" };
	int status = STATUS_OK;

	for (unsigned i = 0; !status && i < s->count; i++) {
		status = parse_address(t, r, s->to[i], &next.addr);
		if (!status)
			status = open_path(t, r, s, s->to[i], &next);
		if (status)
			break;
		if (!i)
			*c = next;
		status = check_name(several, r, next.to);
		fanout_add(several, t, next.to);
	}
	snprintf(c->to, sizeof(c->to), "%u receivers", s->count);
	return status;
}

/* Open everything, and the connections. Returns 0, or an exit status after a reported error. */
static int open_all(struct transfer *t, struct report *r, const struct sender *s,
		    struct connection *c, struct fanout *several)
{
	struct setup setup = s->setup;
	int status;

	if (!opts_size(r, "--datagram", datagram, &datagram_bytes))
		return STATUS_ERROR;
	status = fanout_parse(several, r, s->count, "receiver");
	if (!status)
		status = setup_context(t, r);

	for (unsigned i = 0; !status && i < s->count; i++) {
		status = parse_address(t, r, s->to[i], &c->addr);
		setup.hashes |= c->addr.framed;
	}
	if (!status)
		status = setup_source(t, r, &setup);
	if (!status)
		status = setup_ring(t, r, &setup, NULL);
	if (!status)
		status = fanout_check_ring(several, t, r);
	if (status)
		return status;
	if (s->count == 1)
		return open_path(t, r, s, s->to[0], c);
	fanout_begin(several, t);
	return open_several(t, r, s, several, c);
}

/* Check that the receiver has what was sent. Returns @status, or STATUS_LOST in place of 0. */
static int check_lost(const struct transfer *t, struct report *r, int status)
{
	struct zcdma_path_stats s;
	const char *hint;
	char what[128];

	transfer_get_path_stats(t, &s);
	hint = frames_describe_lost(s.lost_blocks, s.lost_bytes, what, sizeof(what));
	if (!hint || status)
		return status;
	return report_error(r, STATUS_LOST, hint, "lost data: %s", what);
}

int sender_run(struct report *r, const char *applet, const struct sender *s)
{
	struct transfer t = { .ctx = NULL };
	struct connection c = { .to = "" };
	static struct fanout several; /* much for a stack */
	int status;

	t.unsafe_reuse = s->unsafe_reuse;
	t.report = r;
	status = open_all(&t, r, s, &c, &several);
	if (status) {
		status = ending_before(&t, status);
		goto out;
	}
	progress_begin(&t.progress, r, applet, true);
	status = setup_run(&t, r);
	report_sender(&t, r, &c);
	limits_note_missed(&t, r, status);
	status = fanout_check(&several, r, status);
	if ((!status || status >= 128) && check_expectation(&t, r, s->expect))
		status = STATUS_INCOMPLETE;
	status = losses_check(r, t.src, check_lost(&t, r, status));
out:
	if (t.several)
		t.path = NULL; /* which is closed with the others */
	fanout_close(&several);
	setup_close(&t);
	return status;
}
