/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of a report, which JSON can always represent. */
#ifndef CLI_REPORT_VALUE_H
#define CLI_REPORT_VALUE_H

#include <jansson.h>
#include <stdint.h>

#include "cli/report.h"

/* NULL is null; bytes that are no UTF-8 become U+FFFD, as a file's name may hold any byte. */
json_t *value_text(const char *text);

/* JSON's integers are signed here: more than INT64_MAX is INT64_MAX. */
json_t *value_count(uint64_t count);

/*
 * Put @value, which is consumed, into the document, and print it as @text, or as "-" where it is
 * null, in the line begun last.
 */
void report_value(struct report *r, const char *key, json_t *value, const char *text,
		  const char *after);

#endif
