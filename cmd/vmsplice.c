// SPDX-License-Identifier: GPL-2.0-only
/* vmsplice: send with vmsplice and splice. */
#include "applet.h"
#include "cli/opts.h"
#include "transfer/sender.h"

static int unsafe_reuse;

static const struct poptOption table[] = {
	{ "unsafe-reuse", 0, POPT_ARG_NONE, &unsafe_reuse, 0,
	  "for the lab: write to pages that may still be unsent, and see the data change", NULL },
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, sender_options, 0, NULL, NULL },
	POPT_TABLEEND,
};

int vmsplice_main(struct report *r, int argc, char **argv)
{
	struct opts o = {
		.usage = SENDER_USAGE,
		.about =
			"Sends blocks by vmsplice() into a pipe and splice() from there; what is on standard input is spliced as it is. To udp:HOST:PORT it sends datagrams. SOURCE is " SOURCES_HELP
			" or -.",
		.table = table,
		.min_args = 1,
		.max_args = -1,
	};
	struct sender s = { .setup = {
				    .stdin_is_default = true,
				    .default_path = "vmsplice",
				    .pipe_path = "splice",
			    } };
	int status;

	if (!opts_parse(&o, r, argc, argv, &status))
		goto out;
	status = STATUS_ERROR;
	if (sender_parse(&s, &o, r)) {
		s.unsafe_reuse = unsafe_reuse;
		if (unsafe_reuse)
			report_note(
				r,
				"--unsafe-reuse: the receiver may get data that was written later");
		status = sender_run(r, argv[0], &s);
	}
out:
	opts_free(&o);
	return status;
}
