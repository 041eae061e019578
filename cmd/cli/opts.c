// SPDX-License-Identifier: GPL-2.0-only
/* Options: popt, plus what all applets have in common. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/xalloc.h"
#include "cli/suggest.h"
#include "cli/opts.h"
#include "cli/report_text.h"

/* Where descriptions begin, and lines end. */
#define HELP_COLUMN 30
#define HELP_WIDTH  79

/* What poptGetNextOpt() returns; far from any value of an applet's table. */
enum {
	OPT_HELP = 0x10000,
	OPT_COMPLETE,
	OPT_STRING, /* and one more for each */
};

static int json, quiet, verbose;

static struct poptOption common[] = {
	{ "json", 0, POPT_ARG_NONE, &json, 0, "print one JSON document, errors included", NULL },
	{ "quiet", 'q', POPT_ARG_NONE, &quiet, 0, "print errors only", NULL },
	{ "verbose", 'v', POPT_ARG_NONE, &verbose, 0, "say more", NULL },
	{ "help", 'h', POPT_ARG_NONE, NULL, OPT_HELP, "print this help", NULL },
	{ "complete", 0, POPT_ARG_NONE | POPT_ARGFLAG_DOC_HIDDEN, NULL, OPT_COMPLETE, NULL, NULL },
	POPT_TABLEEND,
};

/*
 * popt allocates a new string each time that an option is given, and leaves it to the caller to free,
 * but the caller knows the last one only. So popt reads a copy of the applet's table which makes it stop
 * at each string, and the strings are kept here. A process reads one command line.
 */
static struct {
	struct poptOption *options; /* the applet's, included tables too, in one */
	struct own_strings {
		void *where; /* a char *, or a char ** that NULL ends where the option may be repeated */
		bool repeats;
		unsigned count;
		char **values; /* and NULL */
	} * strings;	       /* of each option */
} own;

static struct poptOption top[] = {
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, NULL, 0, "Options:", NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, common, 0, "Options of all applets:", NULL },
	POPT_TABLEEND,
};

static bool is_end(const struct poptOption *option)
{
	return !option->longName && !option->shortName && !option->arg;
}

/* Copy @table without nesting to @to, or only count where that is NULL. */
static size_t flatten(const struct poptOption *table, struct poptOption *to)
{
	size_t n = 0;

	for (; !is_end(table); table++) {
		if ((table->argInfo & POPT_ARG_MASK) == POPT_ARG_INCLUDE_TABLE) {
			n += flatten(table->arg, to ? to + n : NULL);
			continue;
		}
		if (to)
			to[n] = *table;
		n++;
	}
	return n;
}

static void own_table(const struct poptOption *table)
{
	size_t n = flatten(table, NULL);

	own.options = xalloc(calloc(n + 1, sizeof(*own.options)));
	own.strings = xalloc(calloc(n + 1, sizeof(*own.strings)));
	flatten(table, own.options);
	for (size_t i = 0; i < n; i++) {
		struct poptOption *option = &own.options[i];
		const unsigned type = option->argInfo & POPT_ARG_MASK;

		if (type != POPT_ARG_STRING && type != POPT_ARG_ARGV)
			continue;
		own.strings[i].where = option->arg;
		own.strings[i].repeats = type == POPT_ARG_ARGV;
		option->argInfo = (option->argInfo & ~POPT_ARG_MASK) | POPT_ARG_STRING;
		option->arg = NULL;
		option->val = OPT_STRING + (int)i;
	}
	top[0].arg = own.options;
}

/* Keep the value of option @i. Returns NULL, or why it is refused. */
static const char *keep_string(struct opts *o, int i)
{
	char *value = xalloc(poptGetOptArg(o->popt)); /* NULL: popt had no memory for it */
	struct own_strings *s = &own.strings[i];
	const char *refusal = NULL;

	if (!*value)
		refusal = "needs a value";
	else if (s->count && !s->repeats) /* which of the two is meant is unknown */
		refusal = "given twice, and it takes one value";
	if (refusal) {
		free(value);
		return refusal;
	}
	s->values = xalloc(reallocarray(s->values, s->count + 2, sizeof(*s->values)));
	s->values[s->count++] = value;
	s->values[s->count] = NULL;
	if (s->repeats)
		*(char ***)s->where = s->values;
	else
		*(char **)s->where = value;
	return NULL;
}

static void free_strings(struct own_strings *s)
{
	for (unsigned i = 0; i < s->count; i++)
		free(s->values[i]);
	free(s->values);
}

void opts_free(struct opts *o)
{
	o->popt = poptFreeContext(o->popt);
	for (size_t i = 0; own.options && !is_end(&own.options[i]); i++)
		free_strings(&own.strings[i]);
	free(own.strings);
	free(own.options);
	memset(&own, 0, sizeof(own));
}

/* @each gets the options that are documented. */
static void for_each_option(void (*each)(const struct poptOption *option, void *data), void *data)
{
	for (size_t i = 0; top[i].arg; i++)
		for (const struct poptOption *option = top[i].arg; !is_end(option); option++)
			if (!(option->argInfo & POPT_ARGFLAG_DOC_HIDDEN))
				each(option, data);
}

/* Print "--name=VALUE", the description and, if there is one, the short name, with tabs in between. */
static void print_completion(const struct poptOption *option, void *data)
{
	FILE *f = data;

	if (!option->longName)
		return;
	fprintf(f, "--%s%s%s\t%s", option->longName, option->argDescrip ? "=" : "",
		option->argDescrip ? option->argDescrip : "", option->descrip);
	fprintf(f, option->shortName ? "\t-%c\n" : "\n", option->shortName);
}

static void try_option(const struct poptOption *option, void *data)
{
	if (option->longName)
		suggest_try(data, option->longName);
}

/* popt's own help starts each description after the longest option, where there is little room. */
static void print_option(const struct poptOption *option)
{
	const char *value = option->argDescrip;
	int used = printf(option->shortName ? "  -%c, " : "      ", option->shortName);

	used += printf("--%s%s%s", option->longName, value ? "=" : "", value ? value : "");
	if (used + 2 > HELP_COLUMN) {
		putchar('\n');
		used = 0;
	}
	printf("%*s", HELP_COLUMN - used, "");
	text_wrap(stdout, option->descrip, HELP_COLUMN, HELP_WIDTH);
}

static void print_help(const struct opts *o, const char *applet)
{
	printf("Usage: zcdma %s %s\n\n", applet, o->usage);
	text_wrap(stdout, o->about, 0, HELP_WIDTH);
	for (size_t i = 0; top[i].arg; i++) {
		printf("\n%s\n", top[i].descrip);
		for (const struct poptOption *option = top[i].arg; !is_end(option); option++)
			if (!(option->argInfo & POPT_ARGFLAG_DOC_HIDDEN))
				print_option(option);
	}
}

/* Print what a person or a completion asked for, which is text even where the report is JSON. */
static void show(struct opts *o, struct report *r, int what, char **argv)
{
	report_set_mode(r, false, false, false);
	report_use_stderr(r, false);
	if (what == OPT_HELP)
		print_help(o, argv[0]);
	else
		for_each_option(print_completion, stdout);
}

static bool is_of_address(const char *name)
{
	const char *option;

	for (unsigned i = 0; (option = zcdma_addr_option_at(i)); i++) {
		if (!strcmp(name, option))
			return true;
	}
	return false;
}

static int unknown_option(struct report *r, const char *applet, const char *option)
{
	int len = (int)strcspn(option, "=");
	char *name = xalloc(strndup(option, (size_t)len));
	struct suggestion near = { .to = name + strspn(name, "-") };
	char hint[128];

	if (name[0] == '-' && name[1] == '-')
		for_each_option(try_option, &near);
	if (near.name)
		snprintf(hint, sizeof(hint), "did you mean --%s?", near.name);
	else if (is_of_address(name + strspn(name, "-")))
		snprintf(hint, sizeof(hint), "it is an option of an address: HOST:PORT,%s",
			 name + strspn(name, "-"));
	else
		snprintf(hint, sizeof(hint), "zcdma %s --help lists the options", applet);
	report_error(r, STATUS_ERROR, hint, "unknown option %s", name);
	free(name);
	return STATUS_ERROR;
}

static int bad_option(struct report *r, const char *applet, const char *option, int rc)
{
	static const struct {
		int rc;
		const char *why;
	} reasons[] = {
		{ POPT_ERROR_NOARG, "needs a value" },
		{ POPT_ERROR_UNWANTEDARG, "takes no value" },
		{ POPT_ERROR_BADNUMBER, "not a number" },
		{ POPT_ERROR_OVERFLOW, "too large" },
		{ 0, NULL },
	};
	size_t i = 0;

	if (rc == POPT_ERROR_BADOPT)
		return unknown_option(r, applet, option);
	while (reasons[i].rc && reasons[i].rc != rc)
		i++;
	return report_error(r, STATUS_ERROR, NULL, "%s: %s", option,
			    reasons[i].rc ? reasons[i].why : poptStrerror(rc));
}

static bool is_value(const char *word)
{
	for (size_t i = 0; !is_end(&own.options[i]); i++) {
		for (unsigned k = 0; k < own.strings[i].count; k++) {
			if (!strcmp(own.strings[i].values[k], word))
				return true;
		}
	}
	return false;
}

/* Check whether there are arguments: words that are neither options nor their values. */
static bool has_args(char **argv)
{
	for (; *argv; argv++)
		if ((**argv != '-' || !(*argv)[1]) && !is_value(*argv))
			return true;
	return false;
}

const char *opts_word(const char *word)
{
	return *word ? word : "''";
}

/* Check the number of arguments. Returns 0, or an exit status after a reported error. */
static int take_args(struct opts *o, struct report *r, const char *applet, char **argv)
{
	static const char *none[] = { NULL };
	char hint[256];

	o->args = poptGetArgs(o->popt);
	if (!o->args && has_args(argv))
		xalloc(NULL); /* popt had no memory for a list of them, and goes on without: poptGetContext() */
	if (!o->args)
		o->args = none;
	for (o->count = 0; o->args[o->count]; o->count++)
		;
	snprintf(hint, sizeof(hint), "usage: zcdma %s %s", applet, o->usage);
	if (o->count < o->min_args)
		return report_error(r, STATUS_ERROR, hint, "an argument is missing");
	if (o->max_args >= 0 && o->count > o->max_args)
		return report_error(r, STATUS_ERROR, hint, "unexpected argument %s",
				    opts_word(o->args[o->max_args]));
	return 0;
}

/*
 * Begin to read options, and the aliases that the administrator and the user have given some: see popt(3). Without them
 * a command line may mean something else, so it does not go on. Returns 0, or an exit status after a reported error.
 */
static int begin(struct opts *o, struct report *r, int argc, char **argv)
{
	char name[32];
	int rc;

	snprintf(name, sizeof(name), "zcdma-%s", argv[0]);
	own_table(o->table);
	o->popt =
		xalloc(poptGetContext(name, argc, (const char **)argv, top, POPT_CONTEXT_NO_EXEC));
	rc = poptReadDefaultConfig(o->popt, 0);
	/* A process that became another user has the home of the one before, which is closed to it. */
	if (rc == POPT_ERROR_ERRNO && errno == EACCES)
		rc = 0;
	return rc ? report_error(r, STATUS_ERROR, NULL, "read the aliases of options (popt): %s",
				 poptStrerror(rc))
		  : STATUS_OK;
}

bool opts_parse(struct opts *o, struct report *r, int argc, char **argv, int *status)
{
	const char *refusal;
	int rc;

	*status = begin(o, r, argc, argv);
	if (*status)
		return false;
	while ((rc = poptGetNextOpt(o->popt)) >= OPT_STRING) {
		refusal = keep_string(o, rc - OPT_STRING);
		if (!refusal)
			continue;
		*status = report_error(r, STATUS_ERROR, NULL, "--%s: %s",
				       own.options[rc - OPT_STRING].longName, refusal);
		return false;
	}

	*status = STATUS_OK;
	if (rc > 0) {
		show(o, r, rc, argv);
		return false;
	}
	if (rc < -1) {
		*status =
			bad_option(r, argv[0], poptBadOption(o->popt, POPT_BADOPTION_NOALIAS), rc);
		return false;
	}
	report_set_mode(r, json, quiet, verbose);
	*status = take_args(o, r, argv[0], argv + 1);
	return *status == STATUS_OK;
}

static bool bad_value(struct report *r, const char *name, const char *text, const char *why)
{
	report_error(r, STATUS_ERROR, NULL, "%s %s: %s", name, text, why);
	return false;
}

bool opts_size(struct report *r, const char *name, const char *text, uint64_t *value)
{
	uint64_t size;
	int rc;

	if (!text)
		return true;
	rc = zcdma_size_parse(text, &size);
	if (rc == -ERANGE)
		return bad_value(r, name, text, "too large");
	if (rc)
		return bad_value(r, name, text, "not a size (try 4M, 4MiB or 4MB)");
	if (!size)
		return bad_value(r, name, text, "must be at least 1");
	*value = size;
	return true;
}

bool opts_number(struct report *r, const char *name, const char *text, uint64_t *value)
{
	unsigned long long number;
	const char *digits = text;
	bool hex;

	if (!text)
		return true;
	hex = !strncmp(text, "0x", 2);
	digits += hex ? 2 : 0;
	/* strtoull() would also take a sign, and spaces before it */
	if (!*digits || digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789")])
		return bad_value(r, name, text, "not a whole number");
	errno = 0;
	number = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno)
		return bad_value(r, name, text, "too large");
	*value = number;
	return true;
}

bool opts_count(struct report *r, const char *name, const char *text, uint64_t *value)
{
	uint64_t count = 1;

	if (!opts_number(r, name, text, &count))
		return false;
	if (!count)
		return bad_value(r, name, text, "must be at least 1");
	if (text)
		*value = count;
	return true;
}

bool opts_seconds(struct report *r, const char *name, const char *text, double *value)
{
	double seconds;
	char *end;

	if (!text)
		return true;
	/* strtod() would also take a sign, "inf", "nan" and hexadecimal */
	seconds = strtod(text, &end);
	if (*end || !*text || text[strspn(text, "0123456789.")])
		return bad_value(r, name, text, "not a number of seconds (try 10 or 0.5)");
	if (seconds <= 0)
		return bad_value(r, name, text, "must be more than 0");
	if (seconds >= (double)INT64_MAX / 1e9) /* nanoseconds must fit into 64 bits */
		return bad_value(r, name, text, "too large");
	*value = seconds;
	return true;
}

int opts_choice(struct report *r, const char *name, const char *text, const char *const choices[])
{
	struct suggestion near = { .to = text };
	char list[256] = "", hint[128];
	size_t len = 0;

	for (int i = 0; choices[i]; i++) {
		if (!strcmp(text, choices[i]))
			return i;
		suggest_try(&near, choices[i]);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					choices[i]);
	}
	snprintf(hint, sizeof(hint), "did you mean %s?", near.name);
	report_error(r, STATUS_ERROR, near.name ? hint : NULL, "%s %s: must be one of %s", name,
		     text, list);
	return -1;
}
