/* SPDX-License-Identifier: GPL-2.0-only */
/* What an applet is: one file, one line in applets.def. */
#ifndef APPLET_H
#define APPLET_H

#include "cli/report.h"
#include "cli/status.h"

struct applet {
	const char *name;
	const char *summary;
	/* @argv[0] is the applet's name. Returns the exit status; report_finish() is the caller's. */
	int (*main)(struct report *r, int argc, char **argv);
};

#define APPLET(name, summary) int name##_main(struct report *r, int argc, char **argv);
#include "applets.def"
#undef APPLET

#endif
