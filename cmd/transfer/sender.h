/* SPDX-License-Identifier: GPL-2.0-only */
/* What zcsend, vmsplice and copysend share: a transfer to a socket. */
#ifndef TRANSFER_SENDER_H
#define TRANSFER_SENDER_H

#include "cli/status.h"
#include "cli/expect.h"
#include "transfer/setup.h"

/* --datagram and setup_options: an included table for popt. */
extern struct poptOption sender_options[];

struct sender {
	const char *to; /* HOST:PORT, or udp:HOST:PORT */
	struct setup setup;
	enum zcdma_fallback fallback;
	enum expect expect; /* EXPECT_ZEROCOPY or EXPECT_COPIED, or nothing */
	bool unsafe_reuse;
};

/* Connect, send, report. The exit status. */
int sender_run(struct report *r, const char *applet, const struct sender *s);

#endif
