/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which places in the module the calls of each thread reach, by KCOV (Documentation/dev-tools/kcov.rst) in a
 * kernel and a module that are built with it. Without it nothing is ever new.
 */
#ifndef KCOV_H
#define KCOV_H

#include <stdbool.h>
#include <stddef.h>

/* Share what was reached with the processes that are forked from here on. */
void kcov_init(void);
/* Follow the calling thread. */
void kcov_follow(void);
/* Begin a call, or several. */
void kcov_begin(void);
/* Returns whether they reached a place that no thread of no process has reached before. */
bool kcov_end(void);

/* How many places were reached. */
size_t kcov_reached(void);
/* Print the functions of the module, by /proc/kallsyms, in which no place was reached, as TAP comments. */
void kcov_print_missed(void);

#endif /* KCOV_H */
