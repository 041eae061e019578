// SPDX-License-Identifier: GPL-2.0-only
/* Whether a run came to its limits, or its source ended before. */
#include "transfer/limits.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/signals.h"

bool limits_are_reached(const struct transfer *t)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	return info.at_limit;
}

bool limits_are_missed(const struct transfer *t, char *buf, size_t len)
{
	struct zcdma_source_stats s;
	char had[32], wanted[32];

	/* Any of the limits may have ended it, or a signal. */
	if ((!t->max_bytes && !t->max_blocks) || limits_are_reached(t) || t->time_is_up ||
	    signals_stop())
		return false;
	zcdma_source_get_stats(t->src, &s, sizeof(s));
	if (!t->max_bytes)
		snprintf(buf, len,
			 "the source ended after %" PRIu64 " of the %" PRIu64
			 " blocks that --blocks asks for",
			 s.blocks, t->max_blocks);
	else
		snprintf(buf, len, "the source ended after %s of the %s that --bytes asks for",
			 zcdma_size_format(s.bytes, had, sizeof(had)),
			 zcdma_size_format(t->max_bytes, wanted, sizeof(wanted)));
	return true;
}

void limits_note_missed(const struct transfer *t, struct report *r, int status)
{
	char text[128];

	if (!status && limits_are_missed(t, text, sizeof(text)))
		report_note(r, "%s", text);
}
