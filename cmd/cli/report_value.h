/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of a report, which JSON can always represent. */
#ifndef CLI_REPORT_VALUE_H
#define CLI_REPORT_VALUE_H

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/* NULL is null; bytes that are no UTF-8 become U+FFFD, as a file's name may hold any byte. */
json_t *value_text(const char *text);

/* JSON's integers are signed here: more than INT64_MAX is INT64_MAX. */
json_t *value_count(uint64_t count);

/* Print the argument of conversion @letter (see report_line()) to @f and return it as JSON. */
json_t *value_print(char letter, va_list *ap, FILE *f);

#endif
