/* SPDX-License-Identifier: GPL-2.0-only */
/* How values and paragraphs look to a person. */
#ifndef CLI_REPORT_TEXT_H
#define CLI_REPORT_TEXT_H

#include <stdint.h>
#include <stdio.h>

/* "0.312 s"; what is not finite is "-" here and below. */
void text_seconds(FILE *f, double seconds);

/* "210 us" */
void text_latency(FILE *f, uint64_t ns);

/* "3.44 GB/s" */
void text_rate(FILE *f, double bytes_per_second);

/* "0.34" */
void text_number(FILE *f, double value);

/*
 * Print @text in lines of at most @width columns, broken at spaces; a newline in it stays one. All but
 * the first are indented by @indent, which is where the first begins.
 */
void text_wrap(FILE *f, const char *text, unsigned indent, unsigned width);

/* Columns to fill on @f: those of the terminal, or 80 where it is none. */
unsigned text_width(FILE *f);

/* Replace what would garble a terminal or break a line: a file's name may hold any byte. */
char *text_clean(char *text);

#endif
