/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The "name=value,..." of a source's spec, and of an address: tables of options, and one parser for all of them. */
#ifndef ZCDMA_UTIL_OPTIONS_H
#define ZCDMA_UTIL_OPTIONS_H

#include "internal.h"

/* An option, whose value is at .offset of its set's values: a uint64_t. */
struct zc_option {
	const char *name;
	size_t offset;
	/*
	 * Parse the value. Returns 0, or a negative errno if it is not one that .takes describes. NULL: the value is the
	 * text itself, a char * for the owner of the values to free.
	 */
	int (*parse)(const char *text, uint64_t *value);
	const char *takes; /* for people; NULL: no value, and the option sets 1 */
};

/* Options that go together. */
struct zc_option_set {
	const void *table;
	size_t count,
		stride; /* of the table's entries, each of which begins with a struct zc_option */
	void *values;
	uint64_t *seen; /* a bit for each that was set */
	/* Returns whether the hint for an unknown option lists @option. NULL: it lists all. */
	bool (*listed)(const struct zc_option *option, const void *values);
};

#define ZC_OPTION_SETS 2

/* What is set by options, and how messages name it. */
struct zc_options {
	struct zcdma_ctx *ctx;
	const char *kind, *name;		   /* "source", "sim:rate=1" */
	const char *taker;			   /* "sim:" */
	struct zc_option_set sets[ZC_OPTION_SETS]; /* an unused one has no table */
};

/* Set the option @name from @value after its "=", or NULL without one. Returns 0, or a negative errno with the error message set. */
int zc_options_set(const struct zc_options *o, const char *name, const char *value);

/* Set all options of @arg, "name=value,...", which may be empty. Returns the same. */
int zc_options_parse(const struct zc_options *o, const char *arg);

/* Parse values that more than one table has. */
int zc_option_number(const char *text, uint64_t *value); /* decimal or 0x... */
int zc_option_rate(const char *text, uint64_t *value);	 /* bytes per second, not 0 */
int zc_option_time(const char *text, uint64_t *value);	 /* nanoseconds, of "1ms", not 0 */

/* Parse a number as zc_option_number() does, from @least to @most. */
int zc_option_within(const char *text, uint64_t *value, uint64_t least, uint64_t most);

/* Parse a size of whole pages, up to @most. */
int zc_option_pages(const char *text, uint64_t *value, uint64_t most);

/*
 * Take the path off the front of @arg into @path of @size bytes: @otherwise where an option or nothing is there, or the path is
 * too long, which is then read as an option. Returns the options.
 */
const char *zc_option_path(const char *arg, const char *otherwise, char *path, size_t size);

/* Find @text in @names, which end with NULL, and set *@value to its index: for a .parse that knows them. */
int zc_option_name(const char *text, const char *const *names, uint64_t *value);

#endif
