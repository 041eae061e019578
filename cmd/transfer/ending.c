// SPDX-License-Identifier: GPL-2.0-only
/* How a run ends. */
#include "transfer/ending.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/signals.h"

/* Return true if only a signal ends the run. */
static bool is_endless(const struct transfer *t)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	return info.endless && !t->max_bytes && !t->max_blocks && t->max_seconds <= 0;
}

int ending_status(const struct transfer *t)
{
	return signals_status(is_endless(t));
}

int ending_before(const struct transfer *t, int status)
{
	return status >= 128 && t->src ? ending_status(t) : status;
}

static bool is_storage_error(int err)
{
	static const int errors[] = { ENOSPC, EDQUOT, EFBIG, EIO, EROFS, ESTALE };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i] == err)
			return true;
	}
	return false;
}

bool ending_explains(int rc)
{
	return signals_stop() && !is_storage_error(-rc);
}

bool ending_is_at_limit(const struct transfer *t)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	return info.at_limit;
}

bool ending_is_early(const struct transfer *t, char *buf, size_t len)
{
	struct zcdma_source_stats s;
	char had[32], wanted[32];

	/* Any of the limits may have ended it, or a signal. */
	if ((!t->max_bytes && !t->max_blocks) || ending_is_at_limit(t) || t->time_is_up ||
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

void ending_note_early(const struct transfer *t, struct report *r, int status)
{
	char text[128];

	if (!status && ending_is_early(t, text, sizeof(text)))
		report_note(r, "%s", text);
}
