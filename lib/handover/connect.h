/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the reader at the other end of a pipe, to hand a ring over to it. */
#ifndef ZCDMA_HANDOVER_CONNECT_H
#define ZCDMA_HANDOVER_CONNECT_H

#include "handover/shared_page.h"

struct zcdma_handover {
	struct zcdma_ctx *ctx;
	int pipe_fd;
	unsigned uses; /* what the reader uses the ring for, enum zc_use */
	int sock;
	unsigned version; /* that both ends know */
	struct zc_shared_page page;
	bool offered; /* a ring was offered, and not answered yet */
};

/* Set the error message: a hand-over is not possible, and @why, or as @err says. Return -EOPNOTSUPP. */
int zc_reader_none(struct zcdma_ctx *ctx, const char *why);
int zc_reader_fail(struct zcdma_ctx *ctx, int err);

/*
 * Wait for the reader's answer. Returns 1 with the message, as zc_ho_recv() does, or a negative errno with the error
 * message set, also for a refusal.
 */
int zc_reader_receive(struct zcdma_handover *h, struct zc_ho_msg *msg, int *fds, int timeout_ms);

#endif
