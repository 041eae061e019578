/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A socket's error queue, as far as it holds completions of MSG_ZEROCOPY sends. */
#ifndef ZCDMA_PATH_ERRQUEUE_H
#define ZCDMA_PATH_ERRQUEUE_H

#include "internal.h"

/* Sends of a socket, by the kernel's numbers, that have completed. */
struct zc_completions {
	uint32_t lo, hi; /* inclusive */
	bool copied;	 /* after all: SO_EE_CODE_ZEROCOPY_COPIED */
};

/* Take the next report, without waiting. Returns 1, 0 without a report, or a negative errno. */
int zc_errqueue_read(int fd, struct zc_completions *c);

#endif
