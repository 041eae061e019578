// SPDX-License-Identifier: GPL-2.0-only
/* Values of a report: each once as text and once as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/xalloc.h"
#include "cli/report_text.h"
#include "cli/report_value.h"

/* The length of the UTF-8 character at @text, for whose validity jansson's own check decides. */
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

/* What is no UTF-8 becomes U+FFFD. */
static json_t *json_repaired(const char *text)
{
	size_t size, len;
	json_t *json;
	char *good;
	FILE *f = must(open_memstream(&good, &size));

	for (; *text; text += len ? len : 1) {
		len = utf8_length(text);
		fwrite(len ? text : "\xef\xbf\xbd", 1, len ? len : 3, f);
	}
	fclose(f);
	json = json_string(must(good));
	free(good);
	return json;
}

json_t *value_text(const char *text)
{
	json_t *json;

	if (!text)
		return json_null();
	json = json_string(text);
	return must(json ? json : json_repaired(text));
}

static json_t *finite_or_null(double value)
{
	return isfinite(value) ? must(json_real(value)) : json_null();
}

json_t *value_count(uint64_t value)
{
	return must(json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

static json_t *known_or_null(uint64_t value)
{
	return value == REPORT_UNKNOWN ? json_null() : value_count(value);
}

void report_count(struct report *r, const char *key, uint64_t count, const char *after)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%" PRIu64, count);
	report_value(r, key, known_or_null(count), buf, after);
}

void report_bytes(struct report *r, const char *key, uint64_t bytes, const char *after)
{
	char buf[32];

	report_value(r, key, known_or_null(bytes), zcdma_size_format(bytes, buf, sizeof(buf)),
		     after);
}

void report_nanoseconds(struct report *r, const char *key, uint64_t ns, const char *after)
{
	char buf[32];

	report_value(r, key, known_or_null(ns), text_latency(ns, buf, sizeof(buf)), after);
}

void report_seconds(struct report *r, const char *key, double seconds, const char *after)
{
	char buf[32];

	report_value(r, key, finite_or_null(seconds), text_seconds(seconds, buf, sizeof(buf)),
		     after);
}

void report_rate(struct report *r, const char *key, uint64_t bytes, double seconds,
		 const char *after)
{
	double rate = seconds > 0 ? (double)bytes / seconds : 0;
	char buf[32];

	report_value(r, key, finite_or_null(rate), text_rate(rate, buf, sizeof(buf)), after);
}

void report_number(struct report *r, const char *key, double value, const char *after)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%.2f", value);
	report_value(r, key, finite_or_null(value), buf, after);
}

void report_text(struct report *r, const char *key, const char *text, const char *after)
{
	report_value(r, key, value_text(text), text, after);
}

void report_flag(struct report *r, const char *key, int flag, const char *after)
{
	report_value(r, key, flag < 0 ? json_null() : json_boolean(flag), flag ? "yes" : "no",
		     after);
}
