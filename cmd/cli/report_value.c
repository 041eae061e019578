// SPDX-License-Identifier: GPL-2.0-only
/* Values of a report as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/xalloc.h"
#include "cli/report_value.h"

/* Return the length of the UTF-8 character at @text, or 0 if jansson's own check refuses it. */
static size_t utf8_length(const char *text)
{
	size_t limit = strnlen(text, 4);
	json_t *json;

	for (size_t len = 1; len <= limit; len++) {
		json = json_stringn(text, len);
		json_decref(json);
		if (json)
			return len;
	}
	return 0;
}

/* Replace bytes that are not UTF-8 by U+FFFD. */
static json_t *json_repaired(const char *text)
{
	size_t size, len;
	json_t *json;
	char *good;
	FILE *f = xalloc(open_memstream(&good, &size));

	for (; *text; text += len ? len : 1) {
		len = utf8_length(text);
		fwrite(len ? text : "\xef\xbf\xbd", 1, len ? len : 3, f);
	}
	fclose(f);
	json = json_string(xalloc(good));
	free(good);
	return json;
}

json_t *value_text(const char *text)
{
	json_t *json;

	if (!text)
		return json_null();
	json = json_string(text);
	return xalloc(json ? json : json_repaired(text));
}

json_t *value_number(double value)
{
	return isfinite(value) ? xalloc(json_real(value)) : json_null();
}

json_t *value_count(uint64_t value)
{
	return xalloc(json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

json_t *value_known(uint64_t count)
{
	return count == UINT64_MAX ? json_null() : value_count(count);
}
