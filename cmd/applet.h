/* SPDX-License-Identifier: GPL-2.0-only */
/* What an applet is: one file, one line in applets.def. */
#ifndef APPLET_H
#define APPLET_H

#include "cli/report.h"

/* Exit statuses, the same for every applet. */
enum {
	STATUS_OK = 0,	       /* done and, where something was verified, correct */
	STATUS_INCOMPLETE = 1, /* data differs, or the transfer is incomplete */
	STATUS_ERROR = 2,      /* usage or system error */
	STATUS_IMPOSSIBLE = 3, /* not possible here: no driver, kernel too old */
	STATUS_LOST = 4,       /* what arrived is right, but the device or the network lost data */
	STATUS_INTERRUPTED = 130 /* SIGINT */
};

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
