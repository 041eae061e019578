// SPDX-License-Identifier: GPL-2.0-only
#include "transfer/discard.h"

#include <string.h>

bool path_discards(const struct zcdma_path *path)
{
	return !strcmp(zcdma_path_get_type(path)->name, "null");
}

void discard_report(struct report *r, const struct zcdma_path *path, const char *label,
		    const char *key, uint64_t bytes)
{
	const bool discards = path_discards(path);

	report_line(r, NULL, NULL);
	report_bytes(r, discards ? key : "discarded_bytes", 0, "");
	report_line(r, discards ? "discarded" : label, NULL);
	report_bytes(r, discards ? "discarded_bytes" : key, bytes,
		     discards ? ", and nothing sent to " : " to ");
}
