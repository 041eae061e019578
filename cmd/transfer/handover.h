/* SPDX-License-Identifier: GPL-2.0-only */
/* --handover: whether the ring itself goes through a pipe between two zcdma, and what is said of it. */
#ifndef TRANSFER_HANDOVER_H
#define TRANSFER_HANDOVER_H

#include <popt.h>

#include "transfer/copies.h"

struct transfer;

enum handover {
	HANDOVER_AUTO, /* where it can be had */
	HANDOVER_REQUIRE,
	HANDOVER_NEVER,
};

/* An included table for popt. */
extern struct poptOption handover_options[];

/* What was asked for. False after a usage error, which has been reported. */
bool handover_parse(struct report *r, enum handover *mode);

/* It was required, where there is no pipe: a usage error, and its status. */
int handover_no_pipe(struct report *r);

/* Returns the value of the option "handover" of a source. */
const char *handover_name(enum handover mode);

/*
 * Where a reader of the ring is at the other end of standard output, open the path of @t's source to it.
 * Returns 0, or a negative errno, with no path open.
 */
int handover_open(struct transfer *t);

/*
 * Why bytes came from @src and not a ring, with who holds the other end of the pipe @fd: a sentence
 * in @buf of @len bytes. False where they did not.
 */
bool handover_why(struct zcdma_source *src, int fd, char *buf, size_t len);

/* What was required cannot be: the context's error @rc, with who reads standard output. An exit status. */
int handover_refuse(struct transfer *t, struct report *r, int rc);

/* The same for -v, where bytes go to the pipe @fd for the reason in @why. */
void handover_note(struct report *r, int fd, const char *why);

/* The report's lines on what a hand-over saves: was there one, and how often was the data copied? */
void handover_report(struct report *r, bool handed, const struct copies *copies);

#endif
