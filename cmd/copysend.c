// SPDX-License-Identifier: GPL-2.0-only
/* copysend: send by copying. */
#include "applet.h"
#include "cli/opts.h"
#include "transfer/sender.h"

static const struct poptOption table[] = {
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, sender_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

int copysend_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = SENDER_USAGE,
		.about =
			"Sends blocks with plain send(). To udp:HOST:PORT it sends datagrams. SOURCE is " SOURCES_HELP
			" or - (standard input, also the default where something is piped in).",
		.table = table,
		.min_args = 1,
		.max_args = -1,
	};
	struct sender s = { .setup = { .stdin_is_default = true, .default_path = "copy" } };
	int status;

	if (opts_parse(&o, r, argc, argv, &status))
		status = sender_parse(&s, &o, r) ? sender_run(r, argv[0], &s) : STATUS_ERROR;
	opts_free(&o);
	return status;
}
