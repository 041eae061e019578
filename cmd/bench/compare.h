/* SPDX-License-Identifier: GPL-2.0-only */
/* What changed since an earlier bench. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/stats.h"

struct bench_compare;

/*
 * Load a document of an earlier run. Refuse one that @job over @net cannot be compared to: of another machine, network,
 * number of streams or version of the document, or without any of @rows. Returns 0, or an exit status after a reported
 * error.
 */
int bench_compare_load(struct report *r, const char *path, const struct bench_job *job,
		       const struct bench_rows *rows, const char *net, struct bench_compare **old);

/* Report a table of the rows that both have. A figure has changed if that is distinct from noise. */
void bench_compare_show(struct report *r, const struct bench_compare *old,
			const struct bench_rows *rows);

void bench_compare_free(struct bench_compare *old);

#endif
