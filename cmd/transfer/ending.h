/* SPDX-License-Identifier: GPL-2.0-only */
/* How a run ends: by a signal, for which zcdma(1) has the rule, or with its source, before a limit. */
#ifndef TRANSFER_ENDING_H
#define TRANSFER_ENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "transfer/transfer.h"

/* Returns the exit status of a run that went well: that of the signal, if one came. */
int ending_status(const struct transfer *t);

/* Returns the exit status of a run that ended with @status before it began, which may be a signal's. */
int ending_before(const struct transfer *t, int status);

/* Return true if a limit in bytes or blocks ended the run; whole packets end before it, where the next would pass it. */
bool ending_is_at_limit(const struct transfer *t);

/* Return true if the source ended by itself before a limit in bytes or blocks, with a message in @buf of @len bytes. */
bool ending_is_early(const struct transfer *t, char *buf, size_t len);

/* Note that of a run whose @status is 0, which it stays. */
void ending_note_early(const struct transfer *t, struct report *r, int status);

/*
 * Return true if a signal explains the error @rc: it ends the other programs of a pipeline as well, so that an error of
 * theirs after it means little. A disk's does not go with it.
 */
bool ending_explains(int rc);

#endif
