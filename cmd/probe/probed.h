/* SPDX-License-Identifier: GPL-2.0-only */
/* What probe found: a table of mappings, and the remarks below it. */
#ifndef PROBE_PROBED_H
#define PROBE_PROBED_H

#include <zcdma/probe.h>

#include "cli/report.h"

struct probed_row {
	struct zcdma_probe p;
	bool asked; /* for by name */
};

struct probed {
	struct probed_row *rows;
	size_t count;
	int writable; /* mapped for writing too */
};

/* Report all of it, but for probed_error(). */
void probed_report(const struct probed *all, struct report *r);

/* Find the first mapping that was asked for by name and cannot be mapped. Returns NULL without one. */
const struct probed_row *probed_error(const struct probed *all);

#endif
