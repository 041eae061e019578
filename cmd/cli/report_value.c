// SPDX-License-Identifier: GPL-2.0-only
/* Values of a report: each once as text and once as JSON. */
#include <math.h>
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

static json_t *print_unknown(FILE *f)
{
	fputc('-', f);
	return json_null();
}

static json_t *take_bytes(va_list *ap, FILE *f)
{
	uint64_t bytes = va_arg(*ap, uint64_t);
	char buf[32];

	if (bytes == REPORT_UNKNOWN)
		return print_unknown(f);
	fputs(zcdma_size_format(bytes, buf, sizeof(buf)), f);
	return value_count(bytes);
}

static json_t *take_count(va_list *ap, FILE *f)
{
	uint64_t count = va_arg(*ap, uint64_t);

	if (count == REPORT_UNKNOWN)
		return print_unknown(f);
	fprintf(f, "%llu", (unsigned long long)count);
	return value_count(count);
}

static json_t *take_seconds(va_list *ap, FILE *f)
{
	double seconds = va_arg(*ap, double);

	text_seconds(f, seconds);
	return finite_or_null(seconds);
}

static json_t *take_latency(va_list *ap, FILE *f)
{
	uint64_t ns = va_arg(*ap, uint64_t);

	if (ns == REPORT_UNKNOWN)
		return print_unknown(f);
	text_latency(f, ns);
	return value_count(ns);
}

static json_t *take_rate(va_list *ap, FILE *f)
{
	double rate = va_arg(*ap, double);

	text_rate(f, rate);
	return finite_or_null(rate);
}

static json_t *take_number(va_list *ap, FILE *f)
{
	double value = va_arg(*ap, double);

	text_number(f, value);
	return finite_or_null(value);
}

static json_t *take_string(va_list *ap, FILE *f)
{
	const char *text = va_arg(*ap, const char *);

	fputs(text ? text : "-", f);
	return value_text(text);
}

static json_t *take_flag(va_list *ap, FILE *f)
{
	int flag = va_arg(*ap, int);

	if (flag < 0)
		return print_unknown(f);
	fputs(flag ? "yes" : "no", f);
	return json_boolean(flag);
}

static json_t *(*const takes[256])(va_list *ap, FILE *f) = {
	['B'] = take_bytes, ['N'] = take_count,	 ['T'] = take_seconds, ['L'] = take_latency,
	['R'] = take_rate,  ['D'] = take_number, ['S'] = take_string,  ['F'] = take_flag,
};

json_t *value_print(char letter, va_list *ap, FILE *f)
{
	if (!takes[(unsigned char)letter])
		abort(); /* the program is wrong, not its user */
	return takes[(unsigned char)letter](ap, f);
}
