// SPDX-License-Identifier: GPL-2.0-only
/* Data that was lost before it could be read, by the device, the capture or the network: its exit status. */
#include "transfer/losses.h"

#include <inttypes.h>
#include <stdio.h>

#include <zcdma/util.h>

#include "cli/plural.h"
#include "cli/status.h"
#include "transfer/frames.h"

/* Advise a larger ring, by a number where there is one already. */
static const char *advise_blocks(struct zcdma_source *src)
{
	static char hint[64];
	struct zcdma_source_info info;

	zcdma_source_get_info(src, &info, sizeof(info));
	if (!info.blocks)
		return "a larger ring (blocks=N) bridges longer waits";
	snprintf(hint, sizeof(hint), "a larger ring bridges longer waits: try blocks=%u",
		 info.blocks * 4);
	return hint;
}

/* Describe dropped packets, as describe() does. */
static const char *describe_dropped(struct zcdma_source *src, uint64_t packets, char *buf,
				    size_t len)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(src, &info, sizeof(info));
	if (info.mode) {
		snprintf(buf, len,
			 "%" PRIu64
			 " packet%s %s dropped: no frame was free, or what came is longer than one",
			 packets, plural_s(packets), plural_were(packets));
		return "turn off offloads that make packets longer than the MTU (ethtool -K IFACE gro off), or take udp:";
	}
	snprintf(buf, len, "%" PRIu64 " packet%s %s dropped: the data came too fast", packets,
		 plural_s(packets), plural_were(packets));
	return "a larger buffer=SIZE bridges longer waits";
}

/* Describe likewise what a socket did not receive. */
static const char *describe_received(const struct zcdma_packet_stats *s, char *buf, size_t len)
{
	if (s->lost && s->lost != ZCDMA_UNKNOWN) {
		snprintf(buf, len, "%" PRIu64 " datagram%s did not arrive, by their numbers",
			 s->lost, plural_s(s->lost));
		return s->dropped
			       ? "the socket's buffer was full: raise net.core.rmem_max, or buffer=SIZE"
			       : "they were lost on the way";
	}
	if (!s->dropped)
		return NULL;
	snprintf(buf, len,
		 "datagrams came too fast: %" PRIu64
		 " times the socket's buffer had no room for one, or for several that were merged",
		 s->dropped);
	return "raise net.core.rmem_max, or buffer=SIZE; seq= counts what is lost";
}

/*
 * Returns why blocks are missing. The devices of the driver and of sim: count those that found no free block; the numbers of
 * frames say no more than that some did not come, and a ring that another program handed over may be of either.
 */
static const char *why_missing(struct zcdma_source *src, const struct zcdma_source_stats *s)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(src, &info, sizeof(info));
	return info.format || s->handovers ? "the device dropped them"
					   : "the device found no free block";
}

/* Describe what is lost in @buf of @len bytes. Returns the hint, or NULL where nothing is lost. */
static const char *describe(struct zcdma_source *src, char *buf, size_t len)
{
	struct zcdma_source_stats s;
	const char *hint;
	char bytes[32];

	zcdma_source_get_stats(src, &s, sizeof(s));
	hint = frames_describe_lost(s.connection_lost_blocks, s.connection_lost_bytes, buf, len);
	if (hint)
		return hint;
	if (s.gap_blocks) {
		snprintf(buf, len, "%" PRIu64 " block%s (%s) %s missing: %s", s.gap_blocks,
			 plural_s(s.gap_blocks),
			 s.gap_bytes == ZCDMA_UNKNOWN
				 ? "of unknown length"
				 : zcdma_size_format(s.gap_bytes, bytes, sizeof(bytes)),
			 plural_are(s.gap_blocks), why_missing(src, &s));
		return advise_blocks(src);
	}
	if (s.discontinuities && s.discontinuities != ZCDMA_UNKNOWN) {
		snprintf(buf, len,
			 "data may be missing in %" PRIu64
			 " place%s: the device was not served there",
			 s.discontinuities, plural_s(s.discontinuities));
		return "how much, or whether any, is unknown; a larger ring (blocks=N) bridges longer waits";
	}
	if (s.packets.socket_buffer)
		return describe_received(&s.packets, buf, len);
	if (s.packets.dropped)
		return describe_dropped(src, s.packets.dropped, buf, len);
	if (s.packets.lost && s.packets.lost != ZCDMA_UNKNOWN) {
		snprintf(buf, len, "%" PRIu64 " datagram%s did not arrive, by their numbers",
			 s.packets.lost, plural_s(s.packets.lost));
		return "they were lost on the way, or by the capture";
	}
	return NULL;
}

int losses_check(struct report *r, struct zcdma_source *src, int status)
{
	char what[160];
	const char *hint;

	if (status && status < 128)
		return status;
	hint = describe(src, what, sizeof(what));
	if (!hint)
		return status;
	if (!status)
		return report_error(r, STATUS_LOST, hint, "lost data: %s", what);
	report_note(r, "lost data: %s (%s)", what, hint);
	return status;
}
