// SPDX-License-Identifier: GPL-2.0-only
/* The report on a source of packets. */
#include "transfer/packet_stats.h"

#include <inttypes.h>

#include "cli/plural.h"
#include "cli/status.h"

static void get(struct zcdma_source *src, struct zcdma_source_info *info,
		struct zcdma_packet_stats *packets)
{
	struct zcdma_source_stats stats;

	zcdma_source_get_info(src, info, sizeof(*info));
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	*packets = stats.packets;
}

static void report_payload(struct report *r, const struct zcdma_packet_stats *s, bool show)
{
	const bool has_tcp = s->missing_bytes != ZCDMA_UNKNOWN;

	report_line(r, show ? "payload" : NULL, "of ");
	report_count(r, "flows", s->flows, " flows; skipped: ");
	report_count(r, "cut_packets", s->cut, " packets cut short, ");
	report_count(r, "fragments", s->fragments, " fragments, ");
	report_count(r, "malformed_packets", s->malformed, " malformed, ");
	report_count(r, "other_packets", s->others, " others");
	report_line(r, s->wrong_sums || s->zero_sums ? "checksums" : NULL, NULL);
	report_count(r, "wrong_checksum_packets", s->wrong_sums,
		     " packets taken with a wrong checksum, ");
	report_count(r, "zero_checksum_packets", s->zero_sums, " with 0, ");
	report_count(r, "unchecked_packets", s->unchecked,
		     " of them unlike others of their sender");
	report_line(r, (s->missing_bytes && has_tcp) || s->differing_bytes ? "tcp" : NULL, NULL);
	report_bytes(r, "missing_bytes", s->missing_bytes, " were not captured, ");
	report_bytes(r, "differing_bytes", s->differing_bytes, " came again as others");
}

static void report_numbers(struct report *r, const struct zcdma_packet_stats *s, bool show)
{
	report_line(r, show ? "numbers" : NULL, NULL);
	report_count(r, "lost_datagrams", s->lost, " datagrams lost, ");
	report_count(r, "reordered_datagrams", s->reordered, " put in order; skipped: ");
	report_count(r, "duplicate_datagrams", s->duplicates, " duplicates, ");
	report_count(r, "late_datagrams", s->late, " too late, ");
	report_count(r, "unnumbered_datagrams", s->unnumbered, " too short");
	report_line(r, s->restarts || s->overflows ? "order" : NULL, NULL);
	report_count(r, "order_restarts", s->restarts, " times the numbers began anew, ");
	report_count(r, "order_overflows", s->overflows, " times without memory to wait");
}

static bool is_received(enum zcdma_packets kind)
{
	return kind == ZCDMA_PACKETS_RECEIVED || kind == ZCDMA_PACKETS_RECEIVED_NUMBERED;
}

static void report_received(struct report *r, const struct zcdma_packet_stats *s, bool show)
{
	report_line(r, show ? "received" : NULL, NULL);
	report_count(r, "received_datagrams", show ? s->packets : 0, " datagrams; skipped: ");
	report_count(r, "ignored_datagrams", s->ignored, " of other senders, ");
	report_count(r, "unwanted_datagrams", s->unwanted, " unwanted, ");
	report_count(r, "undersized_datagrams", s->undersized, " too short; shortened: ");
	report_count(r, "shortened_datagrams", s->shortened, "");
	report_line(r, show ? "socket" : NULL, NULL);
	report_count(r, "socket_drops", show ? s->dropped : 0, " times without room in ");
	report_bytes(r, "socket_buffer_bytes", s->socket_buffer, "");
}

/* Every key is in every document, as those of other sources are. */
void packets_report(struct report *r, struct zcdma_source *src)
{
	struct zcdma_source_info info;
	struct zcdma_packet_stats s;
	bool received;

	get(src, &info, &s);
	received = is_received(info.packets);
	report_received(r, &s, received);
	report_line(r, info.mode ? "mode" : NULL, NULL);
	report_text(r, "mode", info.mode, "");
	report_line(r, info.packets && !received ? "packets" : NULL, NULL);
	report_count(r, "packets", received ? 0 : s.packets, " read, ");
	report_count(r, "dropped_packets", received ? 0 : s.dropped, " dropped, ");
	report_count(r, "interface_dropped_packets", s.dropped_by_interface, " by the interface");
	report_payload(r, &s, info.packets >= ZCDMA_PACKETS_PAYLOAD);
	report_numbers(r, &s,
		       info.packets == ZCDMA_PACKETS_NUMBERED ||
			       info.packets == ZCDMA_PACKETS_RECEIVED_NUMBERED);
}

static int check_whole(struct report *r, const struct zcdma_packet_stats *s)
{
	const uint64_t missing = s->missing_bytes == ZCDMA_UNKNOWN ? 0 : s->missing_bytes;

	if (!s->cut && !s->fragments && !missing)
		return STATUS_OK;
	return report_error(
		r, STATUS_INCOMPLETE,
		"capture whole packets, and all of them: no snap length, a larger buffer=; fragments come of packets larger than the MTU",
		"the payload is not whole: %" PRIu64
		" packet%s %s cut short by the capture, %" PRIu64 " %s, and %" PRIu64
		" byte%s of TCP %s missing",
		s->cut, plural_s(s->cut), plural_were(s->cut), s->fragments,
		s->fragments == 1 ? "was a fragment" : "were fragments", missing, plural_s(missing),
		plural_are(missing));
}

static int check_sums(struct report *r, const struct zcdma_packet_stats *s)
{
	if (!s->unchecked)
		return STATUS_OK;
	return report_error(
		r, STATUS_INCOMPLETE, "checksum=off accepts them as they are",
		"the data of %" PRIu64
		" packets could not be checked: their checksum is 0, while others of their sender are right",
		s->unchecked);
}

/* Check that nothing of the stream may be missing as it was skipped. */
static int check_received(struct report *r, const struct zcdma_packet_stats *s)
{
	if (s->ignored)
		return report_error(r, STATUS_INCOMPLETE, "name the sender: source=ADDRESS",
				    "datagrams of more than one sender came: %" PRIu64
				    " of others than the first were skipped",
				    s->ignored);
	if (s->undersized)
		return report_error(
			r, STATUS_INCOMPLETE, "check size=, skip= and the sender",
			"%" PRIu64
			" datagrams were skipped: they are too short for size= and skip=",
			s->undersized);
	return STATUS_OK;
}

int packets_check(struct report *r, struct zcdma_source *src)
{
	struct zcdma_source_info info;
	struct zcdma_packet_stats s;
	int whole, sums;

	get(src, &info, &s);
	if (is_received(info.packets))
		return check_received(r, &s);
	if (info.packets < ZCDMA_PACKETS_PAYLOAD)
		return STATUS_OK;
	whole = check_whole(r, &s);
	sums = check_sums(r, &s);
	return whole ? whole : sums;
}
