// SPDX-License-Identifier: GPL-2.0-only
/* zcsend: send with MSG_ZEROCOPY, and say what was really not copied. */
#include "applet.h"
#include "cli/opts.h"
#include "transfer/sender.h"

static const char *const fallbacks[] = { "copy", "keep", NULL }; /* enum zcdma_fallback */

static struct {
	const char *fallback, *expect;
} arg;

static const struct poptOption table[] = {
	{ "fallback", 0, POPT_ARG_STRING, &arg.fallback, 0,
	  "while the kernel copies anyway: copy (send plainly, the default) or keep (trying)",
	  "copy|keep" },
	{ "expect", 0, POPT_ARG_STRING, &arg.expect, 0,
	  "exit with 1 unless all data was zero-copied, or all copied", "zerocopy|copied" },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, sender_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

int zcsend_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = SENDER_USAGE,
		.about =
			"Sends blocks with MSG_ZEROCOPY and reads the completions. To udp:HOST:PORT it sends datagrams. SOURCE is " SOURCES_HELP
			" or - (standard input, also the default where something is piped in).",
		.table = table,
		.min_args = 1,
		.max_args = -1,
	};
	struct sender s = { .setup = { .stdin_is_default = true, .default_path = "zerocopy" } };
	int status, choice;

	if (!opts_parse(&o, r, argc, argv, &status))
		goto out;
	status = STATUS_ERROR;
	if (!sender_parse(&s, &o, r))
		goto out;
	if (arg.fallback) {
		choice = opts_choice(r, "--fallback", arg.fallback, fallbacks);
		if (choice < 0)
			goto out;
		s.fallback = (enum zcdma_fallback)choice;
	}
	if (!expect_parse(r, argv[0], arg.expect, &s.expect))
		goto out;
	if (s.expect)
		s.setup.reporting_for = "--expect";
	status = sender_run(r, argv[0], &s);
out:
	opts_free(&o);
	return status;
}
