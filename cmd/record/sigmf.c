// SPDX-License-Identifier: GPL-2.0-only
/* SigMF: a JSON file beside the data that says what its samples are. */
#include "record/sigmf.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/status.h"
#include "cli/xalloc.h"

#define DATA_SUFFIX ".sigmf-data"
#define META_SUFFIX ".sigmf-meta"
#define VERSION	    "1.2.0"

/* Components of a sample: "core:datatype" in the specification. Those of 8 bits have no order of bytes. */
static const struct {
	const char *name;
	unsigned bytes;
} components[] = {
	{ "f32_le", 4 }, { "f32_be", 4 }, { "f64_le", 8 }, { "f64_be", 8 }, { "i32_le", 4 },
	{ "i32_be", 4 }, { "i16_le", 2 }, { "i16_be", 2 }, { "u32_le", 4 }, { "u32_be", 4 },
	{ "u16_le", 2 }, { "u16_be", 2 }, { "i8", 1 },	   { "u8", 1 },
};

/*
 * Options
 */

/* Set the type: complex or real, and a component. Returns NULL, or what is wrong. */
static const char *set_type(struct sigmf_options *o, const char *text)
{
	const char *why = "is not a type of SigMF (try ci16_le, cf32_le, ru8)";

	if ((*text != 'c' && *text != 'r') || strlen(text) >= sizeof(o->type))
		return why;
	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		if (strcmp(components[i].name, text + 1))
			continue;
		strcpy(o->type, text);
		o->bytes = components[i].bytes * (*text == 'c' ? 2 : 1);
		return NULL;
	}
	return why;
}

static bool parse_number(const char *text, double *value)
{
	char *end;

	/* strtod() would also take spaces, "inf", "nan" and hexadecimal digits. */
	if (!*text || text[strspn(text, "0123456789.eE+-")])
		return false;
	*value = strtod(text, &end);
	return !*end && isfinite(*value);
}

static const char *set_rate(struct sigmf_options *o, const char *text)
{
	return parse_number(text, &o->rate) && o->rate > 0
		       ? NULL
		       : "is not a number of samples a second (try 2.4e6)";
}

static const char *set_frequency(struct sigmf_options *o, const char *text)
{
	o->tuned = true;
	return parse_number(text, &o->frequency) ? NULL : "is not a frequency in Hz (try 100e6)";
}

static const struct {
	const char *name;
	const char *(*set)(struct sigmf_options *o, const char *text);
} keys[] = {
	{ "type=", set_type },
	{ "rate=", set_rate },
	{ "freq=", set_frequency },
};

static bool parse_item(struct report *r, const char *item, struct sigmf_options *o)
{
	const char *why = "is not type=, rate= or freq=";

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strncmp(item, keys[i].name, strlen(keys[i].name)))
			why = keys[i].set(o, item + strlen(keys[i].name));
	}
	if (why)
		report_error(r, STATUS_ERROR, NULL, "--sigmf: %s %s", item, why);
	return !why;
}

bool sigmf_parse(struct report *r, const char *text, struct sigmf_options *options)
{
	char *copy, *rest, *item;
	bool good = true;

	*options = (struct sigmf_options){ 0 };
	if (!text)
		return true;
	rest = copy = xalloc(strdup(text));
	while (good && (item = strsep(&rest, ",")))
		good = parse_item(r, item, options);
	free(copy);
	if (good && !*options->type)
		good = report_error(r, STATUS_ERROR, "as in --sigmf type=ci16_le,rate=2.4e6",
				    "--sigmf %s: the type of its samples is missing",
				    text) == STATUS_OK;
	return good;
}

/*
 * The metadata
 */

static bool has_suffix(const char *name)
{
	size_t len = strlen(name), suffix = strlen(DATA_SUFFIX);

	return len > suffix && !strcmp(name + len - suffix, DATA_SUFFIX);
}

char *sigmf_name(const char *data)
{
	int len = (int)(has_suffix(data) ? strlen(data) - strlen(DATA_SUFFIX) : strlen(data));
	char *name;

	if (asprintf(&name, "%.*s" META_SUFFIX, len, data) < 0)
		xalloc(NULL);
	return name;
}

json_t *sigmf_begin(const struct sigmf_options *options, const char *data, bool simulated)
{
	const char *slash = strrchr(data, '/');
	json_t *global =
		json_pack("{s:s, s:s, s:s}", "core:datatype", options->type, "core:version",
			  VERSION, "core:recorder", "zcdma " ZCDMA_VERSION);

	if (simulated)
		json_object_set_new(global, "core:description", json_string("simulated data"));
	if (options->rate > 0)
		json_object_set_new(global, "core:sample_rate", json_real(options->rate));
	/* A name of another kind makes it a non-conforming dataset, which is named. */
	if (!has_suffix(data))
		json_object_set_new(global, "core:dataset", json_string(slash ? slash + 1 : data));
	return xalloc(json_pack("{s:o, s:[], s:[]}", "global", global, "captures", "annotations"));
}

/* Format @time_ns as "2026-11-26T13:26:16.000000001Z": the calendar's clock as it is set now. */
static void format_time(uint64_t time_ns, char *buf, size_t len)
{
	const uint64_t ago = now_ns() - time_ns;
	struct timespec real;
	uint64_t ns;
	time_t seconds;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &real);
	ns = (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec - ago;
	seconds = (time_t)(ns / 1000000000u);
	n = strftime(buf, len, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	snprintf(buf + n, len - n, ".%09" PRIu64 "Z", ns % 1000000000u);
}

void sigmf_add(json_t *meta, const struct sigmf_options *options,
	       const struct sigmf_segment *segment)
{
	json_t *capture = json_object();
	char when[48];

	json_object_set_new(capture, "core:sample_start",
			    json_integer((json_int_t)(segment->offset / options->bytes)));
	if (segment->stream_offset != ZCDMA_UNKNOWN)
		json_object_set_new(
			capture, "core:global_index",
			json_integer((json_int_t)(segment->stream_offset / options->bytes)));
	if (segment->time_ns) {
		format_time(segment->time_ns, when, sizeof(when));
		json_object_set_new(capture, "core:datetime", json_string(when));
	}
	if (options->tuned)
		json_object_set_new(capture, "core:frequency", json_real(options->frequency));
	json_array_append_new(json_object_get(meta, "captures"), capture);
}

void sigmf_cut(json_t *meta, uint64_t samples)
{
	json_t *captures = json_object_get(meta, "captures");
	size_t n = json_array_size(captures);

	while (n && (uint64_t)json_integer_value(json_object_get(json_array_get(captures, n - 1),
								 "core:sample_start")) >= samples)
		json_array_remove(captures, --n);
}

int sigmf_write(const json_t *meta, int fd)
{
	errno = 0;
	if (!json_dumpfd(meta, fd, JSON_INDENT(4)) && write(fd, "\n", 1) == 1)
		return 0;
	return errno ? -errno : -EIO;
}
