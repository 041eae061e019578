/* SPDX-License-Identifier: GPL-2.0-only */
/* Options: popt, plus what all applets have in common. */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include <popt.h>

#include "cli/report.h"

/* An applet's command line. */
struct opts {
	const char *usage;		/* "[OPTION...] HOST:PORT [SOURCE]" */
	const char *about;		/* what --help says it does */
	const struct poptOption *table; /* the applet's own, ended by POPT_TABLEEND */
	int min_args, max_args;		/* positional; max_args -1: any number */
	/* out */
	const char **args; /* positional ones, NULL-terminated */
	int count;
	poptContext popt; /* owns the strings */
};

/*
 * Parse the command line. Returns true if the applet should go on; otherwise *@status is what to exit
 * with, after --help or a reported usage error. Call opts_free() in both cases.
 */
bool opts_parse(struct opts *o, struct report *r, int argc, char **argv, int *status);
void opts_free(struct opts *o);

/* Returns @word of the command line as an error names it: two quotes where it is empty. */
const char *opts_word(const char *word);

/*
 * Parse the value @text of the option @name; NULL (not given) leaves *@value alone.
 * Returns false after a reported usage error. A size of 0 is one.
 */
bool opts_size(struct report *r, const char *name, const char *text, uint64_t *value);
bool opts_count(struct report *r, const char *name, const char *text, uint64_t *value);
bool opts_number(struct report *r, const char *name, const char *text, uint64_t *value);
bool opts_seconds(struct report *r, const char *name, const char *text, double *value);

/* Return the index of @text in @choices (NULL-terminated), or -1 after a usage error that lists them. */
int opts_choice(struct report *r, const char *name, const char *text, const char *const choices[]);

#endif
