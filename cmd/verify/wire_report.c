// SPDX-License-Identifier: GPL-2.0-only
/* What verify says of the streams that were on the wire. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/clock.h"
#include "cli/plural.h"
#include "verify/fault.h"
#include "verify/wire.h"

static const char *const ends[ZCDMA_WIRE_ENDS] = {
	[ZCDMA_WIRE_OPEN] = "open",
	[ZCDMA_WIRE_FIN] = "end",
	[ZCDMA_WIRE_RESET] = "reset",
};

/*
 * Lines
 */

static void report_streams_lines(struct report *r, const struct wire_totals *t,
				 const struct zcdma_wire_stats *s)
{
	const struct zcdma_wire_counters *c = &t->counters;

	report_line(r, "streams", NULL);
	report_count(r, "streams_count", t->streams, " in ");
	report_count(r, "connections", s->connections, " connections, ");
	report_bytes(r, "stream_bytes", t->bytes, "");
	report_line(r, "not captured", NULL);
	report_bytes(r, "unseen_bytes", c->uncaptured_bytes, " in time, ");
	report_bytes(r, "late_bytes", c->late_bytes, " captured later; ");
	report_bytes(r, "cut_bytes", c->cut_bytes, " beyond the snap length");
	report_line(r, "retransmitted", NULL);
	report_count(r, "retransmitted_packets", c->retransmitted, " packets with ");
	report_bytes(r, "retransmitted_bytes", c->retransmitted_bytes, ", ");
	report_bytes(r, "uncompared_bytes", c->uncompared_bytes, " could not be compared");
	report_line(r, "overwritten", NULL);
	report_count(r, "differing_packets", c->differing, " of those packets, ");
	report_bytes(r, "differing_bytes", c->differing_bytes, "");
	report_line(r, c->capture_duplicates ? "duplicates" : NULL, NULL);
	report_count(r, "capture_duplicates", c->capture_duplicates,
		     " packets captured more than once");
	report_line(r, "out of order", NULL);
	report_count(r, "out_of_order_packets", c->out_of_order, " packets");
	report_line(r, c->ignored_resets || s->ignored_syns ? "ignored" : NULL, NULL);
	report_count(r, "ignored_resets", c->ignored_resets, " RST and ");
	report_count(r, "ignored_syns", s->ignored_syns, " SYN that the receiver did not accept");
	report_line(r, c->given_up || c->strayed ? "limits" : NULL, NULL);
	report_count(r, "given_up", c->given_up,
		     " times without memory to wait for missing bytes, ");
	report_count(r, "strayed_packets", c->strayed, " packets too far off");
}

static void report_packets(struct report *r, const struct zcdma_wire_stats *s, double seconds,
			   bool live)
{
	report_line(r, "packets", NULL);
	report_count(r, "packets", s->packets, " with ");
	report_bytes(r, "packet_bytes", s->packet_bytes, " in ");
	report_seconds(r, "elapsed_seconds", seconds, ", ");
	report_rate(r, "bytes_per_second", s->packet_bytes, seconds, "");
	report_line(r, NULL, NULL);
	report_seconds(r, "captured_seconds", (double)(s->last_ns - s->first_ns) / 1e9, "");
	report_line(r, "of those", NULL);
	report_count(r, "tcp_packets", s->tcp, " of TCP, ");
	report_count(r, "udp_packets", s->udp, " of UDP, ");
	report_count(r, "other_packets", s->others, " of other connections or protocols");
	report_line(r, s->fragments || s->cut || s->malformed || s->unfollowed ? "skipped" : NULL,
		    NULL);
	report_count(r, "fragments", s->fragments, " fragments, ");
	report_count(r, "cut_packets", s->cut, " without their headers, ");
	report_count(r, "malformed_packets", s->malformed, " malformed, ");
	report_count(r, "unfollowed_packets", s->unfollowed, " of too many connections");
	report_line(r, "checksums", NULL);
	report_count(r, "checksums_right", s->checksums_right, " right, ");
	report_count(r, "checksums_offloaded", s->checksums_offloaded,
		     " left to the network card, ");
	report_count(r, "checksums_wrong", s->checksums_wrong, " wrong (");
	report_count(r, "damaged_packets", s->damaged, " packets damaged), ");
	report_count(r, "checksums_unknown", s->checksums_unknown, " unknown");
	report_line(r, live ? "dropped" : NULL, NULL);
	report_count(r, "dropped_packets", s->dropped, " for want of room in the buffer, ");
	report_count(r, "interface_dropped_packets", s->dropped_by_interface, " by the interface");
	if (s->dropped)
		report_note(r, "packets came faster than they were taken: try a larger --buffer");
	if (s->damaged)
		report_note(
			r,
			"packets that were damaged, by their checksum, are skipped, as their receiver drops them");
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
		{ "faults", s->result.faults },
		{ "bad_bytes", s->result.bad_bytes },
		{ "missing_bytes", s->result.missing_bytes },
		{ "blocks_good", s->result.blocks_good },
		{ "blocks_uncaptured", s->result.blocks_uncaptured },
		{ "blocks_expected", s->result.blocks_expected },
		{ "lost_bytes", s->result.lost_bytes },
		{ "late_datagrams", s->result.late },
		{ "duplicate_datagrams", s->result.duplicates },
	};

	for (size_t i = 0; i < wire_counter_count; i++)
		json_object_set_new(row, wire_counters[i].key,
				    json_integer((json_int_t)wire_counter(&s->counters, i)));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(row, numbers[i].key,
				    json_integer((json_int_t)numbers[i].value));
	json_object_set_new(row, "from_start", json_boolean(s->from_start));
	json_object_set_new(row, "checked", json_boolean(s->checked));
}

static const struct report_column stream_columns[] = {
	{ "from", "FROM" },	{ "to", "TO" },	      { "protocol", NULL }, { NULL, "BYTES" },
	{ NULL, "UNCAPTURED" }, { NULL, "RETRANS" },  { NULL, "DIFFER" },   { "end", "END" },
	{ "result", "RESULT" }, { "fault", "FAULT" },
};

static void report_stream(struct report *r, const struct zcdma_wire_stream *s, const char *result,
			  const char *fault)
{
	char bytes[32], uncaptured[32], retrans[32], differ[32];
	const char *cells[] = {
		s->from,
		s->to,
		s->udp ? "udp" : "tcp",
		zcdma_size_format(s->bytes, bytes, sizeof(bytes)),
		zcdma_size_format(s->counters.uncaptured_bytes, uncaptured, sizeof(uncaptured)),
		retrans,
		differ,
		ends[s->end],
		result,
		fault,
	};

	snprintf(retrans, sizeof(retrans), "%" PRIu64, s->counters.retransmitted);
	snprintf(differ, sizeof(differ), "%" PRIu64, s->counters.differing);
	add_numbers(report_row(r, cells), s);
}

static void report_differences(struct report *r, struct zcdma_wire *wire)
{
	static const struct report_column columns[] = {
		{ "from", "RETRANSMITTED BY" },
		{ NULL, "OFFSET" },
		{ NULL, "BLOCK" },
		{ NULL, "SEQUENCE" },
		{ NULL, "WAS" },
		{ NULL, "IS" },
		{ NULL, "BYTES" },
		{ "to", NULL },
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
		snprintf(text[3], sizeof(text[3]), "0x%02x", d.was);
		snprintf(text[4], sizeof(text[4]), "0x%02x", d.is);
		snprintf(text[5], sizeof(text[5]), "%" PRIu64, d.bytes);
		row = report_row(r, cells);
		json_object_set_new(row, "offset", json_integer((json_int_t)d.offset));
		json_object_set_new(row, "block", json_integer((json_int_t)d.block));
		json_object_set_new(row, "sequence", json_integer(d.seq));
		json_object_set_new(row, "was", json_integer(d.was));
		json_object_set_new(row, "is", json_integer(d.is));
		json_object_set_new(row, "differing_bytes", json_integer((json_int_t)d.bytes));
	}
}

static void report_table_of_streams(const struct wire *w, struct zcdma_wire *wire)
{
	struct zcdma_wire_stream s;
	struct verdict v;

	report_table(w->r, "streams", stream_columns,
		     sizeof(stream_columns) / sizeof(stream_columns[0]));
	while (zcdma_wire_next_stream(wire, &s)) {
		wire_judge(w, wire, &s, &v);
		report_stream(w->r, &s, wire_word(w, v.outcome), v.fault[0] ? v.fault : NULL);
	}
}

/* The places where streams are wrong: in the document, and with -v in a line each. */
static void report_places(struct report *r, struct zcdma_wire *wire, uint64_t faults)
{
	json_t *array = report_array(r, "places");
	struct zcdma_wire_fault f;
	char text[256];
	unsigned i;

	for (i = 0; zcdma_wire_get_fault(wire, i, &f); i++) {
		json_t *place;

		fault_list(array, &f.fault, 1);
		place = json_array_get(array, i);
		json_object_set_new(place, "from", json_string(f.from));
		json_object_set_new(place, "to", json_string(f.to));
		fault_describe(&f.fault, text, sizeof(text));
		report_verbose(r, "%s to %s: %s", f.from, f.to, text);
	}
	if (i < faults)
		report_verbose(r, "%" PRIu64 " more place%s %s counted, and not listed", faults - i,
			       plural_s(faults - i), plural_are(faults - i));
}

int wire_report(const struct wire *w, struct zcdma_wire *wire, struct wire_totals *t,
		double seconds, bool live)
{
	struct zcdma_wire_stats stats;
	int status;

	zcdma_wire_get_stats(wire, &stats);
	status = wire_verdict(w, wire, &stats, t);
	report_line(w->r, "result", NULL);
	report_text(w->r, "result", wire_word(w, t->outcome), "");
	report_packets(w->r, &stats, seconds, live);
	report_streams_lines(w->r, t, &stats);
	report_line(w->r, stats.unlisted ? "not listed" : NULL, NULL);
	report_count(w->r, "unlisted_streams", stats.unlisted, " streams, for want of room");
	report_line(w->r, "cpu", NULL);
	report_seconds(w->r, "cpu_seconds", cpu_seconds(RUSAGE_THREAD), " to read and check");
	report_places(w->r, wire, t->faults);
	report_table_of_streams(w, wire);
	report_differences(w->r, wire);
	return status;
}
