// SPDX-License-Identifier: GPL-2.0-only
/* What a source of packets came across. */
#include "transfer/packet_stats.h"

#include <inttypes.h>

#include "applet.h"

static enum zcdma_packets get(struct zcdma_source *src, struct zcdma_packet_stats *packets)
{
	struct zcdma_source_info info;
	struct zcdma_source_stats stats;

	zcdma_source_get_info(src, &info);
	zcdma_source_get_stats(src, &stats);
	*packets = stats.packets;
	return info.packets;
}

static void report_payload(struct report *r, const struct zcdma_packet_stats *s, bool show)
{
	report_line(
		r, show ? "payload" : NULL,
		"of %N{flows} flows; left out: %N{cut_packets} packets cut short, %N{fragments} fragments, %N{malformed_packets} malformed, %N{other_packets} others",
		s->flows, s->cut, s->fragments, s->malformed, s->others);
	report_line(
		r, s->wrong_sums || s->zero_sums ? "checksums" : NULL,
		"%N{wrong_checksum_packets} packets taken with a wrong checksum, %N{zero_checksum_packets} with 0, %N{unchecked_packets} of them unlike others of their sender",
		s->wrong_sums, s->zero_sums, s->unchecked);
	report_line(r, s->missing_bytes || s->differing_bytes ? "tcp" : NULL,
		    "%B{missing_bytes} were not captured, %B{differing_bytes} came again as others",
		    s->missing_bytes, s->differing_bytes);
}

static void report_numbers(struct report *r, const struct zcdma_packet_stats *s, bool show)
{
	report_line(
		r, show ? "numbers" : NULL,
		"%N{lost_datagrams} datagrams lost, %N{reordered_datagrams} put in order; left out: %N{duplicate_datagrams} duplicates, %N{late_datagrams} too late, %N{unnumbered_datagrams} too short",
		s->lost, s->reordered, s->duplicates, s->late, s->unnumbered);
	report_line(
		r, s->restarts || s->overflows ? "order" : NULL,
		"%N{order_restarts} times the numbers began anew, %N{order_overflows} times there was no room to wait",
		s->restarts, s->overflows);
}

/* Every key is in every document, as those of other sources are. */
void packets_report(struct report *r, struct zcdma_source *src)
{
	struct zcdma_packet_stats s;
	enum zcdma_packets kind = get(src, &s);

	report_line(
		r, kind ? "packets" : NULL,
		"%N{packets} read, %N{dropped_packets} dropped as they came too fast, %N{interface_dropped_packets} by the interface",
		s.packets, s.dropped, s.dropped_by_interface);
	report_payload(r, &s, kind >= ZCDMA_PACKETS_PAYLOAD);
	report_numbers(r, &s, kind == ZCDMA_PACKETS_NUMBERED);
}

static int check_whole(struct report *r, const struct zcdma_packet_stats *s)
{
	if (!s->cut && !s->fragments && !s->missing_bytes)
		return STATUS_OK;
	return report_error(
		r, STATUS_INCOMPLETE,
		"capture whole packets, and all of them: no snap length, a larger buffer=; fragments come of packets larger than the MTU",
		"the payload is not whole: %" PRIu64
		" packets were cut short when they were captured, %" PRIu64
		" were fragments, and %" PRIu64 " bytes of TCP are missing",
		s->cut, s->fragments, s->missing_bytes);
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

int packets_check(struct report *r, struct zcdma_source *src)
{
	struct zcdma_packet_stats s;
	int whole, sums;

	if (get(src, &s) < ZCDMA_PACKETS_PAYLOAD)
		return STATUS_OK;
	whole = check_whole(r, &s);
	sums = check_sums(r, &s);
	return whole ? whole : sums;
}
