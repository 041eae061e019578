/* SPDX-License-Identifier: GPL-2.0-only */
/* Values that JSON can always represent. */
#ifndef CLI_REPORT_VALUE_H
#define CLI_REPORT_VALUE_H

#include <jansson.h>
#include <stdint.h>

/* NULL is null. Bytes that are not UTF-8 become U+FFFD, as a file's name may hold any byte. */
json_t *value_text(const char *text);

/* JSON's integers are signed here: more than INT64_MAX is INT64_MAX. */
json_t *value_count(uint64_t count);

/* The same, but UINT64_MAX, which is REPORT_UNKNOWN and ZCDMA_UNKNOWN, is null. */
json_t *value_known(uint64_t count);

/* What is not finite is null. */
json_t *value_number(double value);

#endif
