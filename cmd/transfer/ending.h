/* SPDX-License-Identifier: GPL-2.0-only */
/* How a signal ends a run: zcdma(1) has the rule. */
#ifndef TRANSFER_ENDING_H
#define TRANSFER_ENDING_H

#include <stdbool.h>

#include "transfer/transfer.h"

/* Returns the exit status of a run that went well: that of the signal, if one came. */
int ending_status(const struct transfer *t);

/* Returns the exit status of a run that ended with @status before it began, which may be a signal's. */
int ending_before(const struct transfer *t, int status);

/*
 * Return true if a signal explains the error @rc: it ends the other programs of a pipeline as well, so that an error of
 * theirs after it means little. A disk's does not go with it.
 */
bool ending_explains(int rc);

#endif
