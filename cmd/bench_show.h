/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of a bench, and what it means in words. */
#ifndef BENCH_SHOW_H
#define BENCH_SHOW_H

#include "bench_stats.h"

/* The table of what ran, and one of what did not, each row with every repeat in the JSON document. */
void bench_show(struct report *r, const struct bench_rows *rows, bool sweep);

/* Which path to take here, and why; with @sweep, from which block size on. */
void bench_verdict(struct report *r, const struct bench_rows *rows, const char *net, bool sweep);

/* Is row @i, which ran and sends, the first one of its path and memory? Theirs follow each other. */
bool bench_begins_line(const struct bench_rows *rows, unsigned i);

/*
 * From which block size on does @like's path cost the system less than copying from the same memory? 0:
 * never, or it copies itself.
 */
uint64_t bench_crossing(const struct bench_rows *rows, const struct bench_row *like);

/* Does it send anything? A path that needs nothing measures the harness. */
bool bench_sends(const struct bench_row *row);

#endif
