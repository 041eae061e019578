// SPDX-License-Identifier: GPL-2.0-only
/* How a signal ends a run. */
#include "transfer/ending.h"

#include <errno.h>
#include <stddef.h>

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
