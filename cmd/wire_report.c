// SPDX-License-Identifier: GPL-2.0-only
/* What verify says of the streams that were on the wire. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "applet.h"
#include "clock.h"
#include "verdict.h"
#include "wire.h"

static const char *const ends[ZCDMA_WIRE_ENDS] = {
	[ZCDMA_WIRE_OPEN] = "open",
	[ZCDMA_WIRE_FIN] = "end",
	[ZCDMA_WIRE_RESET] = "reset",
};

/* Sums over all streams. */
struct totals {
	uint64_t streams, bytes, unseen, cut, late;
	uint64_t again, again_bytes, differing, differing_bytes, uncompared;
	uint64_t out_of_order, given_up, strayed;
	bool wrong, incomplete;
};

static void add(struct totals *t, const struct zcdma_wire_stream *s)
{
	t->streams++;
	t->bytes += s->bytes;
	t->unseen += s->unseen_bytes;
	t->cut += s->cut_bytes;
	t->late += s->late_bytes;
	t->again += s->retransmitted;
	t->again_bytes += s->retransmitted_bytes;
	t->differing += s->differing;
	t->differing_bytes += s->differing_bytes;
	t->uncompared += s->uncompared_bytes;
	t->out_of_order += s->out_of_order;
	t->given_up += s->given_up;
	t->strayed += s->strayed;
}

/*
 * Faults
 */

static bool find_difference(struct zcdma_wire *wire, const struct zcdma_wire_stream *s,
			    struct zcdma_wire_difference *d)
{
	for (unsigned i = 0; zcdma_wire_get_difference(wire, i, d); i++) {
		if (!strcmp(d->from, s->from) && !strcmp(d->to, s->to))
			return true;
	}
	return false;
}

static void describe_difference(struct zcdma_wire *wire, const struct zcdma_wire_stream *s,
				char *buf, size_t len)
{
	struct zcdma_wire_difference d;

	if (find_difference(wire, s, &d))
		snprintf(buf, len,
			 "overwritten in flight: sent again with other data at offset %" PRIu64
			 " (block %" PRIu64 ", sequence %" PRIu32 "): 0x%02x, which was 0x%02x",
			 d.offset, d.block, d.seq, d.again, d.first);
	else
		snprintf(buf, len, "overwritten in flight: %" PRIu64 " packets sent again differ",
			 s->differing);
}

/* Has it another length than was expected? Of one whose end was not captured only too long is known. */
static bool has_wrong_length(const struct zcdma_wire_stream *s, const struct expectation *expect)
{
	if (!expect->bytes || s->udp)
		return false;
	return s->bytes > expect->bytes || (s->end == ZCDMA_WIRE_FIN && s->bytes < expect->bytes);
}

/* What is wrong with the data, or NULL. */
static const char *find_wrong(struct zcdma_wire *wire, const struct zcdma_wire_stream *s, char *buf,
			      size_t len)
{
	if (s->differing)
		describe_difference(wire, s, buf, len);
	else if (s->checked && s->result.faults)
		verdict_describe_fault(&s->result.first, buf, len);
	else
		return NULL;
	return buf;
}

/* Was all of it captured, from its beginning to its end, and checked? */
static bool is_complete(const struct zcdma_wire_stream *s)
{
	return s->from_start && s->end == ZCDMA_WIRE_FIN && !s->unseen_bytes && !s->cut_bytes &&
	       !s->strayed && !s->result.lost_bytes && !s->result.blocks_unseen;
}

/* Why it cannot be said to be right, or NULL. */
static const char *find_incomplete(const struct wire *w, const struct zcdma_wire_stream *s,
				   char *buf, size_t len)
{
	if (has_wrong_length(s, w->expect))
		snprintf(buf, len, "%" PRIu64 " bytes were sent, %" PRIu64 " were expected",
			 s->bytes, w->expect->bytes);
	else if (w->expect->complete && !is_complete(s))
		snprintf(buf, len,
			 "--expect=complete: it was not captured from its beginning to its end");
	else if (w->unchecked)
		return NULL;
	else if (s->end == ZCDMA_WIRE_RESET)
		snprintf(buf, len, "the connection was reset before the stream's end");
	else if (!s->checked && s->udp)
		snprintf(buf, len, "a manifest does not tell where datagrams belong");
	else if (!s->checked && s->bytes > s->unseen_bytes)
		snprintf(buf, len,
			 "the capture began in the middle: a manifest does not tell where");
	else if (!s->result.bytes)
		snprintf(buf, len,
			 "none of its %" PRIu64 " bytes were captured, so nothing was verified",
			 s->bytes);
	else if (s->result.datagrams && s->result.unplaced == s->result.datagrams)
		snprintf(buf, len, "no datagram tells where it belongs, so nothing was verified");
	else if (s->result.unplaced)
		snprintf(buf, len,
			 "%" PRIu64 " of %" PRIu64
			 " datagrams do not tell where they belong, and were not checked",
			 s->result.unplaced, s->result.datagrams);
	else if (w->expect->manifest && s->result.blocks_unseen && !s->result.blocks)
		snprintf(buf, len, "no block was captured whole, so nothing was verified");
	else
		return NULL;
	return buf;
}

static const char *hint(const struct wire *w, const struct zcdma_wire_stream *s, char *buf,
			size_t len)
{
	if (s->differing)
		return "a buffer was written to before its data had been acknowledged";
	if (s->result.other_seed) {
		snprintf(buf, len, "it is the pattern with another seed: --pattern %" PRIu64,
			 s->result.seed);
		return buf;
	}
	if (w->expect->manifest && s->result.blocks && !s->result.blocks_good)
		return "not one block is in the manifest: it is of another run";
	if (s->checked && s->result.bytes && s->result.bad_bytes == s->result.bytes)
		return "for streams that are not the pattern: --manifest FILE, or --pattern none; --port leaves others out";
	return NULL;
}

/*
 * Lines
 */

static void report_streams_lines(struct report *r, const struct totals *t,
				 const struct zcdma_wire_stats *s)
{
	report_line(r, "streams",
		    "%N{streams_count} in %N{connections} connections, %B{stream_bytes}",
		    t->streams, s->connections, t->bytes);
	report_line(
		r, "unseen",
		"%B{unseen_bytes} not captured in time, %B{late_bytes} captured later; %B{cut_bytes} beyond the snap length",
		t->unseen, t->late, t->cut);
	report_line(
		r, "sent again",
		"%N{retransmitted_packets} packets with %B{retransmitted_bytes}, %B{uncompared_bytes} could not be compared",
		t->again, t->again_bytes, t->uncompared);
	report_line(r, "overwritten", "%N{differing_packets} of those packets, %B{differing_bytes}",
		    t->differing, t->differing_bytes);
	report_line(r, "out of order", "%N{out_of_order_packets} packets", t->out_of_order);
	report_line(
		r, t->given_up || t->strayed ? "limits" : NULL,
		"%N{given_up} times no room to wait for what was missing, %N{strayed_packets} packets too far off",
		t->given_up, t->strayed);
}

static void report_packets(struct report *r, const struct zcdma_wire_stats *s, double seconds,
			   bool live)
{
	report_line(
		r, "packets",
		"%N{packets} with %B{packet_bytes} in %T{elapsed_seconds}, %R{bytes_per_second}",
		s->packets, s->packet_bytes, seconds,
		seconds > 0 ? (double)s->packet_bytes / seconds : 0.0);
	report_line(r, NULL, "%T{captured_seconds}", (double)(s->last_ns - s->first_ns) / 1e9);
	report_line(
		r, "of those",
		"%N{tcp_packets} of TCP, %N{udp_packets} of UDP, %N{other_packets} of other connections or protocols",
		s->tcp, s->udp, s->elsewhere);
	report_line(
		r, s->fragments || s->cut || s->malformed || s->unfollowed ? "left out" : NULL,
		"%N{fragments} fragments, %N{cut_packets} without their headers, %N{malformed_packets} malformed, %N{unfollowed_packets} of too many connections",
		s->fragments, s->cut, s->malformed, s->unfollowed);
	report_line(
		r, "checksums",
		"%N{checksums_right} right, %N{checksums_offloaded} left to the network card, %N{checksums_wrong} wrong (%N{damaged_packets} packets damaged), %N{checksums_unknown} unknown",
		s->checksums_right, s->checksums_offloaded, s->checksums_wrong, s->damaged,
		s->checksums_unknown);
	report_line(
		r, live ? "dropped" : NULL,
		"%N{dropped_packets} for want of room in the buffer, %N{interface_dropped_packets} by the interface",
		s->dropped, s->dropped_by_interface);
	if (s->dropped)
		report_note(r, "packets came faster than they were taken: try a larger --buffer");
	if (s->damaged)
		report_note(
			r,
			"packets that were damaged, by their checksum, are left out, as their receiver drops them");
	if (s->checksums_wrong > s->damaged)
		report_note(
			r,
			"packets with a wrong checksum were taken: where they come from, checksums are not right as a rule");
}

static void add_numbers(json_t *row, const struct zcdma_wire_stream *s)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "stream_bytes", s->bytes },
		{ "unseen_bytes", s->unseen_bytes },
		{ "late_bytes", s->late_bytes },
		{ "cut_bytes", s->cut_bytes },
		{ "packets", s->packets },
		{ "retransmitted_packets", s->retransmitted },
		{ "retransmitted_bytes", s->retransmitted_bytes },
		{ "differing_packets", s->differing },
		{ "differing_bytes", s->differing_bytes },
		{ "uncompared_bytes", s->uncompared_bytes },
		{ "out_of_order_packets", s->out_of_order },
		{ "keepalives", s->keepalives },
		{ "given_up", s->given_up },
		{ "strayed_packets", s->strayed },
		{ "faults", s->result.faults },
		{ "bad_bytes", s->result.bad_bytes },
		{ "missing_bytes", s->result.missing_bytes },
		{ "blocks_good", s->result.blocks_good },
		{ "blocks_unseen", s->result.blocks_unseen },
		{ "blocks_expected", s->result.blocks_expected },
		{ "lost_bytes", s->result.lost_bytes },
		{ "late_datagrams", s->result.late },
		{ "duplicate_datagrams", s->result.duplicates },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(row, numbers[i].key,
				    json_integer((json_int_t)numbers[i].value));
	json_object_set_new(row, "from_start", json_boolean(s->from_start));
	json_object_set_new(row, "checked", json_boolean(s->checked));
}

static const struct report_column stream_columns[] = {
	{ "from", "FROM" },	{ "to", "TO" },	      { "protocol", NULL }, { NULL, "BYTES" },
	{ NULL, "UNSEEN" },	{ NULL, "AGAIN" },    { NULL, "DIFFER" },   { "end", "END" },
	{ "result", "RESULT" }, { "fault", "FAULT" },
};

static void report_stream(struct report *r, const struct zcdma_wire_stream *s, const char *result,
			  const char *fault)
{
	char bytes[32], unseen[32], again[32], differ[32];
	const char *cells[] = {
		s->from,
		s->to,
		s->udp ? "udp" : "tcp",
		zcdma_size_format(s->bytes, bytes, sizeof(bytes)),
		zcdma_size_format(s->unseen_bytes, unseen, sizeof(unseen)),
		again,
		differ,
		ends[s->end],
		result,
		fault,
	};

	snprintf(again, sizeof(again), "%" PRIu64, s->retransmitted);
	snprintf(differ, sizeof(differ), "%" PRIu64, s->differing);
	add_numbers(report_row(r, cells), s);
}

static void report_differences(struct report *r, struct zcdma_wire *wire)
{
	static const struct report_column columns[] = {
		{ "from", "SENT AGAIN BY" }, { NULL, "OFFSET" }, { NULL, "BLOCK" },
		{ NULL, "SEQUENCE" },	     { NULL, "WAS" },	 { NULL, "IS" },
		{ NULL, "BYTES" },	     { "to", NULL },
	};
	struct zcdma_wire_difference d;

	if (!zcdma_wire_get_difference(wire, 0, &d))
		return;
	report_table(r, "overwritten", columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned i = 0; zcdma_wire_get_difference(wire, i, &d); i++) {
		char text[6][24];
		const char *cells[] = { d.from,	 text[0], text[1], text[2],
					text[3], text[4], text[5], d.to };
		json_t *row;

		snprintf(text[0], sizeof(text[0]), "%" PRIu64, d.offset);
		snprintf(text[1], sizeof(text[1]), "%" PRIu64, d.block);
		snprintf(text[2], sizeof(text[2]), "%" PRIu32, d.seq);
		snprintf(text[3], sizeof(text[3]), "0x%02x", d.first);
		snprintf(text[4], sizeof(text[4]), "0x%02x", d.again);
		snprintf(text[5], sizeof(text[5]), "%" PRIu64, d.bytes);
		row = report_row(r, cells);
		json_object_set_new(row, "offset", json_integer((json_int_t)d.offset));
		json_object_set_new(row, "block", json_integer((json_int_t)d.block));
		json_object_set_new(row, "sequence", json_integer(d.seq));
		json_object_set_new(row, "was", json_integer(d.first));
		json_object_set_new(row, "is", json_integer(d.again));
		json_object_set_new(row, "differing_bytes", json_integer((json_int_t)d.bytes));
	}
}

/*
 * Judging
 */

static void judge(const struct wire *w, struct zcdma_wire *wire,
		  const struct zcdma_wire_stats *stats, struct totals *t)
{
	struct zcdma_wire_stream s;
	char buf[256], cure[160];

	while (zcdma_wire_next_stream(wire, &s)) {
		const char *wrong = find_wrong(wire, &s, buf, sizeof(buf));
		const char *fault = wrong ? wrong : find_incomplete(w, &s, buf, sizeof(buf));

		add(t, &s);
		t->wrong |= wrong != NULL;
		t->incomplete |= fault && !wrong;
		if (fault)
			report_error(w->r, STATUS_INCOMPLETE, hint(w, &s, cure, sizeof(cure)),
				     "%s to %s: %s", s.from, s.to, fault);
	}
	if (stats->unfollowed) {
		t->incomplete = true;
		report_error(w->r, STATUS_INCOMPLETE, "--port leaves others out",
			     "%" PRIu64
			     " packets were not followed, as they are of too many connections",
			     stats->unfollowed);
	}
	if (t->streams)
		return;
	t->incomplete = true;
	report_error(w->r, STATUS_INCOMPLETE, NULL,
		     "no data of a connection was captured, so nothing was verified");
}

static void report_table_of_streams(const struct wire *w, struct zcdma_wire *wire)
{
	struct zcdma_wire_stream s;
	char buf[256];

	report_table(w->r, "streams", stream_columns,
		     sizeof(stream_columns) / sizeof(stream_columns[0]));
	while (zcdma_wire_next_stream(wire, &s)) {
		const char *wrong = find_wrong(wire, &s, buf, sizeof(buf));
		const char *fault = wrong ? wrong : find_incomplete(w, &s, buf, sizeof(buf));
		const char *good = w->unchecked ? "followed" : "correct";

		report_stream(w->r, &s, wrong ? "wrong" : fault ? "incomplete" : good, fault);
	}
}

int wire_report(const struct wire *w, struct zcdma_wire *wire, double seconds, bool live)
{
	struct zcdma_wire_stats stats;
	struct totals t = { 0 };

	zcdma_wire_get_stats(wire, &stats);
	judge(w, wire, &stats, &t);
	report_line(w->r, "result", "%S{result}",
		    t.wrong	   ? "wrong"
		    : t.incomplete ? "incomplete"
		    : w->unchecked ? "followed"
				   : "correct");
	report_packets(w->r, &stats, seconds, live);
	report_streams_lines(w->r, &t, &stats);
	report_line(w->r, stats.unlisted ? "not listed" : NULL,
		    "%N{unlisted_streams} streams, for want of room", stats.unlisted);
	report_line(w->r, "cpu", "%T{cpu_seconds} to read and check", cpu_seconds(RUSAGE_THREAD));
	report_table_of_streams(w, wire);
	report_differences(w->r, wire);
	return t.wrong || t.incomplete ? STATUS_INCOMPLETE : STATUS_OK;
}
