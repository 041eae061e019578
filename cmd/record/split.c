// SPDX-License-Identifier: GPL-2.0-only
/* Where a recording is cut: --split. */
#include "record/split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/status.h"

/* Minutes are "min": next to sizes in K, M and G an "m" would be taken for a million. */
static const struct {
	const char *name;
	double ns;
} units[] = {
	{ "ms", 1e6 },
	{ "s", 1e9 },
	{ "min", 60e9 },
	{ "h", 3600e9 },
};

/* Parse "60s" or "0.5h". Returns 0, -EINVAL if @text is not a time, or -ERANGE. */
static int parse_time(const char *text, uint64_t *ns)
{
	size_t digits = strspn(text, "0123456789.");
	char *end;
	double value;

	/* strtod() itself takes a sign, "inf" and hexadecimal digits. */
	value = digits ? strtod(text, &end) : 0;
	if (!digits || end != text + digits)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		value *= units[i].ns;
		if (value < 1e6 || value >= (double)INT64_MAX)
			return -ERANGE;
		*ns = (uint64_t)value;
		return 0;
	}
	return -EINVAL;
}

bool split_parse(struct report *r, const char *text, struct split *split)
{
	int rc;

	*split = (struct split){ 0 };
	if (!text)
		return true;
	rc = parse_time(text, &split->ns);
	if (rc == -EINVAL)
		rc = zcdma_size_parse(text, &split->bytes);
	if (!rc && (split->bytes || split->ns))
		return true;
	report_error(r, STATUS_ERROR, "try 4G (a size), 60s, 5min or 1h (a time)",
		     rc == -EINVAL ? "--split %s: not a size or a time"
				   : "--split %s: too small or too large",
		     text);
	return false;
}

bool time_parse(struct report *r, const char *option, const char *text, uint64_t *ns)
{
	int rc = text ? parse_time(text, ns) : 0;

	if (rc)
		report_error(r, STATUS_ERROR, "try 100ms, 2s or 5min", "%s %s: %s", option, text,
			     rc == -EINVAL ? "not a time" : "too short or too long");
	return !rc;
}
