/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine that a bench ran on, so that two of them can be compared. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "bench/job.h"

/* Bytes of the last level of cache, or 0 where that is not known. */
uint64_t bench_cache_bytes(void);

/* The name of the CPU's model, or of its architecture where that is all there is. */
void bench_cpu_name(char *name, size_t len);

/* Lines of the report: kernel, CPU, memory, the way to @to (NIC, driver, MTU), settings, limits. */
void bench_report_facts(struct report *r, const struct bench_job *job,
			const struct bench_rows *rows, const char *net);

#endif
