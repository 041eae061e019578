/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine that a bench ran on, so that two of them can be compared. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "bench/job.h"

/* Return the size of the last level of cache in bytes, or 0 if it is unknown. */
uint64_t bench_cache_bytes(void);

/* Write the name of the CPU's model, or else of its architecture, into @name of @len bytes. */
void bench_cpu_name(char *name, size_t len);

/* Report in lines: kernel, CPU, memory, the way to @to (NIC, driver, MTU), settings, limits. */
void bench_report_facts(struct report *r, const struct bench_job *job,
			const struct bench_rows *rows, const char *net);

/* The names of enum bench_direction, and NULL. */
extern const char *const bench_directions[];

/* Return the time that all CPUs together were not idle, or 0 if it is unknown. */
double bench_busy_seconds(void);

#endif
