/* SPDX-License-Identifier: GPL-2.0-only */
/* How values and paragraphs look to a person. */
#ifndef CLI_REPORT_TEXT_H
#define CLI_REPORT_TEXT_H

#include <stdint.h>
#include <stdio.h>

/* "0.312 s", in @buf of @len bytes, which it returns; the same below. */
const char *text_seconds(double seconds, char *buf, size_t len);

/* "210 us" */
const char *text_latency(uint64_t ns, char *buf, size_t len);

/* "3.44 GB/s" */
const char *text_rate(double bytes_per_second, char *buf, size_t len);

/* "1.00 GiB", or "unknown" for ZCDMA_UNKNOWN; the same of a count. */
const char *text_size(uint64_t bytes, char *buf, size_t len);
const char *text_count(uint64_t count, char *buf, size_t len);

/*
 * Print @text in lines of at most @width columns, broken at spaces; a newline in it stays one. All but
 * the first are indented by @indent, which is where the first begins.
 */
void text_wrap(FILE *f, const char *text, unsigned indent, unsigned width);

/* Return the bytes that the first @columns columns of @text take, or all of a shorter one; colors take no column. */
size_t text_bytes(const char *text, unsigned columns);

/* Return how many columns to fill on @f: those of the terminal, or 80 for anything else. */
unsigned text_width(FILE *f);

/* Replace what would garble a terminal or break a line: a file's name may hold any byte. */
char *text_clean(char *text);

#endif
