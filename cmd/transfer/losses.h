/* SPDX-License-Identifier: GPL-2.0-only */
/* Data that was lost before it could be read, by the device, the capture or the network: its exit status. */
#ifndef TRANSFER_LOSSES_H
#define TRANSFER_LOSSES_H

#include "cli/report.h"

/*
 * Report as an error what @src lost between the blocks that it delivered. Returns STATUS_LOST then, or
 * @status where that is another fault. After a signal (@status of 128 and more) it is a note.
 */
int losses_check(struct report *r, struct zcdma_source *src, int status);

#endif
