/* SPDX-License-Identifier: GPL-2.0-only */
/* --handover: whether the ring itself goes through a pipe between two zcdma, and what is said of it. */
#ifndef TRANSFER_HANDOVER_H
#define TRANSFER_HANDOVER_H

#include <popt.h>

#include "transfer/copies.h"

/* Whether the ring itself goes through a pipe between two zcdma. */
enum handover {
	HANDOVER_AUTO, /* where both ends can */
	HANDOVER_REQUIRE,
	HANDOVER_NEVER,
};

/* How long to look for a reader: one that is started together with us is there in that time. */
#define HANDOVER_FIND_MS 100

/* An included table for popt. */
extern struct poptOption handover_options[];

/* Parse the option. Returns false after a reported usage error. */
bool handover_parse(struct report *r, enum handover *mode);

/* Report that a hand-over is required without a pipe. Returns the exit status. */
int handover_no_pipe(struct report *r);

/* Returns the value of the option "handover" of a source. */
const char *handover_name(enum handover mode);

/* Tell the reader of standard output, if there is one, that we failed before the first byte. */
void handover_fail(void);

/*
 * Explain in @buf of @len bytes why bytes came from @src and not a ring, and which program holds the other
 * end of the pipe @fd. Returns false if a ring came.
 */
bool handover_why(struct zcdma_source *src, int fd, char *buf, size_t len);

/* Explain in @buf of @len bytes, with the reason @why, which program holds the other end of the pipe @fd. */
void handover_explain(int fd, const char *why, char *buf, size_t len);

/* Report whether there was a hand-over, and how often the data was copied. */
void handover_report(struct report *r, bool by_handover, const struct copies *copies);

#endif
