/* SPDX-License-Identifier: GPL-2.0-only */
/* --cpu: the processor that a program runs on. */
#ifndef CLI_CPU_H
#define CLI_CPU_H

#include <popt.h>
#include <stdbool.h>

#include "cli/report.h"

/* --cpu, an included table for popt: see cpu_bind(). */
extern struct poptOption cpu_options[];

/*
 * Parse @text, the number of a CPU that this process may run on; NULL is -1. Returns false after a reported usage error.
 */
bool cpu_parse(struct report *r, const char *text, int *cpu);

/*
 * Bind this thread, and those that it starts from now on, to the CPU that --cpu names, if it was given. Returns false
 * after a reported usage error.
 */
bool cpu_bind(struct report *r);

/* Bind this thread to @cpu, which cpu_parse() has found usable; -1 does nothing. */
void cpu_bind_to(int cpu);

#endif
