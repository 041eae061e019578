/* SPDX-License-Identifier: GPL-2.0-only */
/* --handover: whether the ring itself goes through a pipe between two zcdma, and what is said of it. */
#ifndef TRANSFER_HANDOVER_H
#define TRANSFER_HANDOVER_H

#include <popt.h>

#include "transfer/copies.h"

enum handover {
	HANDOVER_AUTO, /* where both ends can */
	HANDOVER_REQUIRE,
	HANDOVER_NEVER,
};

/* An included table for popt. */
extern struct poptOption handover_options[];

/* Parse the option. Returns false after a reported usage error. */
bool handover_parse(struct report *r, enum handover *mode);

/* Report that a hand-over is required without a pipe. Returns the exit status. */
int handover_no_pipe(struct report *r);

/* Returns the value of the option "handover" of a source. */
const char *handover_name(enum handover mode);

/* As zcdma_handover_find(), of standard output; SIGUSR1 does not end it. */
int handover_find(struct zcdma_ctx *ctx, struct zcdma_handover **reader);

/* As zcdma_path_open_handover(); SIGUSR1 does not end it. */
int handover_open(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_handover *reader,
		  struct zcdma_path **path);

/* Tell the reader of standard output, if there is one, that we failed before the first byte. */
void handover_fail(void);

/*
 * Explain in @buf of @len bytes why bytes came from @src and not a ring, and which program holds the other
 * end of the pipe @fd. Returns false if a ring came.
 */
bool handover_why(struct zcdma_source *src, int fd, char *buf, size_t len);

/* Report the context's error @rc, and which program reads standard output. Returns the exit status. */
int handover_refuse(const struct zcdma_ctx *ctx, struct report *r, int rc);

/* With -v, note that bytes go to the pipe @fd for the reason @why. */
void handover_note(struct report *r, int fd, const char *why);

/* Report whether there was a hand-over, and how often the data was copied. */
void handover_report(struct report *r, bool by_handover, const struct copies *copies);

#endif
