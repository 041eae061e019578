// SPDX-License-Identifier: GPL-2.0-only
/* Which applet is meant: by the command's own name (a link), or by its first argument. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "applet.h"
#include "cli/opts.h"
#include "cli/suggest.h"
#include "transfer/handover.h"

static const struct applet applets[] = {
#define APPLET(name, summary) { #name, summary, name##_main },
#include "applets.def"
#undef APPLET
	{ NULL, NULL, NULL },
};

static const struct applet *find_applet(const char *name)
{
	for (const struct applet *a = applets; a->name; a++)
		if (!strcmp(a->name, name))
			return a;
	return NULL;
}

static void print_applets(FILE *f)
{
	for (const struct applet *a = applets; a->name; a++)
		fprintf(f, "%-10s %s\n", a->name, a->summary);
}

static void print_usage(FILE *f)
{
	fputs("Usage: zcdma APPLET [OPTION...] [ARGUMENT...]\n"
	      "       zcdma help [APPLET]\n"
	      "       zcdma --help | --version | --list\n"
	      "\n"
	      "Moves captured data to networks, disks and processes with few copies, or none.\n"
	      "\n",
	      f);
	print_applets(f);
	fputs("\n"
	      "zcdma APPLET --help lists the options of an applet.\n",
	      f);
}

static void print_version(FILE *f)
{
	fputs("zcdma " ZCDMA_VERSION "\n", f);
}

static const struct {
	const char *name;
	void (*print)(FILE *f);
} questions[] = {
	{ "--help", print_usage },
	{ "-h", print_usage },
	{ "help", print_usage },
	{ "--version", print_version },
	{ "-V", print_version },
	{ "--list", print_applets },
	{ NULL, NULL },
};

static bool is_question(const char *argument)
{
	for (size_t i = 0; questions[i].name; i++)
		if (!strcmp(questions[i].name, argument))
			return true;
	return false;
}

static int run_applet(const struct applet *a, bool json, int argc, char **argv)
{
	struct report *r = report_new(a->name);
	int status;

	argv[0] = (char *)a->name;
	report_set_mode(r, json, false, false);
	status = report_finish(r, a->main(r, argc, argv));
	report_free(r);
	return status;
}

static int unknown(struct report *r, const char *name)
{
	struct suggestion near = { .to = name };
	char hint[64];

	if (name[0] == '-')
		return report_error(r, STATUS_ERROR, "usage: zcdma APPLET [OPTION...]",
				    "unknown option %s", name);
	for (const struct applet *a = applets; a->name; a++)
		suggest_try(&near, a->name);
	if (near.name)
		snprintf(hint, sizeof(hint), "did you mean %s?", near.name);
	else
		snprintf(hint, sizeof(hint), "zcdma --help lists the applets");
	return report_error(r, STATUS_ERROR, hint, "unknown applet %s", opts_word(name));
}

/* Run what is not an applet's: help and version. @argument is NULL without one. */
static int run_main(const char *argument, bool json)
{
	struct report *r = report_new(NULL);
	int status = STATUS_OK;
	size_t i = 0;

	if (!argument) {
		print_usage(stderr);
		handover_fail();
		status = STATUS_ERROR;
		goto out;
	}
	while (questions[i].name && strcmp(questions[i].name, argument))
		i++;
	if (questions[i].name) {
		questions[i].print(stdout);
		goto out;
	}
	report_set_mode(r, json, false, false);
	status = unknown(r, argument);
	handover_fail(); /* a mistyped capture is the writer of a pipe all the same */
out:
	status = report_finish(r, status);
	report_free(r);
	return status;
}

static int refuse_argument(const char *argument, const char *usage, bool json)
{
	struct report *r = report_new(NULL);
	int status;

	report_set_mode(r, json, false, false);
	status =
		report_error(r, STATUS_ERROR, usage, "unexpected argument %s", opts_word(argument));
	status = report_finish(r, status);
	report_free(r);
	return status;
}

/* Returns the first argument other than --json, or NULL. */
static const char *find_argument(char **args)
{
	while (*args && !strcmp(*args, "--json"))
		args++;
	return *args;
}

/* Print the help of the applet that is the only one of @args, as its --help does. Returns the exit status. */
static int help_with(char **args, bool json)
{
	const struct applet *a = find_applet(args[0]);
	const char *more = a ? find_argument(args + 1) : NULL;
	char *argv[] = { args[0], "--help", NULL };

	if (more)
		return refuse_argument(more, "usage: zcdma help [APPLET]", json);
	return a ? run_applet(a, json, 2, argv) : run_main(args[0], json);
}

/*
 * A file opened later must not land on a descriptor that everybody takes for standard input, output
 * or errors. The placeholders are opened in the wrong direction, so that they still answer EBADF.
 */
static bool fill_standard_descriptors(void)
{
	static const int flags[] = {
		[STDIN_FILENO] = O_WRONLY,
		[STDOUT_FILENO] = O_RDONLY,
		[STDERR_FILENO] = O_RDONLY,
	};

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			return false;
	return true;
}

/* Known before the options are read, so that an error in those comes out as JSON too. */
static bool wants_json(char **argv)
{
	for (; *argv && strcmp(*argv, "--"); argv++)
		if (!strcmp(*argv, "--json"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const struct applet *a;
	bool json;

	if (!fill_standard_descriptors() || argc < 1)
		return STATUS_ERROR;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	setlocale(LC_CTYPE, ""); /* how wide a name is in a table; numbers stay as they are */

	json = wants_json(argv + 1);
	a = find_applet(basename(argv[0]));
	if (a)
		return run_applet(a, json, argc, argv);
	a = argc > 1 ? find_applet(argv[1]) : NULL;
	if (a)
		return run_applet(a, json, argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "help"))
		return help_with(argv + 2, json);
	if (argc > 2 && is_question(argv[1]) && find_argument(argv + 2))
		return refuse_argument(find_argument(argv + 2),
				       "usage: zcdma --help | --version | --list", json);
	return run_main(argv[1], json);
}
