/* SPDX-License-Identifier: GPL-2.0-only */
/* The figures of a run while it goes on. */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include <zcdma/util.h>

#include "cli/tcp_state.h"

/* What a run has done until now. */
struct figures {
	uint64_t bytes;
	uint64_t total; /* bytes in the end; 0: unknown */
	bool sends;	/* the rest is known too */
	uint64_t seq;	/* of the last block */
	uint64_t blocks, overruns, lost_bytes;
	uint64_t in_flight;		  /* blocks */
	const struct zcdma_hist *latency; /* from the device to the send, or NULL */
	const struct tcp_state *tcp;	  /* or NULL */
};

/* Returns how many bytes came to @bytes since @before: 0 where a reader left, and what it had not taken is sent again. */
static inline uint64_t figures_since(uint64_t bytes, uint64_t before)
{
	return bytes > before ? bytes - before : 0;
}

#endif
