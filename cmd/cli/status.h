/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit statuses, the same for every applet; zcdma(1) lists them. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

enum {
	STATUS_OK = 0,	       /* done and, where something was verified, correct */
	STATUS_INCOMPLETE = 1, /* data differs, or the transfer is incomplete */
	STATUS_ERROR = 2,      /* usage or system error */
	STATUS_IMPOSSIBLE = 3, /* not possible here: no driver, kernel too old */
	STATUS_LOST = 4,       /* what arrived is right, but the device or the network lost data */
	STATUS_INTERRUPTED = 130 /* SIGINT */
};

#endif
