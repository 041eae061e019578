/* SPDX-License-Identifier: GPL-2.0-only */
/* Hands the ring of a transfer over to the readers at the other ends of its pipes. */
#ifndef TRANSFER_HANDOVER_OPEN_H
#define TRANSFER_HANDOVER_OPEN_H

#include "transfer/fanout.h"
#include "transfer/transfer.h"

/* What data goes to, beside the one receiver of a path that is connected. */
struct handover_outputs {
	unsigned count;
	int fd[FANOUT_MOST];
	struct zcdma_path *path[FANOUT_MOST]; /* a hand-over through the pipe .fd, or NULL */
	/* Its reader, that waits for an end of the bytes by zcdma_handover_end(); or NULL. */
	struct zcdma_handover *announced[FANOUT_MOST];
};

/*
 * Open a path to each reader of the ring of @t at the other end of a pipe of @outputs, or announce bytes to a reader that
 * takes no ring. Returns 0, with NULL for the others, or an exit status after a reported error.
 */
int handover_open(struct transfer *t, struct report *r, struct handover_outputs *outputs);

#endif
