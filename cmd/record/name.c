// SPDX-License-Identifier: GPL-2.0-only
/* Names of the files of a recording that is split. */
#include "record/name.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/xalloc.h"

/* Find the next %N at or after @text; "%%N" is a percent sign before an N. */
static const char *find_number(const char *text)
{
	while ((text = strchr(text, '%')) && text[1] != 'N' && text[1])
		text += 2;
	return text && text[1] ? text : NULL;
}

bool name_has_number(const char *pattern)
{
	return find_number(pattern);
}

/* Put @number in the place of each %N. Returns false if @buf of @len bytes is too small. */
static bool put_number(const char *pattern, unsigned number, char *buf, size_t len)
{
	size_t used = 0;
	const char *place;

	for (; (place = find_number(pattern)); pattern = place + 2) {
		int n = snprintf(buf + used, len - used, "%.*s%06u", (int)(place - pattern),
				 pattern, number);

		if (n < 0 || (size_t)n >= len - used)
			return false;
		used += (size_t)n;
	}
	return (size_t)snprintf(buf + used, len - used, "%s", pattern) < len - used;
}

/* The format is the user's, and strftime() reads nothing but @tm by it. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

char *name_expand(const char *pattern, unsigned number, time_t when)
{
	char numbered[PATH_MAX], name[PATH_MAX];
	struct tm tm;

	if (!put_number(pattern, number, numbered, sizeof(numbered)) || !localtime_r(&when, &tm) ||
	    !strftime(name, sizeof(name), numbered, &tm))
		return NULL;
	return xalloc(strdup(name));
}
