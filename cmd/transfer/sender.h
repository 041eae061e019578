/* SPDX-License-Identifier: GPL-2.0-only */
/* What zcsend, vmsplice and copysend share: a transfer to a socket. */
#ifndef TRANSFER_SENDER_H
#define TRANSFER_SENDER_H

#include "cli/status.h"
#include "cli/expect.h"
#include "transfer/fanout.h"
#include "transfer/setup.h"

/* --datagram and setup_options: an included table for popt. */
extern struct poptOption sender_options[];

struct sender {
	const char *to[FANOUT_MOST]; /* HOST:PORT, or udp:HOST:PORT */
	unsigned count;		     /* of these */
	struct setup setup;
	enum zcdma_fallback fallback;
	enum expect expect; /* EXPECT_ZEROCOPY or EXPECT_COPIED, or nothing */
	bool unsafe_reuse;
};

/* What the arguments of a sender are, for the usage in its struct opts: any number of them. */
#define SENDER_USAGE "[OPTION...] HOST:PORT... [SOURCE]"

struct opts;

/* Take the receivers and the source from the arguments. Returns false after a reported usage error. */
bool sender_parse(struct sender *s, const struct opts *o, struct report *r);

/* Connect, send, report. The exit status. */
int sender_run(struct report *r, const char *applet, const struct sender *s);

#endif
