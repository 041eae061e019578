/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The "name=value,..." of a source's spec. */
#ifndef ZCDMA_SOURCE_OPTIONS_H
#define ZCDMA_SOURCE_OPTIONS_H

#include "source/source.h"

/* An option, whose value is at .offset of its kind's values: a uint64_t. */
struct zc_option {
	const char *name;
	size_t offset;
	/*
	 * Parse the value. Returns 0, or a negative errno if it is not one that .takes describes. NULL: the value is the
	 * text itself, a char * for the kind to free.
	 */
	int (*parse)(const char *text, uint64_t *value);
	const char *takes; /* for people; NULL: no value, and the option sets 1 */
};

/* Read @arg, which may be empty, into the source's values. Returns 0, or a negative errno. */
int zc_options_parse(struct zcdma_source *src, const char *arg);

/* Parse values that more than one kind takes. */
int zc_option_number(const char *text, uint64_t *value); /* decimal or 0x... */
int zc_option_rate(const char *text, uint64_t *value);	 /* bytes per second, not 0 */

/* Find @text in @names, which end with NULL, and set *@value to its index: for a .parse that knows them. */
int zc_option_name(const char *text, const char *const *names, uint64_t *value);

#endif
