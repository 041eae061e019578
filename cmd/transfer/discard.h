/* SPDX-License-Identifier: GPL-2.0-only */
/* The path that discards what it gets, in a report. */
#ifndef TRANSFER_DISCARD_H
#define TRANSFER_DISCARD_H

#include "cli/report.h"

#include <zcdma.h>

/* Returns whether a path discards what it gets. */
bool path_discards(const struct zcdma_path *path);

/*
 * Begin the report's line with @label and @bytes, as @key, which @path sent or wrote; or which it discarded, as
 * "discarded_bytes". The name of where they went follows.
 */
void discard_report(struct report *r, const struct zcdma_path *path, const char *label,
		    const char *key, uint64_t bytes);

#endif
