// SPDX-License-Identifier: GPL-2.0-only
/* The report on framed streams. */
#include "transfer/frames.h"

#include <inttypes.h>
#include <stdio.h>

#include <zcdma/util.h>

#include "cli/plural.h"
#include "cli/status.h"

void frames_report_received(struct report *r, const struct zcdma_source_stats *s)
{
	const bool known = s->connection_lost_bytes != ZCDMA_UNKNOWN;

	report_line(r, s->frames ? "frames" : NULL, NULL);
	report_count(r, "received_frames", s->frames, " received, ");
	report_count(r, "wrong_frames", s->wrong_frames, " wrong by their hash, ");
	report_count(r, "unhashed_frames", s->unhashed_frames, " without one");
	report_line(r, s->breaks || s->connection_lost_bytes ? "connection" : NULL, "broke ");
	report_count(r, "connection_breaks", s->breaks,
		     known ? " times; " : " times; it is unknown how much did not come");
	if (!known)
		report_line(r, NULL, NULL);
	report_count(r, "connection_lost_blocks", s->connection_lost_blocks, " blocks (");
	report_bytes(r, "connection_lost_bytes", s->connection_lost_bytes, ") did not come");
	report_line(r, s->ignored_connections ? "ignored" : NULL, NULL);
	report_count(r, "ignored_connections", s->ignored_connections, " connections of others");
}

void frames_report_sent(struct report *r, const struct zcdma_path_stats *s)
{
	const bool known = s->lost_bytes != ZCDMA_UNKNOWN;

	report_line(r, s->frames ? "frames" : NULL, NULL);
	report_count(r, "sent_frames", s->frames, "");
	report_line(r, s->breaks ? "connection" : NULL, "broke ");
	report_count(r, "send_breaks", s->breaks,
		     known ? " times; "
			   : " times; it is unknown how much of what was sent is at the receiver");
	if (!known)
		report_line(r, NULL, NULL);
	report_count(r, "send_lost_blocks", s->lost_blocks, " blocks (");
	report_bytes(r, "send_lost_bytes", s->lost_bytes,
		     ") that were sent are not at the receiver");
}

const char *frames_describe_wrong(const struct zcdma_source_stats *s, char *buf, size_t len)
{
	if (!s->wrong_frames)
		return NULL;
	snprintf(buf, len,
		 "the data of %" PRIu64 " frame%s of %" PRIu64
		 " is not what their hashes say, the first at offset %" PRIu64,
		 s->wrong_frames, plural_s(s->wrong_frames), s->frames, s->wrong_offset);
	return "it was changed after its hash was made: a device that writes to blocks in flight does that";
}

const char *frames_describe_lost(uint64_t blocks, uint64_t bytes, char *buf, size_t len)
{
	char size[32];

	if (!blocks && !bytes)
		return NULL;
	if (bytes == ZCDMA_UNKNOWN) {
		snprintf(buf, len, "a connection broke, and it is unknown what did not come");
		return "the other end did not come back to say; retry=N waits longer";
	}
	snprintf(buf, len, "%" PRIu64 " block%s (%s) that %s sent %s not at the receiver", blocks,
		 plural_s(blocks), zcdma_size_format(bytes, size, sizeof(size)),
		 plural_were(blocks), plural_are(blocks));
	return "what a connection holds when it breaks is lost, and what came before a receiver was started anew is not there";
}

int frames_check(struct report *r, const struct zcdma_source_stats *s)
{
	char what[192];
	const char *hint = frames_describe_wrong(s, what, sizeof(what));

	return hint ? report_error(r, STATUS_INCOMPLETE, hint, "%s", what) : STATUS_OK;
}

void frames_note_break(struct report *r, uint64_t breaks, uint64_t *noted, const char *what)
{
	if (breaks == *noted)
		return;
	*noted = breaks;
	report_note(r, "the connection broke; %s", what);
}
