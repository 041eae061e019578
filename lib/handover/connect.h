/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader at the other end of a pipe, to whom a ring can be handed over: found, and made sure of. */
#ifndef ZCDMA_HANDOVER_CONNECT_H
#define ZCDMA_HANDOVER_CONNECT_H

#include "handover/protocol.h"

struct zcdma_handover {
	struct zcdma_ctx *ctx;
	int pipe_fd;
	unsigned uses; /* for which its reader wants the ring, enum zc_use */
	int sock;
	bool offered; /* a ring, and no answer yet */
};

/* The sentence: there is no reader for a ring, or none is to be had. Return -EOPNOTSUPP. */
int zc_reader_none(struct zcdma_ctx *ctx, const char *why);
int zc_reader_fail(struct zcdma_ctx *ctx, int err);

/*
 * Wait for the reader's answer. 1 and the message, as zc_ho_recv(), or a negative errno with its
 * sentence, which a refusal is too.
 */
int zc_reader_hear(struct zcdma_handover *h, struct zc_ho_msg *msg, int *fds, int timeout_ms);

#endif
