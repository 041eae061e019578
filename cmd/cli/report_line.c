// SPDX-License-Identifier: GPL-2.0-only
/* Values in a line of a report: each once as text and once as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/report.h"
#include "cli/report_text.h"
#include "cli/report_value.h"

/* Copy @after without the s of its noun, which is its first word or its second: "blocks lost", "system calls". */
static const char *singular(const char *after, char *buf, size_t len)
{
	size_t end = 0;

	snprintf(buf, len, "%s", after);
	for (int word = 0; word < 2; word++) {
		end += strspn(buf + end, " ");
		end += strcspn(buf + end, " ,;:()");
		if (!end || buf[end - 1] != 's')
			continue;
		memmove(buf + end - 1, buf + end, strlen(buf + end) + 1);
		break;
	}
	return buf;
}

void report_count(struct report *r, const char *key, uint64_t count, const char *after)
{
	char buf[32], one[128];

	snprintf(buf, sizeof(buf), "%" PRIu64, count);
	report_value(r, key, value_known(count), buf,
		     count == 1 ? singular(after, one, sizeof(one)) : after);
}

void report_bytes(struct report *r, const char *key, uint64_t bytes, const char *after)
{
	char buf[32];

	report_value(r, key, value_known(bytes), zcdma_size_format(bytes, buf, sizeof(buf)), after);
}

void report_nanoseconds(struct report *r, const char *key, uint64_t ns, const char *after)
{
	char buf[32];

	report_value(r, key, value_known(ns), text_latency(ns, buf, sizeof(buf)), after);
}

void report_seconds(struct report *r, const char *key, double seconds, const char *after)
{
	char buf[32];

	report_value(r, key, value_number(seconds), text_seconds(seconds, buf, sizeof(buf)), after);
}

void report_rate(struct report *r, const char *key, uint64_t bytes, double seconds,
		 const char *after)
{
	double rate = seconds > 0 ? (double)bytes / seconds : NAN;
	char buf[32];

	report_value(r, key, value_number(rate), text_rate(rate, buf, sizeof(buf)), after);
}

void report_number(struct report *r, const char *key, double value, const char *after)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%.2f", value);
	report_value(r, key, value_number(value), buf, after);
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
