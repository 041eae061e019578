/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a run came to its limits in bytes and blocks, or its source ended before. */
#ifndef TRANSFER_LIMITS_H
#define TRANSFER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "transfer/transfer.h"

/* Return true if one of them ended the run; whole packets end before it, where the next would pass it. */
bool limits_are_reached(const struct transfer *t);

/* Return true if the source ended by itself before one of them, with a message in @buf of @len bytes. */
bool limits_are_missed(const struct transfer *t, char *buf, size_t len);

/* Note that of a run whose @status is 0, which it stays. */
void limits_note_missed(const struct transfer *t, struct report *r, int status);

#endif
